package house

import (
	"go/ast"
	"strings"
	"unicode/utf8"
)

// What a reader's screen and memory hold. Most of the tree is far below: the median function has 8
// lines. What a test lists may be longer.
const (
	lineMax         = 100 // columns, where a tab is 4
	functionMax     = 70  // lines
	testFunctionMax = 100 // lines
	fileMax         = 600 // lines, of files that aren't tests
)

// longLines finds lines beyond lineMax. The code of tests is free: a case of a table is read best
// on one line. Comments fit everywhere.
func longLines(all []*source) (found findings) {
	for _, s := range all {
		verbatim := rawLines(s)
		number := 0
		for line := range strings.Lines(s.text) {
			number++
			exempt := verbatim[number] || s.test && !strings.HasPrefix(strings.TrimSpace(line), "//")
			if n := columns(line); n > lineMax && !exempt && !strings.HasPrefix(line, "//go:") {
				found.add(s.path, number, "%d columns, the limit is %d", n, lineMax)
			}
		}
	}
	return found
}

// columns is the width of a line.
func columns(line string) int {
	line = strings.TrimRight(line, "\r\n")
	return utf8.RuneCountInString(line) + 3*strings.Count(line, "\t")
}

// rawLines has the lines that continue a raw string: they are what the program prints.
func rawLines(s *source) map[int]bool {
	lines := make(map[int]bool)
	ast.Inspect(s.tree, func(n ast.Node) bool {
		if n, ok := n.(*ast.BasicLit); ok && strings.HasPrefix(n.Value, "`") {
			for i := s.line(n.Pos()) + 1; i <= s.line(n.End()); i++ {
				lines[i] = true
			}
		}
		return true
	})
	return lines
}

func longFunctions(all []*source) (found findings) {
	for _, s := range all {
		limit := functionMax
		if s.test {
			limit = testFunctionMax
		}
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				if n := s.line(f.End()) - s.line(f.Pos()) + 1; n > limit {
					found.add(s.path, s.line(f.Pos()), "%s has %d lines, the limit is %d", f.Name.Name, n, limit)
				}
			}
		}
	}
	return found
}

func longFiles(all []*source) (found findings) {
	for _, s := range all {
		if n := strings.Count(s.text, "\n"); n > fileMax && !s.test {
			found.add(s.path, 1, "%d lines, the limit is %d", n, fileMax)
		}
	}
	return found
}
