package house

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// sleeps finds tests that wait for real. Tests wait in virtual time: netsim's, or a synctest
// bubble's. Only interop's, which run other programs, and those of the documents' commands wait for
// real.
func sleeps(all []*source) (found findings) {
	for _, s := range all {
		if !s.test || under(s.pkg(), "interop") || s.pkg() == "docs" || slices.Contains(imports(s), "testing/synctest") {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if n, ok := n.(*ast.SelectorExpr); ok && n.Sel.Name == "Sleep" {
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" {
					found.add(s.path, s.line(n.Pos()), "time.Sleep waits for real")
				}
			}
			return true
		})
	}
	return found
}

func undocumentedPackages(all []*source) (found findings) {
	documented := make(map[string]bool)
	for _, s := range all {
		if !s.test || under(s.pkg(), "docs") || under(s.pkg(), "interop") || under(s.pkg(), "internal/house") {
			documented[s.pkg()] = documented[s.pkg()] || s.tree.Doc != nil
		}
	}
	for pkg, ok := range documented {
		if !ok {
			found.add(pkg, 1, "no package comment")
		}
	}
	return found
}

// undocumentedNames finds exported names without a comment in packages that others may import.
func undocumentedNames(all []*source) (found findings) {
	for _, s := range all {
		if s.test || s.tree.Name.Name == "main" || slices.Contains(strings.Split(s.pkg(), "/"), "internal") {
			continue
		}
		for _, d := range s.tree.Decls {
			for name, p := range undocumented(d) {
				found.add(s.path, s.line(p), "%s", name)
			}
		}
	}
	return found
}

// undocumented returns the exported names of a declaration that have no comment, neither of their
// own nor for the group they are declared in.
func undocumented(d ast.Decl) map[string]token.Pos {
	names := make(map[string]token.Pos)
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) && !conventional[d.Name.Name] {
			names[d.Name.Name] = d.Pos()
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if d.Doc == nil && spec.Doc == nil && spec.Comment == nil && spec.Name.IsExported() {
					names[spec.Name.Name] = spec.Pos()
				}
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					if d.Doc == nil && spec.Doc == nil && spec.Comment == nil && name.IsExported() {
						names[name.Name] = name.Pos()
					}
				}
			}
		}
	}
	return names
}

// conventional are the methods whose meaning Go's library gives.
var conventional = map[string]bool{"Error": true, "Unwrap": true, "String": true, "Len": true, "Less": true, "Swap": true}

// receiver returns the name of a method's type.
func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	if name, ok := t.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}
