package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The loop, the Job and the script of "Sweeps on many machines" work as they are written, with a
// smaller sweep and in place of their schedulers, and make the same page of three parts as of four.
func TestSweepsOnManyMachines(t *testing.T) {
	t.Parallel()
	bin := needProgram(t)
	_, text, _ := strings.Cut(read(t, "docs/operations.md"), "## Sweeps on many machines")
	folder := t.TempDir()
	smaller := strings.NewReplacer("-nodes=100", "-nodes=5", "-for=5m", "-for=15s", "-crash=5@1m", "-crash=1@5s",
		"-seeds=20", "-seeds=1", "-shard=/16", "-shard=/3", "-out=/parts", "-out=parts")
	run := func(script string, env ...string) string {
		t.Helper()
		cmd := exec.Command("sh", "-c", smaller.Replace(script))
		cmd.Dir = folder
		cmd.Env = append(append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH")), env...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", script, env, err, err.(*exec.ExitError).Stderr)
		}
		return string(out)
	}
	want := run(fenced(t, text, "sh")) // the loop, which merges
	m := regexp.MustCompile(`(?s)args: \[(.*?)\]`).FindStringSubmatch(fenced(t, text, "yaml"))
	_, script, _ := strings.Cut(text, "```sh\n")
	for name, x := range map[string]struct {
		script string
		first  int
	}{
		"JOB_COMPLETION_INDEX": {"serf " + strings.NewReplacer(", ", " ", ",\n", " ", `"`, "").Replace(m[1]), 0},
		"SLURM_ARRAY_TASK_ID":  {fenced(t, script, "sh"), 1},
	} {
		if err := os.RemoveAll(filepath.Join(folder, "parts")); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			run(x.script, fmt.Sprintf("%s=%d", name, x.first+i))
		}
		if got := run("serf sim merge -report=sweep.html parts"); got != want || !strings.Contains(got, "sweep             suspicion-mult 3 4 6") {
			t.Errorf("%s:\n%s\nthe loop:\n%s", name, got, want)
		}
	}
	if info, err := os.Stat(filepath.Join(folder, "sweep.html")); err != nil || info.Size() < 1000 {
		t.Errorf("the page: %v, %v", info, err)
	}
}
