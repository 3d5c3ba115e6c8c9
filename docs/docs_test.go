// Package docs_test holds the documents to the tree that they describe.
package docs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"serf/agent/config"
)

// root is the top of the source tree.
const root = ".."

// eachFile calls f with the path, relative to the top, and the text of every file of the tree with
// one of the given endings.
func eachFile(t *testing.T, f func(path, text string), endings ...string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		for _, ending := range endings {
			if strings.HasSuffix(path, ending) {
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				relative, err := filepath.Rel(root, path)
				if err != nil {
					return err
				}
				f(filepath.ToSlash(relative), string(text))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// failureNumber is how comments and documents name a row of failures.md.
var failureNumber = regexp.MustCompile(`\bF[1-9][0-9]?\b`)

// A number such as F14 in a comment leads to a row of failures.md.
func TestFailureNumbersResolve(t *testing.T) {
	rows := make(map[string]bool)
	for line := range strings.Lines(read(t, "docs/failures.md")) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			rows[strings.TrimSpace(cells[1])] = true
		}
	}
	seen := 0
	eachFile(t, func(path, text string) {
		for _, number := range failureNumber.FindAllString(text, -1) {
			if seen++; !rows[number] {
				t.Errorf("%s names %s, of which docs/failures.md has no row", path, number)
			}
		}
	}, ".go", ".md")
	if seen < 50 {
		t.Errorf("%d numbers found in the tree: does the pattern still match?", seen)
	}
}

// link is a link of Markdown to a file of the tree.
var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)\s]*)?\)`)

// A link in a document leads to a file, and a heading in it where it names one.
func TestLinksResolve(t *testing.T) {
	seen := 0
	eachFile(t, func(path, text string) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			seen++
			target := filepath.Join(root, filepath.Dir(path), m[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", path, m[1])
				continue
			}
			if m[2] != "" && !anchors(t, target)[m[2]] {
				t.Errorf("%s: %s has no heading %s", path, m[1], m[2])
			}
		}
	}, ".md")
	if seen < 10 {
		t.Errorf("%d links found: does the pattern still match?", seen)
	}
}

// anchors are what the headings of a document are linked by, as hosts of repositories make them.
func anchors(t *testing.T, path string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			heading = strings.ToLower(strings.TrimSpace(heading))
			heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(heading, "")
			found["#"+strings.ReplaceAll(heading, " ", "-")] = true
		}
	}
	return found
}

// treePath is how documents name a file or folder of the tree.
var treePath = regexp.MustCompile(
	"`((?:\\.ci|agent|cmd|docs|internal|interop|lamport|netsim|swim|testdata|wire)/[\\w./-]*\\w)[:`]")

// A file or folder that a document names exists.
func TestPathsExist(t *testing.T) {
	seen := 0
	eachFile(t, func(path, text string) {
		for _, m := range treePath.FindAllStringSubmatch(text, -1) {
			seen++
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s names %s, which isn't there", path, m[1])
			}
		}
	}, ".md")
	if seen < 50 {
		t.Errorf("%d paths found: does the pattern still match?", seen)
	}
}

// place is how documents name where something is: `path/file.go: name`.
var place = regexp.MustCompile("`([a-z0-9_/]+\\.go): (\\w+)`")

// What a document says is in a file is there.
func TestPlacesExist(t *testing.T) {
	seen := 0
	eachFile(t, func(path, text string) {
		for _, m := range place.FindAllStringSubmatch(text, -1) {
			seen++
			source, err := os.ReadFile(filepath.Join(root, m[1]))
			if err != nil {
				t.Errorf("%s names %s, which isn't there", path, m[1])
			} else if !declares(string(source), m[2]) {
				t.Errorf("%s: %s doesn't declare %s", path, m[1], m[2])
			}
		}
	}, ".md")
	if seen < 40 {
		t.Errorf("%d places found: does the pattern still match?", seen)
	}
}

// declares tells whether a Go file declares name: a function, method, type, variable or constant.
func declares(source, name string) bool {
	declaration := `(?m)^(func (\([^)]*\) )?|type |var |const |\t)` + name + `\b`
	return regexp.MustCompile(declaration).MatchString(source)
}

// testName is how documents name a test.
var testName = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w+`)

