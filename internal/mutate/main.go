// Command mutate measures what the tests miss. It makes mutants of the program, each with one small
// random change, and runs the tests that could notice. A mutant that no test fails for has
// survived: a test is missing there, or the code does nothing.
//
//	go run ./internal/mutate -n 150 -seed 1
//
// The tree isn't touched: the go command gets the changed file as an overlay. From the same tree,
// the same seed draws the same mutants.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	count := flag.Int("n", 150, "how many mutants")
	seed := flag.Uint64("seed", 1, "of the draw")
	first := flag.Int("first", 0, "skip this many mutants, to go on where an earlier run ended")
	timeout := flag.Duration("timeout", 3*time.Minute,
		"of a package's tests; a mutant that makes them hang is killed")
	list := flag.Bool("list", false, "print the mutants and try none")
	flag.Parse()
	if err := run(*count, *seed, *first, *timeout, *list, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run tries mutants of the packages that the patterns name.
func run(
	count int, seed uint64, first int, timeout time.Duration, list bool, patterns []string,
) error {
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	packages, err := load(patterns)
	if err != nil {
		return err
	}
	mutants, err := draw(packages, count, rand.New(rand.NewPCG(seed, seed)))
	if err != nil {
		return err
	}
	results := make(map[verdict]int)
	for i, m := range mutants {
		if i < first {
			continue
		}
		fmt.Printf("%3d %s\n", i, m)
		if list {
			continue
		}
		v, by, err := try(m, packages, timeout)
		if err != nil {
			return err
		}
		results[v]++
		fmt.Printf("    %s %s\n", v, by)
	}
	if !list {
		fmt.Printf("%d tried, %d killed, %d survived; %d more don't compile\n",
			results[killed]+results[survived], results[killed], results[survived], results[invalid])
	}
	return nil
}

// pkg is one package of the module, with the fields that go list gives it.
type pkg struct {
	ImportPath, Dir                    string
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports, TestImports, XTestImports []string
}

func load(patterns []string) ([]pkg, error) {
	out, err := exec.Command("go", append([]string{"list", "-json"}, patterns...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var list []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

type verdict string

const (
	killed   verdict = "killed"
	survived verdict = "SURVIVED"
	invalid  verdict = "doesn't compile"
)

// try runs the tests of the changed package, then those of its importers, the nearest first, until
// one fails.
func try(m *mutant, packages []pkg, timeout time.Duration) (v verdict, by string, err error) {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	changed := filepath.Join(dir, filepath.Base(m.file))
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {m.file: changed}})
	if err != nil {
		return "", "", err
	}
	err = errors.Join(os.WriteFile(changed, m.text, 0o600), os.WriteFile(overlay, text, 0o600))
	if err != nil {
		return "", "", err
	}
	if exec.Command("go", "build", "-overlay", overlay, "-o", os.DevNull, m.pkg).Run() != nil {
		return invalid, "", nil
	}
	for _, p := range importers(m.pkg, packages) {
		if name, failed := test(p, overlay, timeout); failed {
			return killed, "by " + strings.TrimPrefix(p, "serf/") + " " + name, nil
		}
	}
	return survived, "", nil
}

// test runs the tests of a package and returns the first that fails.
func test(path, overlay string, timeout time.Duration) (name string, failed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-failfast", "-vet=off",
		"-timeout", timeout.String(), "-overlay", overlay, path)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return "", false
	}
	for line := range strings.Lines(string(out)) {
		if _, name, ok := strings.Cut(line, "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " ")
			return name, true
		}
	}
	if bytes.Contains(out, []byte("panic: test timed out")) {
		return "(time-out)", true
	}
	return "(panic)", true
}

// importers returns path and the packages that import it, directly or not, tests included, the
// nearest first.
func importers(path string, packages []pkg) []string {
	found := []string{path}
	for i := 0; i < len(found); i++ {
		for _, p := range packages {
			imports := slices.Concat(p.Imports, p.TestImports, p.XTestImports)
			if slices.Contains(imports, found[i]) && !slices.Contains(found, p.ImportPath) {
				found = append(found, p.ImportPath)
			}
		}
	}
	return found
}
