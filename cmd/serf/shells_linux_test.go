package main

import (
	"bytes"
	"flag"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/swim/serf"
)

// programVar makes TestProgram the program, with the arguments after --.
const programVar = "SERF_TEST_PROGRAM"

// TestProgram is not a test: others start it as a process of its own.
func TestProgram(t *testing.T) {
	if os.Getenv(programVar) == "" {
		t.Skip("for other tests")
	}
	os.Exit(dispatch(t.Context(), flag.Args(),
		env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv}))
}

// program makes a folder with a program serf in it, and returns it.
func program(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	text := "#!/bin/sh\nexport " + programVar + "=1\nexec '" + os.Args[0] + "' -test.run='^TestProgram$' -- \"$@\"\n"
	if err := os.WriteFile(filepath.Join(folder, "serf"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// hostileCluster has a member whose name runs a command, if a shell lets it.
type hostileCluster struct{ knownCluster }

func (c *hostileCluster) AllMembers() (int, iter.Seq[*serf.Member]) {
	n, known := c.knownCluster.AllMembers()
	return n + 1, func(yield func(*serf.Member) bool) {
		known(yield)
		yield(&serf.Member{Name: "$(touch x)", Status: serf.StatusAlive})
	}
}

// Each shell completes what is typed, as its users see it. The cases are the same for all. A name
// with characters that mean something to a shell is quoted, and can't run anything.
func TestCompletionInShells(t *testing.T) {
	t.Parallel()
	addr := serveRPC(t, &hostileCluster{}, "")
	folder := program(t)
	if err := os.WriteFile(filepath.Join(folder, "agent.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(shell.name)
			if err != nil {
				t.Skip("this shell isn't installed: ", err)
			}
			script := filepath.Join(t.TempDir(), "completion")
			if err := os.WriteFile(script, []byte(completionScripts[shell.name]), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(path, shell.args...)
			cmd.Dir = folder
			cmd.Env = append(os.Environ(), "HOME="+folder, "PATH="+folder+":"+os.Getenv("PATH"), "SERF_RPC_ADDR="+addr, "TERM=dumb",
				"SCRIPT="+script, "INPUTRC=/dev/null", "HISTFILE=/dev/null", "PS1=ready> ", "LC_ALL=C.UTF-8", "XDG_DATA_HOME="+folder)
			complete := shell.start(t, cmd)
			for _, tt := range completions {
				if got := complete(tt.typed); got != tt.want {
					t.Errorf("%q becomes %q, want %q", tt.typed, got, tt.want)
				}
			}
		})
	}
}

// completions are lines before and after the tabulator.
var completions = []struct{ typed, want string }{
	{"serf mem", "serf members "},
	{"serf members -form", "serf members -format="},
	{"serf members -format=j", "serf members -format=json "},
	{"serf members --format j", "serf members --format json "},
	{"serf force-leave nod", "serf force-leave node-two "},
	{"serf query -node=nod", "serf query -node=node-two "},
	{"serf force-leave \\$", "serf force-leave \\$\\(touch\\ x\\) "},
	{"serf sim -scenario=agent.j", "serf sim -scenario=agent.json "},
	{"serf sim life", "serf sim lifeguard "},
}

// shells are how to learn what a shell makes of a line at the tabulator.
var shells = []struct {
	name  string
	args  []string
	start func(t *testing.T, cmd *exec.Cmd) (complete func(typed string) string)
}{
	{"bash", []string{"--norc", "--noprofile", "-i"}, func(t *testing.T, cmd *exec.Cmd) func(string) string {
		return typeInto(t, cmd, `bind 'set enable-bracketed-paste off'; bind -x '"\C-g": printf "<<%s>>" "$READLINE_LINE"'; . "$SCRIPT"`)
	}},
	{"zsh", []string{"-f", "-i"}, func(t *testing.T, cmd *exec.Cmd) func(string) string {
		return typeInto(t, cmd, `autoload -U compinit; compinit -u -D; d() { print -rn -- "<<$BUFFER>>" }; zle -N d; bindkey "^G" d; . "$SCRIPT"`)
	}},
	{"fish", nil, completeByFish},
}

// typeInto starts a shell and types a line to prepare it: then, at Ctrl-G, it shows its line
// between << and >>.
func typeInto(t *testing.T, cmd *exec.Cmd, prepare string) func(typed string) string {
	t.Helper()
	outer := systest.StartOnTerminal(t, cmd, 200, 24)
	outer.WriteString(prepare + "; PS1='now''> '\r")
	readUntil(t, outer, "now> ") // from here on the shell reads characters, not lines
	return func(typed string) string {
		outer.WriteString(typed + "\t\a\x15") // and Ctrl-U
		shown := readUntil(t, outer, ">>")
		_, line, _ := strings.Cut(shown, "<<")
		line, _, _ = strings.Cut(line, ">>")
		return line
	}
}

// completeByFish has fish list its candidates, which needs no terminal. When it inserts one, it
// adds a space unless an equals sign is last.
func completeByFish(t *testing.T, cmd *exec.Cmd) func(typed string) string {
	return func(typed string) string {
		one := exec.Command(cmd.Path, "--no-config", "-c", `. $SCRIPT; complete --escape -C "$argv[1]"`, typed)
		one.Dir, one.Env = cmd.Dir, cmd.Env
		out, err := one.Output()
		if err != nil {
			t.Fatal(err)
		}
		word, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\t")
		if !strings.HasSuffix(word, "=") {
			word += " "
		}
		return typed[:strings.LastIndex(typed, " ")+1] + word
	}
}

// readUntil reads what a terminal shows until mark is there.
func readUntil(t *testing.T, outer *os.File, mark string) string {
	t.Helper()
	const patience = 20 * time.Second // under load
	outer.SetReadDeadline(time.Now().Add(patience))
	var shown bytes.Buffer
	for b := make([]byte, 4096); !bytes.Contains(shown.Bytes(), []byte(mark)); {
		n, err := outer.Read(b)
		shown.Write(b[:n])
		if err != nil {
			t.Fatalf("%q isn't shown: %v, %q", mark, err, shown.String())
		}
	}
	return shown.String()
}
