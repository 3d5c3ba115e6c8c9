package interop

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What programs and libraries write against memberlist must compile against ours: every exported name
// of the original, with its type, its methods and its fields. Ours may have more.

const (
	originalShape = "github.com/hashicorp/memberlist"
	ownShape      = "serf/compat/memberlist"
)

func TestShape(t *testing.T) {
	t.Parallel()
	packages := exported(t, originalShape, ownShape)
	original, own := packages[0].Scope(), packages[1].Scope()
	for _, name := range original.Names() {
		if !token.IsExported(name) {
			continue
		}
		want, got := shape(original.Lookup(name)), shape(own.Lookup(name))
		for part, want := range want {
			if got[part] != want {
				t.Errorf("%s: %q, and ours %q", part, want, got[part])
			}
		}
	}
}

// TestNamesForReplace makes sure that what programs get by a replace directive has all names of ours.
func TestNamesForReplace(t *testing.T) {
	t.Parallel()
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, "foreign/memberlist/memberlist.go", nil, 0)
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
	for _, name := range exported(t, ownShape)[0].Scope().Names() {
		if token.IsExported(name) && !names[name] {
			t.Errorf("%s is missing in foreign/memberlist/memberlist.go", name)
		}
	}
}

// exported returns packages as the compiler exports them.
func exported(t *testing.T, paths ...string) (packages []*types.Package) {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}
	list := exec.Command("go", append(args, paths...)...)
	list.Stderr = os.Stderr
	text, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(text)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		files[path] = file
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
	all := importer.ForCompiler(token.NewFileSet(), "gc", open)
	for _, path := range paths {
		p, err := all.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}

// shape describes what a program can write about a name: the type by the name itself, values of
// constants, methods and fields by name and part.
func shape(o types.Object) map[string]string {
	s := map[string]string{}
	switch o := o.(type) {
	case *types.Const:
		s[o.Name()] = typeString(o.Type()) + " " + o.Val().String()
	case *types.Func, *types.Var:
		s[o.Name()] = typeString(o.Type())
	case *types.TypeName:
		s[o.Name()] = "type"
		shapeOfType(s, o)
	}
	return s
}

func shapeOfType(s map[string]string, o *types.TypeName) {
	switch under := o.Type().Underlying().(type) {
	case *types.Struct:
		for f := range under.Fields() {
			if f.Exported() {
				s[o.Name()+"."+f.Name()] = "field " + typeString(f.Type())
			}
		}
	case *types.Interface:
		s[o.Name()] = fmt.Sprintf("%d methods", under.NumMethods()) // one more, and programs lack it
		for m := range under.Methods() {
			s[o.Name()+"."+m.Name()] = typeString(m.Type())
		}
	default:
		s[o.Name()] = typeString(under)
	}
	methods := types.NewMethodSet(types.NewPointer(o.Type()))
	for m := range methods.Methods() {
		if m.Obj().Exported() {
			s[o.Name()+"."+m.Obj().Name()] = typeString(m.Type())
		}
	}
}

// typeString writes a type without the names of parameters, and with the same name for both packages.
func typeString(t types.Type) string {
	return types.TypeString(nameless(t), func(p *types.Package) string {
		if p.Path() == ownShape {
			return originalShape
		}
		return p.Path()
	})
}

// nameless returns a function's type without the names of its parameters.
func nameless(t types.Type) types.Type {
	f, ok := t.(*types.Signature)
	if !ok {
		return t
	}
	bare := func(vars *types.Tuple) *types.Tuple {
		var all []*types.Var
		for v := range vars.Variables() {
			all = append(all, types.NewVar(token.NoPos, nil, "", v.Type()))
		}
		return types.NewTuple(all...)
	}
	return types.NewSignatureType(nil, nil, nil, bare(f.Params()), bare(f.Results()), f.Variadic())
}