// A test that a document names exists somewhere. (failures.md and parity.md name the package, too:
// see TestTables of cmd/serf.)
func TestPagesNameTestsThatExist(t *testing.T) {
	exists := make(map[string]bool)
	eachFile(t, func(_, text string) {
		for _, m := range regexp.MustCompile(`(?m)^func (\w+)\(`).FindAllStringSubmatch(text, -1) {
			exists[m[1]] = true
		}
	}, "_test.go")
	eachFile(t, func(path, text string) {
		if strings.HasSuffix(path, "figures/foreign.md") {
			return // it names those of other people's programs
		}
		for _, name := range testName.FindAllString(text, -1) {
			if name != "TestName" && !exists[name] {
				t.Errorf("%s names %s, which doesn't exist", path, name)
			}
		}
	}, ".md")
}

// testCommand is a command of a document that runs some tests or benchmarks of a package of this
// module.
var testCommand = regexp.MustCompile(`go test (\./[a-z/]+) -(?:run|bench) '?([\w|]+)`)

// A command that a document gives to run tests finds some, for each alternative in its pattern.
func TestCommandsFindTests(t *testing.T) {
	seen := 0
	eachFile(t, func(path, text string) {
		for _, m := range testCommand.FindAllStringSubmatch(text, -1) {
			var tests strings.Builder
			files, err := filepath.Glob(filepath.Join(root, m[1], "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				source, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range testFunction.FindAllString(string(source), -1) {
					tests.WriteString(f)
				}
			}
			for pattern := range strings.SplitSeq(m[2], "|") {
				if seen++; !strings.Contains(tests.String(), pattern) {
					t.Errorf("%s: %s finds nothing in %s", path, pattern, m[1])
				}
			}
		}
	}, ".md")
	if seen < 5 {
		t.Errorf("%d commands found: does the pattern still match?", seen)
	}
}

// testFunction begins a test, a benchmark or a fuzz target.
var testFunction = regexp.MustCompile(`(?m)^func (?:Test|Fuzz|Benchmark)\w+\(`)

// logLine is a row of a table of log lines: `component: text`, with names in capitals.
var logLine = regexp.MustCompile("(?m)^\\| `(?:(?:serf|memberlist|agent): )?([^`]+)` \\| ")

// The log lines that operations.md tells people to look for are in the source, as far as they don't
// vary.
func TestLogLinesExist(t *testing.T) {
	_, table, _ := strings.Cut(read(t, "docs/operations.md"), "**Log lines**")
	table, _, _ = strings.Cut(table, "**statsd**")
	var source strings.Builder
	eachFile(t, func(path, text string) {
		if !strings.HasSuffix(path, "_test.go") {
			source.WriteString(text)
		}
	}, ".go")
	seen := 0
	for _, m := range logLine.FindAllStringSubmatch(table, -1) {
		for _, part := range regexp.MustCompile(`NAME|IP|ADDR|\.\.\.`).Split(m[1], -1) {
			if part = strings.Trim(part, " :,()"); part == "" {
				continue
			}
			if seen++; !strings.Contains(source.String(), part) {
				t.Errorf("nothing logs %q", part)
			}
		}
	}
	if seen < 6 {
		t.Errorf("%d parts of log lines found: does the pattern still match?", seen)
	}
}

// The configuration that operations.md shows is one, but for the keyring, which isn't there.
func TestConfigurationIsOne(t *testing.T) {
	folder := t.TempDir()
	problems := func(text string) (found []error) {
		writeFile(t, folder, "agent.json", text)
		_, _, err := config.Load([]string{"-config-file=" + filepath.Join(folder, "agent.json")}, config.OS())
		for _, problem := range config.Problems(err) {
			if !errors.Is(problem, fs.ErrNotExist) {
				found = append(found, problem)
			}
		}
		return found
	}
	text := fenced(t, read(t, "docs/operations.md"), "json")
	for _, problem := range problems(text) {
		t.Error(problem)
	}
	if problems(strings.Replace(text, "retry_join", "retry_jion", 1)) == nil {
		t.Error("a misspelt key is no problem: is the text still read?")
	}
}
