//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// pipe makes a named pipe that nobody writes to.
func pipe(t *testing.T, path string) string {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip("pipes can't be made here: ", err)
	}
	t.Cleanup(func() { // lets those go who still wait
		if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
			f.Close()
		}
	})
	return path
}

func TestAgentEndsWhileItReadsFromAPipe(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"-config-file", "-tags-file", "-keyring-file"} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			r := runTestAgent(t, option, pipe(t, filepath.Join(t.TempDir(), "pipe")))
			r.send(syscall.SIGHUP) // means nothing yet
			r.send(syscall.SIGTERM)
			r.send(syscall.SIGTERM) // at once
			r.wantExit(exitError)
			r.errs.await(t, `Caught signal: terminated, ending before the start is done`)
		})
	}
}

// A reload that never ends doesn't stop the agent from doing anything else; another reload waits
// for its end.
func TestAgentRunsWhileAReloadReadsFromAPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.json")
	rewrite(t, path, `{"log_level": "info"}`)
	r := runTestAgent(t, "-config-file", path).started()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	pipe(t, path)
	r.send(syscall.SIGHUP)
	r.stdout.await(t, `Reloading configuration\.\.\.`)
	r.send(syscall.SIGHUP) // for when the first is done
	if _, err := r.client().Members(t.Context()); err != nil {
		t.Error(err)
	}
	rewrite(t, path, `{"log_level": "warn"}`)
	r.stdout.await(t, `(?s)Reloading configuration.*Reloading configuration`)
	rewrite(t, path, `{"log_level": "info", "label": "x"}`)
	r.stdout.await(t, `changes of these take a restart: .*label`)
	stop(r)
	r.stdout.await(t, `agent: shutdown complete`)
}
