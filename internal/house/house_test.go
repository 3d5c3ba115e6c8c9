// Package house holds the tree to those rules of CONTRIBUTING.md that a program can check. It has
// tests only, and their messages say what to do instead.
package house

import (
	"strings"
	"testing"
)

// rules are what the tree is held to.
var rules = []struct {
	name   string
	find   func(all []*source) findings
	left   int    // that the tree still has; lower it with them, and never raise it
	advice string // what to do instead
}{
	{"lines", longLines, 265, "break code by hand, refill comments"},
	{"functions", longFunctions, 0, "let helpers compute, and keep the decisions where they are"},
	{"files", longFiles, 0, "give each concern a file of its own"},
	{"layers", upwardImports, 0, "have the caller pass what is needed, as a value or a function"},
	{"apart", importsAcross, 0, "what both need belongs into swim, wire or internal"},
	{"libraries", unknownLibraries, 0, "if the library spares more than it costs, add it and the package to libraries"},
	{"core", impureCore, 0, "take the time as an argument, draw from the node's own generator, append effects to the output; " +
		"a wait is a state with a deadline, and what needs a system is the driver's"},
	{"sleeps", sleeps, 0, "wait in a bubble of testing/synctest, or in netsim"},
	{"packages", undocumentedPackages, 0, "say in five lines what the package is, and what it leaves to others"},
	{"names", undocumentedNames, 3, "say what it is: shape, unit, range, errors, who owns a slice until when; one comment may do " +
		"for a group of constants"},
	{"unfinished", words(`TODO|FIXME|XXX`), 0, "do it, or write what holds today and why"},
	{"metaphors", metaphors, 31, "use the words of the field: docs/glossary.md has them"},
	{"references", words(`\bspec [0-9]|(?i)\bissue #?[0-9]|/(work|home|root)/`), 0, "write the fact itself, or name docs/protocol.md " +
		"and the section; specifications, issues and paths of a machine are elsewhere"},
}

func TestTheTreeKeepsTheRules(t *testing.T) {
	all, err := sources("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 200 {
		t.Fatalf("only %d Go files found", len(all))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			const most = 30
			if found := r.find(all); len(found) > r.left {
				t.Errorf("%d places, of which %d may be left: %s.\n\t%s", len(found), r.left, r.advice,
					strings.Join(found[:min(most, len(found))], "\n\t"))
			}
		})
	}
}

// Each rule finds what breaks it, and nothing in what doesn't.
func TestRulesFindWhatBreaksThem(t *testing.T) {
	long := strings.Repeat("x", lineMax)
	function := func(lines int) string { return "func f() {" + strings.Repeat("\n", lines-1) + "}" }
	tests := []struct {
		rule, path, text string
		want             int
	}{
		{"lines", "swim/a.go", "// " + long[3:], 0},
		{"lines", "swim/a.go", "// " + long[2:], 1},
		{"lines", "swim/a.go", "var a = 1 //\t" + long[16:], 0},
		{"lines", "swim/a.go", "var a = 1 //\t" + long[15:], 1},
		{"lines", "swim/a.go", "var a = `\n" + long + "x`", 0},
		{"lines", "swim/a_test.go", "// x" + long, 1},
		{"lines", "swim/a_test.go", "var x" + long + " int", 0},
		{"functions", "swim/a.go", function(functionMax), 0},
		{"functions", "swim/a.go", function(functionMax + 1), 1},
		{"functions", "swim/a_test.go", function(testFunctionMax), 0},
		{"functions", "swim/a_test.go", function(testFunctionMax + 1), 1},
		{"files", "swim/a.go", strings.Repeat("\n", fileMax-1), 0},
		{"files", "swim/a.go", strings.Repeat("\n", fileMax), 1},
		{"layers", "swim/a.go", `import "serf/wire"`, 0},
		{"layers", "swim/a.go", `import "serf/swim/serf"`, 1},
		{"layers", "swim/a_test.go", `import "serf/swim/serf"`, 0},
		{"layers", "elsewhere/a.go", `import "serf/wire"`, 1},
		{"apart", "netsim/a_test.go", `import "serf/agent/config"`, 1},
		{"apart", "agent/config/a.go", `import "serf/netsim/cluster"`, 1},
		{"apart", "cmd/serf/a.go", `import ("serf/agent"; "serf/netsim")`, 0},
		{"libraries", "cmd/serf/a.go", `import "golang.org/x/term"`, 0},
		{"libraries", "agent/a.go", `import "golang.org/x/term"`, 1},
		{"libraries", "agent/a_test.go", `import "golang.org/x/term"`, 0},
		{"core", "swim/a.go", `import ("os"; "time"); func f() { time.Now(); go f() }`, 3},
		{"core", "wire/a.go", `import "time"; var c chan time.Duration; const d = time.Second`, 1},
		{"core", "netsim/a.go", `import ("os"; "math/rand/v2"); func f() { rand.IntN(2); go f() }`, 1},
		{"core", "agent/a.go", `import ("os"; "time"); func f() { time.Now(); go f() }`, 0},
		{"sleeps", "agent/a_test.go", `import "time"; func f() { time.Sleep(1) }`, 1},
		{"sleeps", "agent/a_test.go", `import ("time"; "testing/synctest"); func f() { time.Sleep(1) }`, 0},
		{"sleeps", "interop/a_test.go", `import "time"; func f() { time.Sleep(1) }`, 0},
		{"packages", "swim/a.go", "", 1},
		{"names", "swim/a.go", "type A int; const B = 1; var C, d int; func E() {}; func (A) F() {}; func (*a) G() {}; type a int", 5},
		{"names", "swim/a.go", "// A and B.\nconst (\nA = iota\nB\n)", 0},
		{"names", "swim/a.go", "type A int\nconst (\nB = iota // b\nC\n)", 2},
		{"names", "swim/internal/paged/a.go", "type A int", 0},
		{"unfinished", "swim/a.go", "func f() {\n\t// TODO: all\n}", 1},
		{"unfinished", "swim/a.go", "var a = `TODO`", 0},
		{"metaphors", "swim/a.go", "var someLaggards int // taken for dead", 2},
		{"metaphors", "swim/a.go", "var skills, gangway int // as strings: believed", 0},
		{"references", "swim/a.go", "// a\n// as sp" + "ec 2.3 says\nvar a int // issue 7", 2},
	}
	for _, tt := range tests {
		s, err := newSource(tt.path, "package p\n"+tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		for _, r := range rules {
			if found := r.find([]*source{s}); r.name == tt.rule && len(found) != tt.want {
				t.Errorf("%s finds %q in %s with %.80q, want %d", r.name, found, tt.path, tt.text, tt.want)
			}
		}
	}
}
