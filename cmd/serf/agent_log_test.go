package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/agent"
	"serf/agent/config"
)

// All that the agent prints can be read by a program, from its first message to the last.
func TestAgentLogsJSON(t *testing.T) {
	t.Parallel()
	r := runTestAgent(t, "-log-format=json", "-role=web")
	r.stdout.await(t, `"msg":"Serf agent starting"`)
	r.stdout.await(t, `"msg":"RPC addr: '127\.0\.0\.1:\d+'","component":"agent"}\n`)
	r.stdout.await(t, `"level":"WARN","msg":"-role is deprecated, use -tag role=web","component":"agent"}\n`)
	r.stdout.await(t, `"level":"INFO","msg":"EventMemberJoin: a 127\.0\.0\.1","component":"serf"}\n`)
	stop(r)
	lines := strings.SplitAfter(r.stdout.String(), "\n")
	for _, line := range lines[:len(lines)-1] {
		var fields map[string]string
		if err := json.Unmarshal([]byte(line), &fields); err != nil || len(fields) != 4 {
			t.Fatalf("%v: %s", err, line)
		}
		at, err := time.Parse("2006-01-02T15:04:05.000Z07:00", fields["time"])
		if d := time.Since(at); err != nil || d < -time.Second || d > testPatience {
			t.Errorf("%v, %v ago: %s", err, d, line)
		}
	}
	r = runTestAgent(t, "-log-format=json", "-profile=moon")
	r.wantExit(exitError)
	r.errs.await(t, `"level":"ERROR","msg":"Error: -profile: \\"moon\\", allowed lan, wan, local","component":"agent"}\n$`)
}

func TestAgentKeepsALogFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "serf.log")
	r := runTestAgent(t, "-log-file", path).started()
	stop(r)
	got, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(got), "[INFO] agent: Serf agent starting\n") || !strings.HasSuffix(string(got), "[INFO] agent: shutdown complete\n") {
		t.Errorf("%v, %s", err, got)
	}
	r = runTestAgent(t, "-log-file", filepath.Join(path, "below a file"))
	r.wantExit(exitError)
	r.errs.await(t, `==> Error starting Serf agent: -log-file: .*below a file: `)
}

// The signals by which logrotate tells of a new file.
func TestLogFileIsOpenedAgain(t *testing.T) {
	t.Parallel()
	if reopenSignal == nil {
		t.Skip("no signal for it on this system")
	}
	path := filepath.Join(t.TempDir(), "serf.log")
	r := runTestAgent(t, "-log-file", path).started()
	for _, s := range []os.Signal{reopenSignal, reloadSignal} {
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		before := strings.Count(r.stdout.String(), "Opened the log file again")
		r.send(s)
		r.stdout.await(t, `(?s)`+strings.Repeat(`Opened the log file again.*`, before+1))
		if _, err := os.Stat(path); err != nil {
			t.Errorf("after %v: %v", s, err)
		}
	}
	stop(r)
	got, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(got), "agent: shutdown complete\n") {
		t.Errorf("%v, %s", err, got)
	}
}

func TestLogFormatsOfConfigurationAndAgentAgree(t *testing.T) {
	for i, name := range config.LogFormats {
		if got, err := agent.ParseLogFormat(name); err != nil || got != agent.LogFormat(i) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// A log file mustn't be one that the agent keeps otherwise.
func TestLogFileOfItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	_, err := loadSetup([]string{"-node=n", "-bind=127.0.0.1", "-snapshot", path, "-log-file", path})
	want := "-log-file: " + path + " is the file of -snapshot, too"
	if d := cmp.Diff([]string{want}, problemTexts(err)); d != "" {
		t.Error(d)
	}
}

func problemTexts(err error) (list []string) {
	for _, p := range config.Problems(err) {
		list = append(list, p.Error())
	}
	return list
}
