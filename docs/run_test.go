package docs_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"serf/internal/systest"
)

// built is the folder that build has made, or "".
var built string

// build makes the program once for all tests here.
var build = sync.OnceValue(func() (err error) {
	if built, err = os.MkdirTemp("", "serf-docs-"); err != nil {
		return err
	}
	program := filepath.Join(built, "serf")
	out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, "../cmd/serf").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

// needProgram skips where the commands of a document can't be run, or returns the folder that has
// the program.
func needProgram(t *testing.T) string {
	t.Helper()
	systest.NeedGo(t)
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("the documents' commands are run on Linux, and not with -short")
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return built
}

// session is a command of a document, and what the document says that it prints.
type session struct {
	line    int
	command string
	output  []string // "..." stands for any number of lines
}

// sessionsOf returns what follows a prompt in the code blocks of a document that begin under a
// heading, or in all if heading is empty.
func sessionsOf(text, heading string) (list []session) {
	under, number := heading == "", 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		code, indented := strings.CutPrefix(line, "    ")
		last := len(list) - 1
		switch {
		case strings.HasPrefix(line, "## "):
			under = heading == "" || line == "## "+heading
			list = append(list, session{}) // ends the output of the last one
		case indented && under && strings.HasPrefix(code, "$ "):
			list = append(list, session{line: number, command: code[2:]})
		case last >= 0 && list[last].command != "" && (indented || line == ""):
			list[last].output = append(list[last].output, code)
		default:
			list = append(list, session{})
		}
	}
	list = slices.DeleteFunc(list, func(s session) bool { return s.command == "" })
	for i := range list {
		list[i].output = trimBlank(list[i].output)
	}
	return list
}

// trimBlank takes empty lines off the end.
func trimBlank(lines []string) []string {
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// matches compares what was printed with what a document says.
func matches(want, got []string) bool {
	before, after := want, []string(nil)
	if i := slices.Index(want, "..."); i >= 0 {
		before, after = want[:i], want[i+1:]
		if len(got) < len(before)+len(after) {
			return false
		}
		return slices.Equal(before, got[:len(before)]) && slices.Equal(after, got[len(got)-len(after):])
	}
	return slices.Equal(before, got)
}

func splitLines(text []byte) []string {
	return trimBlank(strings.Split(string(text), "\n"))
}

// What the documents say that a simulation prints, it prints.
func TestSimulationsPrintWhatTheDocumentsSay(t *testing.T) {
	t.Parallel()
	bin := needProgram(t)
	seen := 0
	for _, path := range []string{"README.md", "docs/operations.md"} {
		for _, s := range sessionsOf(read(t, path), "") {
			if !strings.HasPrefix(s.command, "serf sim ") ||
				strings.Contains(s.command, "-like=") { // there is no agent here
				continue
			}
			seen++
			t.Run(fmt.Sprint(path, ":", s.line), func(t *testing.T) {
				t.Parallel()
				cmd := exec.Command(filepath.Join(bin, "serf"), strings.Fields(s.command)[1:]...)
				cmd.Dir = root
				if strings.Contains(s.command, "-agent-config=agent.json") {
					cmd.Dir = t.TempDir()
					writeFile(t, cmd.Dir, "agent.json", inBackquotes(t, read(t, path), "agent.json"))
				}
				var errs bytes.Buffer
				cmd.Stderr = &errs
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%s: %v\n%s", s.command, err, &errs)
				}
				if got := splitLines(out); !matches(s.output, got) {
					t.Errorf("%s:%d says that %s prints\n%s\n\nbut it prints\n%s", path, s.line, s.command,
						strings.Join(s.output, "\n"), strings.Join(got, "\n"))
				}
			})
		}
	}
	if seen < 4 {
		t.Errorf("%d simulations in the documents: are they still found?", seen)
	}
}

// inBackquotes returns the JSON in back quotes that a text says is in the file name.
func inBackquotes(t *testing.T, text, name string) string {
	t.Helper()
	m := regexp.MustCompile("`(\\{[^`]*\\})` in " + regexp.QuoteMeta(name)).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("nothing says what is in %s", name)
	}
	return m[1]
}

