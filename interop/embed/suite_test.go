package embed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shapePackage is where the original's tests run.
const shapePackage = "serf/compat/serf"

// moved are the import lines that differ.
var moved = map[string]string{
	"github.com/hashicorp/serf/serf":       shapePackage,
	"github.com/hashicorp/serf/coordinate": "serf/compat/coordinate",
	"github.com/hashicorp/memberlist":      "serf/compat/memberlist",
}

// TestSuite runs the original's tests of its package serf on ours: all that compile there, which
// are those that use the API, and of what isn't exported no more than the field config.
func TestSuite(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	s.dropWhatDoesNotCompile(t)
	got := s.run(t, "-skip", slices.Collect(maps.Keys(exceptions)))
	var again []string
	for name, result := range got {
		if result == "fail" {
			again = append(again, name)
		}
	}
	if len(again) > 0 { // they wait for times that a busy machine doesn't keep
		maps.Copy(got, s.run(t, "-run", again))
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		t.Logf("%-60s %s", name, got[name])
		if got[name] != "pass" {
			t.Errorf("%s: %s", name, got[name])
		}
	}
	for name, reason := range exceptions {
		if s.dropped[name] {
			t.Errorf("%s needs what isn't exported, but is an exception: %s", name, reason)
		}
	}
	s.checkTable(t, got)
}

// checkTable compares what ran with the table in docs/parity.md.
func (s *suite) checkTable(t *testing.T, got map[string]string) {
	t.Helper()
	all, passed := make(map[string]int), make(map[string]int)
	for name, file := range s.tests {
		all[file]++
		if got[name] == "pass" {
			passed[file]++
		}
	}
	text, err := os.ReadFile("../../docs/parity.md")
	must(t, err)
	for _, file := range slices.Sorted(maps.Keys(all)) {
		row := fmt.Sprintf("| `%s` | %d | %d | ", file, all[file], passed[file])
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/parity.md has no row %q", row)
		}
	}
}

// exceptions are tests that compile and aren't run: they want what differs on purpose.
var exceptions = map[string]string{
	"TestSerf_Join_Cancel":              "this node is a member of its own cluster, whatever Merge says",
	"TestSerf_Query_sizeLimitIncreased": "Config is read once, by Create",
	"TestSerf_joinLeave":                "a node that has left stays on its own list",
	"TestSerf_update":                   "a member that restarted before it failed is reported by an update of its own",
}

// suite is the original's test files, as they are laid over our package.
type suite struct {
	files   map[string][]byte // by name
	tests   map[string]string // the file of each test
	dropped map[string]bool   // tests that don't compile
	dir     string            // of the files that are laid over
}

// goTool runs the go command in the module of these tests.
func goTool(t *testing.T, args ...string) (out []byte, err error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", args...)
	c.Dir = ".."
	return c.CombinedOutput()
}

// listed asks the go command about a package or module.
func listed(t *testing.T, args ...string) string {
	t.Helper()
	out, err := goTool(t, append([]string{"list"}, args...)...)
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func newSuite(t *testing.T) *suite {
	s := &suite{files: make(map[string][]byte), tests: make(map[string]string),
		dropped: make(map[string]bool), dir: t.TempDir()}
	original := listed(t, "-f", "{{.Dir}}", "github.com/hashicorp/serf/serf")
	paths, err := filepath.Glob(filepath.Join(original, "*_test.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("tests of the original: %v, %v", paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		must(t, err)
		s.files[filepath.Base(path)] = edit(t, text, func(file *ast.File, _ func(ast.Node) (int, int)) {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") {
					s.tests[f.Name.Name] = filepath.Base(path)
				}
			}
			exchangeImports(file, moved)
			file.Decls = slices.DeleteFunc(file.Decls, func(d ast.Decl) bool { return removeImport(d, internalRace) })
		})
	}
	s.files["race_test.go"] = []byte("package serf\n\nvar race struct{ Enabled bool }\n")
	return s
}

// exchangeImports exchanges import lines.
func exchangeImports(file *ast.File, exchange map[string]string) {
	for _, i := range file.Imports {
		of, _ := strconv.Unquote(i.Path.Value)
		if to, ok := exchange[of]; ok {
			i.Path.Value = strconv.Quote(to)
		}
	}
}

// internalRace is a package that can't be imported here.
const internalRace = "github.com/hashicorp/serf/serf/internal/race"

