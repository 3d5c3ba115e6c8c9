package shapes

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// What programs get by a replace directive has all names that the original has, and those of forks.
func TestNamesForReplace(t *testing.T) {
	t.Parallel()
	tree, err := parser.ParseFile(token.NewFileSet(), "../foreign/memberlist/memberlist.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, d := range tree.Decls {
		for _, spec := range d.(*ast.GenDecl).Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names[spec.Name.Name] = true
			case *ast.ValueSpec:
				names[spec.Names[0].Name] = true
			}
		}
	}
	forks := []string{"NodeSelectionDelegate", "NodeState", "CompressionAlgorithm"}
	for name := range api {
		if !names[name] {
			t.Errorf("%s is missing in foreign/memberlist/memberlist.go", name)
		}
	}
	for _, name := range forks {
		if !names[name] {
			t.Errorf("%s is missing in foreign/memberlist/memberlist.go", name)
		}
	}
}
