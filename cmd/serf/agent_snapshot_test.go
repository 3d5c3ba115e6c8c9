package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"serf/agent/rpc"
)

func sendEvent(t *testing.T, c *rpc.Client, name string) {
	t.Helper()
	if err := c.UserEvent(t.Context(), name, nil, false); err != nil {
		t.Fatal(err)
	}
}

func TestAgentRejoinsFromSnapshot(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "snapshot")
	b := runTestAgent(t, "-node=b", "-bind=127.0.0.1:0").started()
	first := runTestAgent(t, "-snapshot", path, "-join", b.addr("Bind")).started()
	first.stdout.await(t, `Snapshot: true\n`)
	sendEvent(t, b.client(), "old")
	first.stdout.await(t, `Received event: user-event: old`)
	stop(first)

	second := runTestAgent(t, "-snapshot", path, "-bind", first.addr("Bind")).started()
	second.stdout.await(t, `\[INFO\] serf: Re-joined to previously known node: `+b.addr("Bind"))
	sendEvent(t, b.client(), "new")
	second.stdout.await(t, `Received event: user-event: new`)
	if strings.Contains(second.stdout.String(), "user-event: old") {
		t.Errorf("an event of the last run was delivered again:\n%s", second.stdout)
	}
	stop(second, b)
}

func TestAgentLeaveAndSnapshot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		option string
		stays  bool
	}{{"-rejoin=false", false}, {"-rejoin", true}} {
		t.Run(tt.option, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "snapshot")
			rewrite(t, path, "alive: gone 127.0.0.1:1\nclock: 5\n")
			for range 2 {
				r := runTestAgent(t, "-snapshot", path, tt.option).started()
				r.send(os.Interrupt)
				r.wantExit(exitOK)
				data, err := os.ReadFile(path)
				if err != nil || !strings.HasSuffix(string(data), "leave\n") {
					t.Errorf("%q ends without a leave, error %v", data, err)
				}
			}
			r := runTestAgent(t, "-snapshot", path, tt.option).started()
			if tt.stays {
				r.stdout.await(t, `Attempting re-join to previously known node: 127\.0\.0\.1:1\n`)
			}
			stop(r)
			if !tt.stays && strings.Contains(r.stdout.String(), "re-join") {
				t.Errorf("it rejoins although it had left:\n%s", r.stdout)
			}
		})
	}
}

func TestAgentSnapshotThatIsNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := runTestAgent(t, "-snapshot", dir)
	r.wantExit(exitError)
	if want := "==> Error starting Serf agent: -snapshot: " + dir + " is a directory, want a file\n"; r.errs.String() != want {
		t.Errorf("complaints %q, want %q", r.errs, want)
	}
}

// For each file that an agent writes: a second agent on it is refused, with the file's name.
func TestTwoAgentsOnOneFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ring := filepath.Join(dir, "ring")
	rewrite(t, ring, `["MDEyMzQ1Njc4OWFiY2RlZg=="]`)
	for option, path := range map[string]string{
		"-snapshot": filepath.Join(dir, "snapshot"), "-tags-file": filepath.Join(dir, "tags"), "-keyring-file": ring,
	} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			first := runTestAgent(t, option, path).started()
			second := runTestAgent(t, option, path)
			second.wantExit(exitError)
			second.errs.await(t, `Error starting Serf agent: .*`+regexp.QuoteMeta(path)+`: another agent uses this file`)
			stop(first)
			third := runTestAgent(t, option, path).started()
			stop(third)
		})
	}
}

func TestAgentLeavesForeignSnapshotAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.conf")
	const content = "db_host = a\ndb_pass = b\nlast = c"
	rewrite(t, path, content)
	r := runTestAgent(t, "-snapshot", path)
	r.wantExit(exitError)
	r.errs.await(t, `agent: -snapshot: `+regexp.QuoteMeta(path)+`: not a snapshot`)
	if data, err := os.ReadFile(path); string(data) != content || err != nil {
		t.Errorf("it has %q, error %v", data, err)
	}
}
