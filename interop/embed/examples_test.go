package embed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// examples are the programs that use no more than the original's API.
var examples = []string{"service", "jobs"}

// movedBack is where the examples lie on the original, while a test runs.
const movedBack = "serf/interop/embed/moved/"

// overlayOfExamples lays the examples, on the original by their import lines alone, over folders
// that don't exist, and returns the overlay for the go command.
func overlayOfExamples(t *testing.T) string {
	t.Helper()
	back := make(map[string]string)
	for theirs, ours := range moved {
		back[ours] = theirs
	}
	dir, here := t.TempDir(), listed(t, "-f", "{{.Dir}}", "serf/interop/embed")
	replace := make(map[string]string)
	for _, name := range examples {
		paths, err := filepath.Glob(filepath.Join(listed(t, "-f", "{{.Dir}}", "serf/examples/"+name), "*.go"))
		if err != nil || len(paths) != 2 {
			t.Fatalf("%s: %v, %v", name, paths, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			must(t, err)
			text = edit(t, text, func(file *ast.File, _ func(ast.Node) (int, int)) { exchangeImports(file, back) })
			if bytes.Contains(text, []byte(`"serf/`)) {
				t.Errorf("%s still imports something of ours", path)
			}
			to := filepath.Join(dir, name+"_"+filepath.Base(path))
			must(t, os.WriteFile(to, text, 0o600))
			replace[filepath.Join(here, "moved", name, filepath.Base(path))] = to
		}
	}
	return writeOverlay(t, dir, replace)
}

// TestExamplesAreTheSameOnTheOriginal runs the examples' own tests with the original in place of
// ours: a move is an import line, both ways.
func TestExamplesAreTheSameOnTheOriginal(t *testing.T) {
	t.Parallel()
	overlay := overlayOfExamples(t)
	for _, name := range examples {
		path := filepath.Join(t.TempDir(), name) // go test would look for the folder
		if out, err := goTool(t, "test", "-c", "-o", path, "-overlay", overlay, "-vet=off", movedBack+name); err != nil {
			t.Fatalf("%s on the original: %v\n%s", name, err, out)
		}
		out, err := exec.CommandContext(t.Context(), path, "-test.v").CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
			t.Errorf("%s on the original: %v\n%s", name, err, out)
		}
	}
}

// build builds an example with ours and with the original.
func build(t *testing.T, name string) (programs map[string]string) {
	t.Helper()
	dir := t.TempDir()
	programs = map[string]string{"ours": filepath.Join(dir, "ours"), "original": filepath.Join(dir, "original")}
	packages := map[string]string{"ours": "serf/examples/" + name, "original": movedBack + name}
	overlay := overlayOfExamples(t)
	for which, path := range programs {
		if out, err := goTool(t, "build", "-overlay", overlay, "-o", path, packages[which]); err != nil {
			t.Fatalf("building %s: %v\n%s", packages[which], err, out)
		}
	}
	return programs
}

// process is a running example.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.ReadCloser
	stderr bytes.Buffer
}

func startProcess(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(path, args...)}
	p.cmd.Stderr = &p.stderr
	var err error
	p.in, err = p.cmd.StdinPipe()
	must(t, err)
	p.out, err = p.cmd.StdoutPipe()
	must(t, err)
	must(t, p.cmd.Start())
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		if t.Failed() {
			t.Logf("%s %v:\n%s", path, args, &p.stderr)
		}
	})
	return p
}

// host returns a loopback address that no other test has.
func host(t *testing.T, i int) string {
	t.Helper()
	return fmt.Sprintf("127.%d.%d.%d", 64+os.Getpid()%64, os.Getpid()/64%256, i)
}

// patience is how long gossip may take on a busy machine.
const patience = 30 * time.Second

// eventually calls done until it returns nil.
func eventually(t *testing.T, what string, done func() error) {
	t.Helper()
	limit := time.After(patience)
	for {
		err := done()
		if err == nil {
			return
		}
		select {
		case <-limit:
			t.Fatalf("%s: %v", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// waitForPort waits until a member listens.
func waitForPort(t *testing.T, host string) {
	t.Helper()
	eventually(t, host+" listens", func() error {
		c, err := net.Dial("tcp", host+":7946")
		if err == nil {
			c.Close()
		}
		return err
	})
}

// TestMixedService runs an agent on ours and one on the original as one cluster.
func TestMixedService(t *testing.T) {
	t.Parallel()
	programs := build(t, "service")
	type agent struct{ Name, Addr, Role string }
	var want []agent
	for i, which := range []string{"ours", "original", "ours"} {
		addr := host(t, 10+i)
		want = append(want, agent{which + strconv.Itoa(i), addr + ":9001", which})
		startProcess(t, programs[which], "-name="+want[i].Name, "-role="+which, "-bind="+addr,
			"-api="+want[i].Addr, "-join="+host(t, 10))
		waitForPort(t, addr)
	}
	for _, a := range want {
		eventually(t, a.Name+" knows all", func() error {
			resp, err := http.Get("http://" + a.Addr + "/agents")
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			var got []agent
			if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
				return err
			}
			slices.SortFunc(got, func(a, b agent) int { return strings.Compare(a.Addr, b.Addr) })
			if !slices.Equal(got, want) {
				return fmt.Errorf("it knows %v, want %v", got, want)
			}
			return nil
		})
	}
}

// TestMixedJobs has a leader of each kind run jobs on workers of both.
func TestMixedJobs(t *testing.T) {
	t.Parallel()
	programs := build(t, "jobs")
	for i, kinds := range [][3]string{{"ours", "original", "ours"}, {"original", "ours", "original"}} {
		t.Run(kinds[0]+" leads", func(t *testing.T) {
			want := "map["
			var leader *process
			for j, which := range kinds {
				name := fmt.Sprintf("node-%d", j)
				args := []string{"-name=" + name, "-bind=" + host(t, 20+10*i+j), "-queue=mixed"}
				if j == 0 {
					args = append(args, "-server")
				} else {
					args = append(args, net.JoinHostPort(host(t, 20+10*i), "7946"))
				}
				p := startProcess(t, programs[which], args...)
				if j == 0 {
					leader = p
				}
				waitForPort(t, host(t, 20+10*i+j))
				want += fmt.Sprintf("%s:%d ", name, p.cmd.Process.Pid)
			}
			want = strings.TrimSpace(want) + "] <nil>"
			lines := readLines(leader.out)
			eventually(t, "all do the job", func() error {
				if _, err := io.WriteString(leader.in, "mixed pid\n"); err != nil {
					return err
				}
				select {
				case line := <-lines:
					if line != want {
						return fmt.Errorf("got %q, want %q", line, want)
					}
					return nil
				case <-time.After(patience):
					return fmt.Errorf("no answer within %v", patience)
				}
			})
			must(t, leader.in.Close()) // its end: it leaves
			if err := leader.cmd.Wait(); err != nil {
				t.Error("the leader ended with", err)
			}
		})
	}
}

// readLines reads lines until the end.
func readLines(r io.Reader) <-chan string {
	lines := make(chan string, 16)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}
