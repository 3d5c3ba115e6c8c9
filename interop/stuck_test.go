package interop

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

const (
	// quickMembers bounds how long `members` by RPC takes on a busy machine; on a quiet one it
	// takes a millisecond or two.
	quickMembers = 2 * time.Second
	// memoryGrowth bounds how much an agent's memory may grow in the second half of a burst, whose
	// events all wait for a consumer that doesn't take them.
	memoryGrowth = 24 << 20
)

// TestNothingTaken gives an agent a handler that never returns and a client that subscribes to
// everything and reads nothing, and sends it a burst of events. It works on as if nothing had
// happened.
func TestNothingTaken(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("resident memory is read from /proc")
	}
	script, calls := endlessHandler(t)
	other := originalProgram.start(t, options{name: "other"}, dialOwn)
	source := ownProgram.start(t, options{name: "source"}, dialOwn, "-join="+other.bind.String())
	stuck := ownProgram.start(t, options{name: "stuck"}, dialOwn, "-join="+other.bind.String(), "-event-handler="+script)
	all := []member{other, source, stuck}
	wantAgreement(t, all...)
	muteClient(t, stuck.rpcAddr())

	latency := askMembers(t, stuck)
	var resident []int // bytes, at each quarter
	for quarter := range 4 {
		for n := quarter * *burstLength / 4; n < (quarter+1)**burstLength/4; n++ {
			must(t, source.event("burst", numbered(n), false))
		}
		wantEvent(t, fmt.Sprintf("user burst %s", numbered((quarter+1)**burstLength/4-1)), stuck)
		resident = append(resident, residentMemory(t, stuck))
	}
	took := latency()
	if worst := slices.Max(took); worst > quickMembers {
		t.Errorf("members took %v, want %v at most", worst, quickMembers)
	}
	if growth := resident[3] - resident[1]; growth > memoryGrowth {
		t.Errorf("resident memory grew by %d bytes in the second half: %v", growth, resident)
	}
	if n := calls(); n != 1 {
		t.Errorf("the handler runs %d times, want once", n)
	}
	for _, m := range all[:2] {
		if heard(m, "member-failed stuck") != 0 {
			t.Errorf("%s took the agent for failed", m.name())
		}
	}
	wantAgreement(t, all...)
	t.Logf("%d events; members took %v (median), %v (worst) of %d; resident at the quarters %d MiB",
		*burstLength, median(took), slices.Max(took), len(took), inMiB(resident))
}

// endlessHandler returns a script that doesn't end before the test, and a function that counts its
// calls.
func endlessHandler(t *testing.T) (path string, calls func() int) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "endless.sh")
	list := path + ".pids"
	must(t, os.WriteFile(path, []byte("#!/bin/sh\necho $$ >> "+list+"\nexec sleep 600\n"), 0o700))
	pids := func() (all []int) {
		b, _ := os.ReadFile(list) // there is none before the first call
		for _, field := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(field)
			must(t, err)
			all = append(all, pid)
		}
		return all
	}
	t.Cleanup(func() {
		for _, pid := range pids() {
			syscall.Kill(pid, syscall.SIGKILL) // its agent was killed and couldn't do it
		}
	})
	return path, func() int { return len(pids()) }
}

// muteClient subscribes to all events and the whole log, and never reads.
func muteClient(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.(*net.TCPConn).SetReadBuffer(4096)) // so that little is buffered on the way
	e := codec.NewEncoder(conn, &codec.MsgpackHandle{})
	for _, request := range []any{
		map[string]any{"Command": "handshake", "Seq": uint64(1)}, map[string]any{"Version": 1},
		map[string]any{"Command": "stream", "Seq": uint64(2)}, map[string]any{"Type": "*"},
		map[string]any{"Command": "monitor", "Seq": uint64(3)}, map[string]any{"LogLevel": "TRACE"},
	} {
		must(t, e.Encode(request))
	}
}

// askMembers lists the members over and over. stop ends that and returns how long each request
// took.
func askMembers(t *testing.T, m *running) (stop func() []time.Duration) {
	client, err := dialOwn(m.rpcAddr())
	must(t, err)
	t.Cleanup(client.close)
	ending, ended := make(chan struct{}), make(chan struct{})
	var took []time.Duration
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			begun := time.Now()
			view, err := client.members(memberFilter{})
			took = append(took, time.Since(begun))
			if err != nil || len(view) != 3 {
				t.Errorf("members: %v, %v", view, err)
				return
			}
			select {
			case <-ending:
				return
			case <-tick.C:
			}
		}
	}()
	end := sync.OnceFunc(func() {
		close(ending)
		<-ended
	})
	t.Cleanup(end)
	return func() []time.Duration {
		end()
		return took
	}
}

// residentMemory is the resident memory of a process in bytes.
func residentMemory(t *testing.T, m *running) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.cmd.Process.Pid))
	must(t, err)
	_, after, _ := strings.Cut(string(b), "VmRSS:")
	kB, err := strconv.Atoi(strings.Fields(after)[0])
	must(t, err)
	return kB << 10
}

func median(d []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(d))[len(d)/2]
}

func inMiB(bytes []int) (all []int) {
	for _, n := range bytes {
		all = append(all, n>>20)
	}
	return all
}
