package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mutant is the program with one place of one file changed.
type mutant struct {
	pkg, file string
	line      int
	what      string // was changed
	text      []byte // of the whole file
}

func (m *mutant) String() string {
	pkg := strings.TrimPrefix(m.pkg, "serf/")
	return fmt.Sprintf("%s/%s:%d: %s", pkg, filepath.Base(m.file), m.line, m.what)
}

// draw returns count mutants. The chance of a package is proportional to its lines; its files are
// equally likely, and so are the places of a file.
func draw(packages []pkg, count int, random *rand.Rand) ([]*mutant, error) {
	var lines []int // of the packages up to and including this one
	sum := 0
	for _, p := range packages {
		for _, f := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				return nil, err
			}
			sum += bytes.Count(text, []byte("\n"))
		}
		lines = append(lines, sum)
	}
	var list []*mutant
	for len(list) < count {
		at := random.IntN(sum)
		i := 0
		for lines[i] <= at {
			i++
		}
		m, err := drawIn(&packages[i], random)
		if err != nil {
			return nil, err
		}
		if m != nil {
			list = append(list, m)
		}
	}
	return list, nil
}

// drawIn returns a mutant of one file of a package, or nil if the file has nothing to change.
func drawIn(p *pkg, random *rand.Rand) (*mutant, error) {
	file := filepath.Join(p.Dir, p.GoFiles[random.IntN(len(p.GoFiles))])
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	places := places(tree)
	if len(places) == 0 {
		return nil, nil
	}
	x := places[random.IntN(len(places))]
	line := fset.Position(x.pos).Line
	x.apply()
	var b bytes.Buffer
	if err := format.Node(&b, fset, tree); err != nil {
		return nil, err
	}
	return &mutant{pkg: p.ImportPath, file: file, line: line, what: x.what, text: b.Bytes()}, nil
}

// place is one thing in a file that can be changed, and how.
type place struct {
	pos   token.Pos
	what  string
	apply func()
}

// places returns what can be changed in a file: operators, conditions, integers, booleans, and
// statements, which are left out. Changing one place makes the others stale.
func places(tree *ast.File) []place {
	var list []place
	add := func(pos token.Pos, what string, apply func()) {
		list = append(list, place{pos, what, apply})
	}
	for _, d := range tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil || f.Name.Name == "String" { // for people
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				return !messageCall(n)
			case *ast.BinaryExpr:
				if to, ok := otherOperator[n.Op]; ok {
					add(n.OpPos, fmt.Sprintf("%v becomes %v", n.Op, to), func() { n.Op = to })
				}
			case *ast.IfStmt:
				add(n.Cond.Pos(), "if isn't", func() {
					n.Cond = &ast.UnaryExpr{Op: token.NOT, X: &ast.ParenExpr{X: n.Cond}}
				})
			case *ast.BasicLit:
				if v, err := strconv.Atoi(n.Value); n.Kind == token.INT && err == nil {
					add(n.Pos(), fmt.Sprintf("%d becomes %d", v, v+1), func() {
						n.Value = strconv.Itoa(v + 1)
					})
				}
			case *ast.Ident:
				if to, ok := map[string]string{"true": "false", "false": "true"}[n.Name]; ok {
					add(n.Pos(), n.Name+" becomes "+to, func() { n.Name = to })
				}
			case *ast.BlockStmt:
				for i, s := range n.List {
					if removable(s) {
						add(s.Pos(), "statement left out", func() {
							n.List = append(n.List[:i:i], n.List[i+1:]...)
						})
					}
				}
			}
			return true
		})
	}
	return list
}

var otherOperator = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.LAND: token.LOR, token.LOR: token.LAND, token.AND: token.OR, token.OR: token.AND,
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL,
}

// removable reports whether a program without s may still compile, and behave differently.
func removable(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		return ok && !messageCall(call)
	case *ast.AssignStmt:
		return s.Tok != token.DEFINE
	case *ast.IncDecStmt:
		return true
	case *ast.BranchStmt:
		return s.Tok != token.FALLTHROUGH
	}
	return false
}

// messageCall reports whether a call makes text for people or checks an invariant: tests don't
// cover the one, and cannot break the other.
func messageCall(c *ast.CallExpr) bool {
	name := ""
	switch f := c.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok && x.Name == "invariant" {
			return true
		}
		name = f.Sel.Name
	}
	switch name {
	case "panic", "Errorf", "Sprintf", "New":
		return true
	}
	return false
}
