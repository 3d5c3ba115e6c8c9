package docs_test

import (
	"encoding/hex"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A section is what stands between two headings.
type section struct {
	chapter  string   // the heading of level 2 above, or its own
	rules    []string // the text of each numbered rule, number included
	fields   map[string][]string
	examples []example
}

// An example is a block of hex: lines of bytes, and of what they say.
type example struct {
	info  string // after "hex" on the first line
	line  int
	lines []exampleLine
}

type exampleLine struct {
	bytes   []byte
	comment string
}

func (e *example) bytes() (b []byte) {
	for _, l := range e.lines {
		b = append(b, l.bytes...)
	}
	return b
}

var (
	ruleStart = regexp.MustCompile(`^(\d+)\. `)
	fieldRow  = regexp.MustCompile(`^\| (\w+) \| ([a-z0-9 ]+) \|`)
)

// parsePage cuts a page into sections.
func parsePage(t *testing.T, name, text string) (sections []*section) {
	t.Helper()
	s := &section{fields: make(map[string][]string)}
	var block *example
	inRule, inFields := false, false
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		switch {
		case block != nil && line == "```":
			s.examples = append(s.examples, *block)
			block = nil
		case block != nil:
			raw, comment, _ := strings.Cut(line, "  ")
			b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(raw), " ", ""))
			if err != nil {
				t.Errorf("%s:%d: %v", name, number, err)
			}
			block.lines = append(block.lines, exampleLine{b, strings.TrimSpace(comment)})
		case strings.HasPrefix(line, "```hex"):
			block = &example{info: strings.TrimSpace(line[len("```hex"):]), line: number}
			inRule = false
		case strings.HasPrefix(line, "## "), strings.HasPrefix(line, "### "):
			chapter := s.chapter
			if strings.HasPrefix(line, "## ") {
				chapter = line[3:]
			}
			s = &section{chapter: chapter, fields: make(map[string][]string)}
			sections = append(sections, s)
			inRule = false
		case ruleStart.MatchString(line):
			s.rules = append(s.rules, line)
			inRule = true
		case inRule && (line == "" || line[0] == ' '):
			s.rules[len(s.rules)-1] += "\n" + line
		case strings.HasPrefix(line, "| field | type |"):
			inRule, inFields = false, true
		default:
			inRule, inFields = false, inFields && strings.HasPrefix(line, "|")
			if m := fieldRow.FindStringSubmatch(line); m != nil && inFields {
				s.fields[m[1]] = append(s.fields[m[1]], m[2])
			}
		}
	}
	return sections
}

// testFunc finds tests, and what -fuzz and -bench can be asked for.
var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)

// testsByPackage are the tests of the tree.
func testsByPackage(t *testing.T) map[string]map[string]bool {
	t.Helper()
	tests := make(map[string]map[string]bool)
	eachFile(t, func(file, text string) {
		pkg := path.Dir(file)
		if tests[pkg] == nil {
			tests[pkg] = make(map[string]bool)
		}
		for _, m := range testFunc.FindAllStringSubmatch(text, -1) {
			tests[pkg][m[1]] = true
		}
	}, "_test.go")
	return tests
}

// testNames finds "package: TestA, TestB", also over the end of a line.
var testNames = regexp.MustCompile(`([a-z]\w*(?:/\w+)*):\s+(` + testWord + `(?:,\s+` + testWord + `)*)`)

const testWord = `(?:Test|Fuzz|Benchmark)[A-Z0-9]\w*`

// A document names tests that exist.
func TestNamedTestsExist(t *testing.T) {
	tests := testsByPackage(t)
	seen := 0
	eachFile(t, func(file, text string) {
		if path.Dir(file) != "docs" {
			return
		}
		for _, m := range testNames.FindAllStringSubmatch(text, -1) {
			if m[1] == "package" { // how tests are named is being said
				continue
			}
			for _, test := range strings.Split(m[2], ",") {
				if seen++; !tests[m[1]][strings.TrimSpace(test)] {
					t.Errorf("%s: package %s has no %s", file, m[1], strings.TrimSpace(test))
				}
			}
		}
	}, ".md")
	if seen < 300 {
		t.Errorf("%d tests are named: does the pattern still match?", seen)
	}
}

// ruleTests is how a rule names its tests.
var ruleTests = regexp.MustCompile(`\[[a-z]\w*(?:/\w+)*:\s+(?:Test|Fuzz)[^\]]*\]`)

// In protocol.md and rpc.md rules are numbered within their chapter, each names a test, and a
// reference such as "Probing 4" leads to one.
func TestRules(t *testing.T) {
	for _, name := range []string{"protocol.md", "rpc.md"} {
		text := read(t, "docs/"+name)
		rules := make(map[string]int)
		for _, s := range parsePage(t, name, text) {
			for _, rule := range s.rules {
				rules[s.chapter]++
				if number := ruleStart.FindStringSubmatch(rule)[1]; number != strconv.Itoa(rules[s.chapter]) {
					t.Errorf("%s: %s %s should have number %d", name, s.chapter, number, rules[s.chapter])
				}
				if !ruleTests.MatchString(rule) {
					t.Errorf("%s: %s %.40q names no test", name, s.chapter, rule)
				}
			}
		}
		if len(rules) == 0 {
			t.Errorf("%s has no rules", name)
		}
		for chapter, count := range rules { // order-free
			ref := regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(chapter), " ", `\s+`) + `\s+(\d+)\b`)
			for _, m := range ref.FindAllStringSubmatch(text, -1) {
				if n, _ := strconv.Atoi(m[1]); n > count {
					t.Errorf("%s: there is no %q", name, m[0])
				}
			}
		}
	}
}

// spaces are what may stand between two words of a comment.
var spaces = regexp.MustCompile(`\s*\n\s*(?:// ?)?|\s+`)

// chapterReference is how comments refer to protocol.md.
var chapterReference = regexp.MustCompile(`docs/protocol\.md, (\w[^.;:)]*)`)

// A comment that refers to a chapter of protocol.md names one that there is.
func TestChaptersResolve(t *testing.T) {
	var chapters []string
	for line := range strings.Lines(read(t, "docs/protocol.md")) {
		if title, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			chapters = append(chapters, title)
		}
	}
	eachFile(t, func(file, text string) {
		if !strings.Contains(text, "docs/protocol.md") {
			return
		}
		for _, m := range chapterReference.FindAllStringSubmatch(spaces.ReplaceAllString(text, " "), -1) {
			if !slices.ContainsFunc(chapters, func(c string) bool { return strings.HasPrefix(m[1], c) }) {
				t.Errorf("%s: docs/protocol.md has no chapter %.30q", file, m[1])
			}
		}
	}, ".go")
}
