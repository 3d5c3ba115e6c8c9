package rpc

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A program that only talks to agents links neither the agent nor the node.
func TestClientNeedsNoAgent(t *testing.T) {
	allowed := []string{"serf/agent/rpc/internal/", "serf/internal/", "serf/swim/serf/coord", "serf/swim/history",
		"serf/agent/survey"}
	seen := make(map[string]bool)
	var visit func(pkg string)
	visit = func(pkg string) {
		if seen[pkg] {
			return
		}
		seen[pkg] = true
		files, err := filepath.Glob(filepath.Join("../..", strings.TrimPrefix(pkg, "serf"), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("files of %s: %v, %v", pkg, files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range f.Imports {
				path, _ := strconv.Unquote(i.Path.Value)
				isAllowed := func(prefix string) bool { return strings.HasPrefix(path, prefix) }
				switch {
				case !strings.HasPrefix(path, "serf/"):
				case !slices.ContainsFunc(allowed, isAllowed):
					t.Errorf("%s imports %s", file, path)
				default:
					visit(path)
				}
			}
		}
	}
	visit("serf/agent/rpc")
	if len(seen) < 4 {
		t.Errorf("only %d packages were looked at", len(seen))
	}
}