// removeImport removes an import, and reports whether nothing is left of the declaration.
func removeImport(d ast.Decl, path string) (empty bool) {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.IMPORT {
		return false
	}
	g.Specs = slices.DeleteFunc(g.Specs, func(s ast.Spec) bool {
		return s.(*ast.ImportSpec).Path.Value == strconv.Quote(path)
	})
	return len(g.Specs) == 0
}

// edit changes the syntax of a file. lines says from which line to which a node goes.
func edit(t *testing.T, text []byte, f func(file *ast.File, lines func(ast.Node) (from, to int))) []byte {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", text, parser.SkipObjectResolution)
	must(t, err)
	f(file, func(n ast.Node) (int, int) { return set.Position(n.Pos()).Line, set.Position(n.End()).Line })
	var b bytes.Buffer
	must(t, format.Node(&b, set, file))
	return b.Bytes()
}

// write lays the files over our package, in place of its own tests, and returns the overlay for the
// go command.
func (s *suite) write(t *testing.T) string {
	t.Helper()
	target := listed(t, "-f", "{{.Dir}}", shapePackage)
	replace := make(map[string]string)
	own, err := filepath.Glob(filepath.Join(target, "*_test.go"))
	must(t, err)
	for _, path := range own {
		replace[path] = ""
	}
	for name, text := range s.files {
		path := filepath.Join(s.dir, name)
		must(t, os.WriteFile(path, text, 0o600))
		replace[filepath.Join(target, "original_"+name)] = path
	}
	return writeOverlay(t, s.dir, replace)
}

// writeOverlay writes the file that go -overlay reads.
func writeOverlay(t *testing.T, dir string, replace map[string]string) (path string) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"Replace": replace})
	must(t, err)
	path = filepath.Join(dir, "overlay.json")
	must(t, os.WriteFile(path, text, 0o600))
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// compileError is a line of the compiler's.
var compileError = regexp.MustCompile(`(?m)^\S*/(\w+_test\.go):(\d+):\d+: `)

// dropWhatDoesNotCompile removes declarations until the rest compiles.
func (s *suite) dropWhatDoesNotCompile(t *testing.T) {
	for range 20 {
		out, err := goTool(t, "test", "-overlay", s.write(t), "-gcflags="+shapePackage+"=-e", "-vet=off",
			"-run=NONE", shapePackage)
		if err == nil {
			return
		}
		wrong := make(map[string][]int) // lines by file
		for _, m := range compileError.FindAllStringSubmatch(string(out), -1) {
			line, _ := strconv.Atoi(m[2])
			wrong[m[1]] = append(wrong[m[1]], line)
		}
		if len(wrong) == 0 {
			t.Fatalf("compiling: %v\n%s", err, out)
		}
		for name, lines := range wrong {
			s.drop(t, name, lines)
		}
	}
	t.Fatal("it doesn't compile however much is left out")
}

// drop removes the declarations and imports at these lines of a file.
func (s *suite) drop(t *testing.T, name string, lines []int) {
	s.files[name] = edit(t, s.files[name], func(file *ast.File, extent func(ast.Node) (int, int)) {
		hit := func(n ast.Node) bool {
			from, to := extent(n)
			return slices.ContainsFunc(lines, func(line int) bool { return from <= line && line <= to })
		}
		file.Decls = slices.DeleteFunc(file.Decls, func(d ast.Decl) bool {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
				g.Specs = slices.DeleteFunc(g.Specs, func(s ast.Spec) bool { return hit(s) })
				return len(g.Specs) == 0
			}
			f, isFunc := d.(*ast.FuncDecl)
			if isFunc && hit(d) && strings.HasPrefix(f.Name.Name, "Test") {
				s.dropped[f.Name.Name] = true
			}
			return hit(d)
		})
	})
}

// run runs the tests of these names, or with -skip all others, and returns how each ended: pass, fail
// or skip.
func (s *suite) run(t *testing.T, flag string, names []string) map[string]string {
	out, err := goTool(t, "test", "-overlay", s.write(t), "-vet=off", "-count=1", "-json", "-timeout=5m",
		flag+"=^("+strings.Join(names, "|")+")$", shapePackage)
	ended := make(map[string]string)
	for line := range bytes.Lines(out) {
		var e struct{ Action, Test string }
		if json.Unmarshal(line, &e) == nil && e.Test != "" && !strings.Contains(e.Test, "/") &&
			(e.Action == "pass" || e.Action == "fail" || e.Action == "skip") {
			ended[e.Test] = e.Action
		}
	}
	if len(ended) == 0 {
		t.Fatalf("no test ran: %v\n%s", err, out)
	}
	if err != nil {
		t.Logf("%s", out)
	}
	return ended
}
