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

// change is one file with something else in it.
type change struct {
	pkg, file string
	line      int
	what      string
	text      []byte
}

func (c *change) String() string {
	return fmt.Sprintf("%s/%s:%d: %s", strings.TrimPrefix(c.pkg, "serf/"), filepath.Base(c.file), c.line, c.what)
}

// draw makes up changes. A package is drawn from in proportion to its lines, a place from all in it alike.
func draw(packages []pkg, count int, random *rand.Rand) ([]*change, error) {
	var lines []int // of all packages up to this one
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
	var list []*change
	for len(list) < count {
		at := random.IntN(sum)
		i := 0
		for lines[i] <= at {
			i++
		}
		c, err := drawIn(&packages[i], random)
		if err != nil {
			return nil, err
		}
		if c != nil {
			list = append(list, c)
		}
	}
	return list, nil
}

// drawIn makes up a change to one file of a package, or returns nil if there is nothing in it to change.
func drawIn(p *pkg, random *rand.Rand) (*change, error) {
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
	return &change{pkg: p.ImportPath, file: file, line: line, what: x.what, text: b.Bytes()}, nil
}

// place is where something could be changed.
type place struct {
	pos   token.Pos
	what  string
	apply func()
}

// places lists what could be changed in a file: operators, conditions, numbers, truths, and statements left out.
func places(tree *ast.File) []place {
	var list []place
	add := func(pos token.Pos, what string, apply func()) { list = append(list, place{pos, what, apply}) }
	for _, d := range tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil || f.Name.Name == "String" { // words are for people
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
				add(n.Cond.Pos(), "if isn't", func() { n.Cond = &ast.UnaryExpr{Op: token.NOT, X: &ast.ParenExpr{X: n.Cond}} })
			case *ast.BasicLit:
				if v, err := strconv.Atoi(n.Value); n.Kind == token.INT && err == nil {
					add(n.Pos(), fmt.Sprintf("%d becomes %d", v, v+1), func() { n.Value = strconv.Itoa(v + 1) })
				}
			case *ast.Ident:
				if to, ok := map[string]string{"true": "false", "false": "true"}[n.Name]; ok {
					add(n.Pos(), n.Name+" becomes "+to, func() { n.Name = to })
				}
			case *ast.BlockStmt:
				for i, s := range n.List {
					if removable(s) {
						add(s.Pos(), "statement left out", func() { n.List = append(n.List[:i:i], n.List[i+1:]...) })
					}
				}
			}
			return true
		})
	}
	return list
}

var otherOperator = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ,
	token.GEQ: token.GTR, token.LAND: token.LOR, token.LOR: token.LAND, token.ADD: token.SUB, token.SUB: token.ADD,
	token.MUL: token.QUO, token.QUO: token.MUL, token.AND: token.OR, token.OR: token.AND,
}

// removable tells whether a program without s may still compile and do something else.
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

// messageCall tells whether a call words something for people, or says what can't happen.
func messageCall(c *ast.CallExpr) bool {
	name := ""
	switch f := c.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	switch name {
	case "invariant", "panic", "Errorf", "Sprintf", "New":
		return true
	}
	return false
}
