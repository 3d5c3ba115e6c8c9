package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// root is the top of the source tree.
const root = "../.."

// tableRow is a row of a table in a Markdown file.
type tableRow struct {
	section string   // the heading above
	cells   []string // without the bars
	line    int
}

// readTables returns the rows of all tables of a file, without their heads.
func readTables(t *testing.T, path string) (rows []tableRow) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	section, head := "", true
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "):
			section = line[3:]
		case !strings.HasPrefix(line, "|"):
			head = true
		case strings.HasPrefix(line, "| ---"):
			head = false
		case !head:
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, tableRow{section, cells, number})
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no rows", path)
	}
	return rows
}

// names are the words in back quotes in a cell.
func names(cell string) (list []string) {
	for i, part := range strings.Split(cell, "`") {
		if i%2 == 1 {
			list = append(list, part)
		}
	}
	return list
}

// testFunc matches the names that go test -run, -fuzz or -bench accept.
var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)

// testsOf returns the tests of a package.
func testsOf(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
		}
	}
	return found
}

// checkTests looks up the tests in a cell: "package: TestA, TestB; package: TestC".
func checkTests(cell string, testsOf func(pkg string) map[string]bool) (problems []string) {
	for part := range strings.SplitSeq(cell, ";") {
		pkg, list, ok := strings.Cut(strings.TrimSpace(part), ": ")
		if !ok {
			problems = append(problems, fmt.Sprintf("%q isn't package: tests", part))
			continue
		}
		tests := testsOf(pkg)
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); !tests[name] {
				problems = append(problems, fmt.Sprintf("package %s has no %s", pkg, name))
			}
		}
	}
	return problems
}

// The two tables of what is proven name tests that exist, and leave nothing out.
func TestTables(t *testing.T) {
	known := make(map[string]map[string]bool)
	lookUp := func(pkg string) map[string]bool {
		if known[pkg] == nil {
			known[pkg] = testsOf(t, pkg)
		}
		return known[pkg]
	}
	failures := readTables(t, filepath.Join(root, "docs", "failures.md"))
	parity := readTables(t, filepath.Join(root, "docs", "parity.md"))
	for _, table := range []struct {
		file  string
		rows  []tableRow
		tests func(cells []string) string
	}{
		{"failures.md", failures, func(cells []string) string { return cells[len(cells)-2] }},
		{"parity.md", parity, func(cells []string) string { return cells[len(cells)-1] }},
	} {
		for _, r := range table.rows {
			cell := table.tests(r.cells)
			if cell == "none" && strings.HasPrefix(r.cells[len(r.cells)-2], "missing: ") {
				continue
			}
			for _, problem := range checkTests(cell, lookUp) {
				t.Errorf("%s:%d: %s", table.file, r.line, problem)
			}
		}
	}

	const failureCount = 68
	var numbers []string
	for _, r := range failures {
		if len(r.cells) != 4 {
			t.Errorf("failures.md:%d: %d cells, want 4", r.line, len(r.cells))
		}
		numbers = append(numbers, r.cells[0])
	}
	var wanted []string
	for i := range failureCount {
		wanted = append(wanted, fmt.Sprint("F", i+1))
	}
	wantRows(t, "failures.md", wanted, numbers)

	var words []string
	for _, c := range commands() {
		words = append(words, c.name)
	}
	wantRows(t, "parity.md, commands", words, rowNames(parity, "Commands"))
	wantRows(t, "parity.md, options", optionNames(t), rowNames(parity, "Agent options"))
	wantRows(t, "parity.md, RPC commands", rpcCommands(t), rowNames(parity, "RPC commands"))
}

// rowNames are the names in the cells of a section, except for cells with states and tests.
func rowNames(rows []tableRow, section string) (list []string) {
	for _, r := range rows {
		if r.section == section {
			for _, cell := range r.cells[:len(r.cells)-2] {
				list = append(list, names(cell)...)
			}
		}
	}
	return list
}

func wantRows(t *testing.T, what string, wanted, rows []string) {
	t.Helper()
	if len(wanted) == 0 {
		t.Fatalf("%s: nothing is wanted", what)
	}
	count := make(map[string]int)
	for _, name := range rows {
		count[name]++
	}
	for _, name := range wanted {
		if count[name] != 1 {
			t.Errorf("%s: %d rows for %s, want 1", what, count[name], name)
		}
	}
}

// parseSource parses a file of the tree.
func parseSource(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// optionNames reads the table of the agent's options: "-flag" and "key".
func optionNames(t *testing.T) (list []string) {
	t.Helper()
	eachValue(parseSource(t, "agent/config/options.go"), func(name string, value ast.Expr) {
		table, ok := value.(*ast.CompositeLit)
		if name != "options" || !ok {
			return
		}
		for _, e := range table.Elts {
			fields := e.(*ast.CompositeLit).Elts
			if flag := literal(t, fields[0]); flag != "" {
				list = append(list, "-"+flag)
			}
			if key := literal(t, fields[1]); key != "" {
				list = append(list, key)
			}
		}
	})
	return list
}

// rpcCommands reads the constants of the RPC commands.
func rpcCommands(t *testing.T) (list []string) {
	t.Helper()
	eachValue(parseSource(t, "agent/rpc/internal/protocol/messages.go"), func(name string, value ast.Expr) {
		if strings.HasPrefix(name, "Cmd") {
			list = append(list, literal(t, value))
		}
	})
	return list
}

// eachValue calls f with the names and values that a file declares.
func eachValue(file *ast.File, f func(name string, value ast.Expr)) {
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			if v, ok := s.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
				for i, value := range v.Values {
					f(v.Names[i].Name, value)
				}
			}
		}
	}
}

// literal is the text of a string literal.
func literal(t *testing.T, e ast.Expr) string {
	t.Helper()
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		t.Fatalf("%T isn't a literal", e)
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTablesFindsWhatIsMissing(t *testing.T) {
	tests := func(pkg string) map[string]bool { return map[string]bool{pkg + "Test": true} }
	for cell, want := range map[string]int{
		"a: aTest": 0, "a: aTest; b/c: b/cTest": 0, "a: aTest, bTest": 1, "a: bTest; b": 2, "": 1, "-": 1,
	} {
		if got := checkTests(cell, tests); len(got) != want {
			t.Errorf("%q: %q, want %d problems", cell, got, want)
		}
	}
}