func writeFile(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fenced returns the first block of a language in a text.
func fenced(t *testing.T, text, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "```"+language+"\n")
	block, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("no block of %s", language)
	}
	return block
}

// The walk in the README works as it stands, and prints what it says.
func TestReadmeWalk(t *testing.T) {
	t.Parallel()
	bin := needProgram(t)
	if ln, err := net.Listen("tcp", "127.0.0.11:0"); err != nil {
		t.Skip("not all of 127.0.0.0/8 is here: ", err)
	} else {
		ln.Close()
	}
	// Other addresses than the README's, so that another run may be under way.
	own := fmt.Sprintf("127.0.%d.1", 64+os.Getpid()%128)
	pause := regexp.MustCompile(`\bsleep \d`) // for readers; here commands are repeated until they match
	translate := func(s string) string {
		return pause.ReplaceAllString(strings.ReplaceAll(s, "127.0.0.1", own), "sleep 0.2")
	}
	text := read(t, "README.md")
	folder := t.TempDir()
	writeFile(t, folder, "quick.json", translate(fenced(t, text, "json")))

	sh := newShell(t, folder, bin)
	steps := sessionsOf(text, "Ten minutes to a cluster")
	if len(steps) < 8 {
		t.Fatalf("%d steps: are they still found?", len(steps))
	}
	for _, s := range steps {
		want := sorted(s.output)
		for i := range want {
			want[i] = translate(want[i])
		}
		// On a busy machine things take longer than a reader needs to type, and asking once more
		// changes nothing.
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
			got := sorted(sh.run(translate(s.command)))
			if slices.Equal(want, got) {
				break
			}
			again := strings.HasPrefix(s.command, "serf members") || strings.HasPrefix(s.command, "serf query")
			if !again || time.Now().After(deadline) {
				t.Fatalf("README.md:%d: %s prints\n%s\n\nand not\n%s", s.line, s.command,
					strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// sorted is a sorted copy: who answers first is up to chance.
func sorted(lines []string) []string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	return lines
}

// shell is an interactive one, in which jobs go on between the commands.
type shell struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

func newShell(t *testing.T, folder, bin string) *shell {
	t.Helper()
	cmd := exec.Command("sh")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	s := &shell{t, in, bufio.NewScanner(out)}
	// Nothing outlives the shell. Not kill $(jobs -p): some shells forget their jobs in $().
	s.run("trap 'jobs -p >.jobs; kill $(cat .jobs) 2>/dev/null' EXIT")
	return s
}

// run runs a command and returns what it prints on standard output.
func (s *shell) run(command string) (lines []string) {
	s.t.Helper()
	const end = "-- end of the output --"
	if _, err := io.WriteString(s.in, command+"\necho '"+end+"'\n"); err != nil {
		s.t.Fatal(err)
	}
	for s.out.Scan() {
		if s.out.Text() == end {
			return trimBlank(lines)
		}
		lines = append(lines, s.out.Text())
	}
	s.t.Fatalf("the shell ended at %s", command)
	return nil
}

// A Go program of one's own works as docs/embedding.md says: the import first, then tidy.
func TestEmbeddingProgram(t *testing.T) {
	t.Parallel()
	needProgram(t)
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "docs/embedding.md")
	folder := t.TempDir()
	writeFile(t, folder, "main.go", fenced(t, text, "go"))
	script := strings.ReplaceAll(fenced(t, text, "sh"), "/path/to/this/repository", top)
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = folder
	// go test ./... has brought all modules that tidy looks at.
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOSUMDB=off", "GOFLAGS=")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if want := "deploy v2, seen by 1 member"; err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("the program prints %q, %v; want %q\n%s", out, err, want, &errs)
	}
}

// The README is read to its end only if it is short.
func TestReadmeIsShort(t *testing.T) {
	const most = 120
	if n := strings.Count(read(t, "README.md"), "\n"); n > most {
		t.Errorf("README.md has %d lines, at most %d", n, most)
	}
}
