package examples

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// linesMax is how many lines of an example somebody reads who wants to copy from it.
const linesMax = 120

// An example is one short file, uses nothing that only this repository can, and has a test and a row
// in the table.
func TestExamplesCanBeCopied(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	programs, err := filepath.Glob("*/main.go")
	if err != nil || len(programs) < 6 {
		t.Fatalf("found %v, %v", programs, err)
	}
	for _, path := range programs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n > linesMax {
			t.Errorf("%s has %d lines, the limit is %d", path, n, linesMax)
		}
		if !strings.Contains(string(readme), "]("+filepath.ToSlash(path)+") | ") {
			t.Errorf("%s has no row in README.md", path)
		}
		folder, _ := filepath.Split(path)
		if files, err := filepath.Glob(folder + "*.go"); err != nil || len(files) != 2 {
			t.Errorf("%s: %v, %v; want main.go and its test", folder, files, err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if strings.Contains(i.Path.Value, "/internal/") {
				t.Errorf("%s imports %s, which programs elsewhere can't", path, i.Path.Value)
			}
		}
	}
}
