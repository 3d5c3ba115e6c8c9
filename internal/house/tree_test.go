package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// source is one Go file of the tree.
type source struct {
	path string // from the top of the tree, with slashes
	test bool   // a test, or in a package for tests, whose name ends so
	text string
	tree *ast.File
	set  *token.FileSet
}

func newSource(path, text string) (s *source, err error) {
	s = &source{path: path, text: text, set: token.NewFileSet()}
	s.test = strings.HasSuffix(path, "_test.go") || strings.HasSuffix(s.pkg(), "test")
	s.tree, err = parser.ParseFile(s.set, path, text, parser.ParseComments|parser.SkipObjectResolution)
	return s, err
}

// line returns the number of the line that a position is on.
func (s *source) line(p token.Pos) int { return s.set.Position(p).Line }

// pkg returns the folder of the file, which names its package.
func (s *source) pkg() string { return path.Dir(s.path) }

// sources returns the Go files of the tree below root, interop's included.
func sources(root string) (all []*source, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		s, err := newSource(filepath.ToSlash(relative), string(text))
		all = append(all, s)
		return err
	})
	return all, err
}

// findings are the places where the tree breaks a rule.
type findings []string

// add notes a place in a way that editors can jump to.
func (f *findings) add(path string, line int, format string, args ...any) {
	*f = append(*f, fmt.Sprintf("%s:%d: ", path, line)+fmt.Sprintf(format, args...))
}
