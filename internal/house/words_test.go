package house

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
)

// words returns a rule that finds a pattern in names and comments. Strings may hold it: users and
// other programs know what they say.
func words(pattern string) func(all []*source) findings {
	p := regexp.MustCompile(pattern)
	return func(all []*source) (found findings) {
		for _, s := range all {
			eachWord(s, func(at token.Pos, text string) {
				if word := p.FindString(text); word != "" {
					found.add(s.path, s.line(at), "%q", word)
				}
			})
		}
		return found
	}
}

// eachWord calls f for each name in a file and each line of its comments.
func eachWord(s *source, f func(at token.Pos, text string)) {
	ast.Inspect(s.tree, func(n ast.Node) bool {
		if n, ok := n.(*ast.Ident); ok {
			f(n.Pos(), n.Name)
		}
		return true
	})
	for _, group := range s.tree.Comments {
		for _, c := range group.List {
			at := c.Pos()
			for line := range strings.Lines(c.Text) {
				f(at, line)
				at += token.Pos(len(line))
			}
		}
	}
}
