//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"serf/agent/rpc"
	"serf/internal/systest"
)

// A process that is killed loses at most the last second of its recording.
func TestKillLosesTheLastSecondAtMost(t *testing.T) {
	systest.Long(t, "it records for three seconds")
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "record")
	cmd := exec.Command(os.Args[0], "-test.run=^TestAgentProcess$")
	cmd.Env = append(os.Environ(), processVar+"=-node=a -bind=127.0.0.1:0 -rpc-addr=127.0.0.1:0 -record="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	addr := ""
	for lines := bufio.NewScanner(out); addr == "" && lines.Scan(); {
		if m := regexp.MustCompile(`RPC addr: '(.*)'`).FindStringSubmatch(lines.Text()); m != nil {
			addr = m[1]
		}
	}
	go io.Copy(io.Discard, out)
	c, err := rpc.Dial(t.Context(), addr, rpc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var fired []time.Time
	for range time.Tick(100 * time.Millisecond) {
		sendEvent(t, c, fmt.Sprint("event-", len(fired)))
		if fired = append(fired, time.Now()); len(fired) == 30 {
			break
		}
	}
	killed := time.Now()
	cmd.Process.Signal(syscall.SIGKILL)
	cmd.Wait()
	written := map[string]bool{}
	list, _ := recorded(t, dir)
	for _, e := range list {
		written[e.Name] = true
	}
	for i, at := range fired {
		// The write itself has half a second, on a host with other work.
		if age := killed.Sub(at); age > 1500*time.Millisecond && !written[fmt.Sprint("event-", i)] {
			t.Errorf("event %d of %v before the kill isn't written", i, age)
		}
	}
}
