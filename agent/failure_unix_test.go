//go:build unix

package agent

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"serf/agent/handler"
	"serf/swim"
	"serf/wire"
)

// A handler waits for ever while members come and go: the agent goes on, and counts what the
// handler misses (F7 in docs/failures.md).
func TestHandlerThatNeverEndsStopsNothing(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "never")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := handler.Parse("cat " + gate)
	if err != nil {
		t.Fatal(err)
	}
	n := newMemNetwork()
	c := memConfig(n, "a", 1)
	c.Handlers = []handler.Handler{h}
	c.CoalescePeriod = 0 // each member is an event
	a := begin(t, c)
	b := begin(t, memConfig(n, "b", 2))
	mustJoin(t, b, a)
	wantMembers(t, a, 2)
	before := heapInUse()
	const strangers = 2000 // the handler has room for some 1,000 events
	for i := range strangers {
		comeAndGo(t, a, fmt.Sprint("stranger-", i))
		if i%500 == 0 {
			wantQuickMembers(t, a)
		}
	}
	began := time.Now()
	mustJoin(t, begin(t, memConfig(n, "c", 3)), b)
	wantMembers(t, a, 3)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("a learnt of c after %v, limit 2 s", took)
	}
	wantQuickMembers(t, a)
	total := a.HandlerStats().Total
	if missed := total.Dropped + total.Coalesced; missed < strangers {
		t.Errorf("%d counted as dropped or merged, of %d events", missed, 2*strangers)
	}
	if grown := heapInUse() - before; grown > 16<<20 {
		t.Errorf("heap grew by %d MiB", grown>>20)
	}
	a.closeScripts(0) // or the end of the agent waits for the script
}

// comeAndGo makes a see a member that joins and leaves.
func comeAndGo(t *testing.T, a *Agent, name string) {
	t.Helper()
	addr := hostAddr(200)
	alive := wire.Alive{Inc: 1, Node: []byte(name), Addr: addr.Addr().AsSlice(), Port: addr.Port(), Vsn: []byte{1, 5, 2, 2, 5, 5}}
	gone := wire.Dead{Inc: 1, Node: []byte(name), From: []byte(name)}
	err := a.do(background, func(now swim.Time) {
		a.loop.node.Packet(now, addr, alive.Append(nil), &a.loop.out)
		a.loop.node.Packet(now, addr, gone.Append(nil), &a.loop.out)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wantQuickMembers wants one of three calls to be quick: on a machine with other work, one may wait
// for the processor.
func wantQuickMembers(t *testing.T, a *Agent) {
	t.Helper()
	var took time.Duration
	for range 3 {
		began := time.Now()
		a.Members()
		if took = time.Since(began); took <= 100*time.Millisecond {
			return
		}
	}
	t.Errorf("three calls of Members took over 100 ms, the last %v", took)
}
