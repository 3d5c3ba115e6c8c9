package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"serf/internal/systest"
)

// On a terminal: what is shown, keys, a new size, and that the terminal is restored however the
// program ends.
func TestWatchOnATerminal(t *testing.T) {
	t.Parallel()
	addr := startAgent(t, "")
	for name, tt := range map[string]struct {
		end  func(cmd *exec.Cmd, outer *os.File)
		code int
	}{
		"key":       {func(_ *exec.Cmd, outer *os.File) { outer.WriteString("q") }, exitOK},
		"interrupt": {func(_ *exec.Cmd, outer *os.File) { outer.WriteString("\x03") }, exitOK},
		"signal":    {func(cmd *exec.Cmd, _ *os.File) { cmd.Process.Signal(syscall.SIGTERM) }, exitOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestProgram$", "--", "watch", "-rpc-addr="+addr)
			cmd.Env = append(os.Environ(), programVar+"=1", "TERM=xterm", "NO_COLOR=1")
			outer := systest.StartOnTerminal(t, cmd, 80, 20)
			shown := readUntil(t, outer, "? help")
			for _, want := range []string{"\x1b[?1049h", "n1 sees:  2 alive  1 failed", `evil\nn9 \x1b[31m`} {
				if !strings.Contains(shown, want) {
					t.Errorf("no %q in %q", want, shown)
				}
			}
			if strings.Contains(shown, "\x1b[31m") {
				t.Errorf("colours: %q", shown)
			}
			systest.ResizeTerminal(t, outer, 60, 10)
			readUntil(t, outer, "\x1b[10;1H")
			outer.WriteString("/two")
			readUntil(t, outer, "/two_")
			outer.WriteString("\r")
			tt.end(cmd, outer)
			if rest := readUntil(t, outer, "\x1b[?1049l"); !strings.Contains(rest, "\x1b[?25h") {
				t.Errorf("the cursor isn't shown: %q", rest)
			}
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != tt.code {
				t.Errorf("%v, want exit %d", cmd.ProcessState, tt.code)
			}
		})
	}
}
