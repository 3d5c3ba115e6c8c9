package main

import (
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"serf/internal/systest"
)

func TestTheSameSeedDrawsTheSameMutants(t *testing.T) {
	systest.NeedGo(t)
	packages, err := load([]string{"."})
	if err != nil {
		t.Fatal(err)
	}
	draws := func(seed uint64) (texts []string) {
		list, err := draw(packages, 20, rand.New(rand.NewPCG(seed, seed)))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			texts = append(texts, m.String(), string(m.text))
		}
		return texts
	}
	a, again, b := draws(1), draws(1), draws(2)
	same := 0
	for i := range a {
		if a[i] != again[i] {
			t.Fatalf("mutant %d: %s, then %s", i/2, a[i], again[i])
		}
		if a[i] == b[i] {
			same++
		}
	}
	if same == len(a) {
		t.Error("another seed draws the same mutants")
	}
}

// subject has one place of each kind, and a message that has none.
const subject = `package p

func f(a, b int) (int, bool) {
	if a < b {
		a++
		f(1, b)
	}
	panic("BUG: 7")
	return a + 2, true
}
`

func TestPlaces(t *testing.T) {
	want := []string{"if isn't", "< becomes <=", "statement left out", "statement left out", "1 becomes 2", "+ becomes -", "2 becomes 3", "true becomes false"}
	tree, err := parser.ParseFile(token.NewFileSet(), "p.go", subject, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int)
	for _, p := range places(tree) {
		got[p.what]++
	}
	for _, w := range want {
		got[w]--
	}
	for what, n := range got {
		if n != 0 {
			t.Errorf("%s: %+d", what, n)
		}
	}
}

// A mutant is killed if a test fails, and survives if none does. The tree stays as it is.
func TestTry(t *testing.T) {
	systest.NeedGo(t)
	if testing.Short() {
		t.Skip("builds programs")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("GOFLAGS", "-mod=mod")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const code = "package p\n\nfunc Less(a, b int) bool { return a < b }\n"
	write("go.mod", "module p\n\ngo 1.26\n")
	write("p.go", code)
	write("p_test.go", "package p\n\nimport \"testing\"\n\nfunc TestLess(t *testing.T) {\n\tif Less(2, 1) {\n\t\tt.Fail()\n\t}\n}\n")
	if out, err := exec.Command("go", "vet", ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	packages, err := load([]string{"."})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]verdict{"return a > b": killed, "return a <= b": survived, "return a +": invalid} {
		m := &mutant{pkg: "p", file: filepath.Join(dir, "p.go"), text: []byte("package p\n\nfunc Less(a, b int) bool { " + text + " }\n")}
		if got, _, err := try(m, packages, 0); err != nil || got != want {
			t.Errorf("%s: %s, error %v, want %s", text, got, err, want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "p.go")); err != nil || string(text) != code {
		t.Errorf("the file is %q now, error %v", text, err)
	}
}
