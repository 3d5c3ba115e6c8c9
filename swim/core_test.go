package swim

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// coreImports is what the core may import. Each line is a decision: the core is a function
// of its inputs, and nothing in this list can read a clock, a socket or a global
// random source without being caught below.
var coreImports = []string{
	"bytes", "cmp", "crypto/aes", "crypto/cipher", "encoding/base64", "encoding/binary", "errors", "fmt", "hash/crc32", "iter", "maps",
	"math", "math/bits", "math/rand/v2", "net/netip", "regexp", "slices", "sort", "strconv", "strings", "time", "unicode/utf8",
	"serf/internal/invariant", "serf/internal/msgpack", "serf/lamport", "serf/swim", "serf/swim/internal/paged", "serf/swim/serf/coord", "serf/wire",
}

// banned are functions of allowed packages that aren't functions of their inputs.
var banned = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"rand": {"Int", "IntN", "Int64", "Int64N", "Uint32", "Uint64", "Uint64N", "Float64", "N", "Perm", "Shuffle"},
}

// TestCoreIsAFunctionOfItsInputs reads the source of the core packages.
func TestCoreIsAFunctionOfItsInputs(t *testing.T) {
	files := 0
	for _, dir := range []string{"../internal/invariant", "../internal/msgpack", "../wire", "../lamport", ".", "internal/paged", "serf", "serf/coord"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
				checkCoreFile(t, filepath.Join(dir, e.Name()))
				files++
			}
		}
	}
	if files < 20 {
		t.Fatalf("only %d files of the core found", files)
	}
}

func checkCoreFile(t *testing.T, name string) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Imports {
		if p, _ := strconv.Unquote(i.Path.Value); !slices.Contains(coreImports, p) {
			t.Errorf("%s imports %s, which the core does without", name, p)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		at := func() token.Position { return fset.Position(n.Pos()) }
		switch n := n.(type) {
		case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
			t.Errorf("%v: the core has no goroutines and channels", at())
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Obj == nil && slices.Contains(banned[x.Name], n.Sel.Name) {
				t.Errorf("%v: %s.%s isn't a function of its inputs", at(), x.Name, n.Sel.Name)
			}
		}
		return true
	})
}
