package interop

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var burstLength = flag.Int("burst", 2000, "how many events a burst has; full size is 10000")

const (
	burstPayload  = 100 // bytes
	burstPatience = 2 * time.Minute
)

// TestBurst fires events as fast as one agent accepts them: each is delivered once, everywhere.
func TestBurst(t *testing.T) {
	t.Parallel()
	for name, third := range map[string]program{"ours alone": ownProgram, "original among them": originalProgram} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := ownProgram.start(t, options{name: "first"}, dialOwn)
			second := ownProgram.start(t, options{name: "second"}, dialOwn, "-join="+first.bind.String())
			last := third.start(t, options{name: "third"}, dialOwn, "-join="+first.bind.String())
			all := []*running{first, second, last}
			wantAgreement(t, membersOf(all)...)
			counts := make([]*tally, len(all))
			for i, m := range all {
				counts[i] = newTally(t, m)
			}

			begun := time.Now()
			for n := range *burstLength {
				must(t, first.event("burst", numbered(n), false))
			}
			taken := time.Since(begun)
			for i, c := range counts {
				at := c.wait(t, all[i].name(), *burstLength)
				if twice := c.twice(); twice > 0 {
					t.Errorf("%s was told %d events twice", all[i].name(), twice)
				}
				t.Logf("%s: all %d after %v", all[i].name(), *burstLength, at.Sub(begun).Round(time.Millisecond))
			}
			t.Logf("%d events taken in %v", *burstLength, taken.Round(time.Millisecond))
		})
	}
}

// numbered is the payload of event n.
func numbered(n int) []byte {
	b := fmt.Appendf(nil, "%08d", n)
	return append(b, strings.Repeat("x", burstPayload-len(b))...)
}

// tally counts the events of a burst that one member delivers.
type tally struct {
	mu   sync.Mutex
	seen map[int]int
	last time.Time // when the last new one arrived
}

func newTally(t *testing.T, m *running) *tally {
	t.Helper()
	return tallyAt(t, m.name(), m.rpcAddr())
}

// tallyAt counts at an RPC address.
func tallyAt(t *testing.T, name, addr string) *tally {
	t.Helper()
	c := &tally{seen: make(map[int]int)}
	client, err := dialOwn(addr)
	must(t, err)
	t.Cleanup(client.close)
	_, err = client.stream("user:burst", func(e rpcEvent) {
		n, err := strconv.Atoi(string(e.payload[:8]))
		if err != nil || len(e.payload) != burstPayload {
			t.Errorf("%s was told %q", name, e.payload)
		}
		c.add(n)
	})
	must(t, err)
	return c
}

func (c *tally) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[n]++
	if c.seen[n] == 1 {
		c.last = time.Now()
	}
}

func (c *tally) has(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[n] > 0
}

func (c *tally) different() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}

func (c *tally) twice() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	twice := 0
	for _, times := range c.seen {
		if times > 1 {
			twice++
		}
	}
	return twice
}

// wait waits until all have arrived and returns when the last one did.
func (c *tally) wait(t *testing.T, who string, all int) time.Time {
	t.Helper()
	eventually(t, burstPatience, who+" is told all", func() error {
		if n := c.different(); n < all {
			return fmt.Errorf("%d of %d", n, all)
		}
		return nil
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// quickQuery bounds how long a query takes that everybody answers, whatever its timeout.
const quickQuery = 2 * time.Second

// TestQueryEndsWithTheLastAnswer queries five members with handlers: the command ends with the last
// answer, not at the timeout.
func TestQueryEndsWithTheLastAnswer(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "load.sh")
	must(t, os.WriteFile(script, []byte("#!/bin/sh\necho load of $SERF_SELF_NAME\n"), 0o700))
	var all []*running
	for i := range 5 {
		args := []string{"-event-handler=query:load=" + script}
		if i > 0 {
			args = append(args, "-join="+all[0].bind.String())
		}
		all = append(all, ownProgram.start(t, options{name: fmt.Sprint("member-", i)}, dialOwn, args...))
	}
	wantAgreement(t, membersOf(all)...)
	var took []time.Duration
	for _, m := range all {
		c := newCommandLine(t, ownProgram, m)
		begun := time.Now()
		out, errs, exit := c.exec("query", "-timeout=30s", "load")
		took = append(took, time.Since(begun))
		for _, asked := range all {
			if part := "Response from '" + asked.name() + "': load of " + asked.name(); exit != 0 || !strings.Contains(out, part) {
				t.Errorf("exit %d, no %q in\n%s%s", exit, part, out, errs)
			}
		}
	}
	if slowest := slices.Max(took); slowest > quickQuery {
		t.Errorf("a query took %v, want %v at most", slowest, quickQuery)
	}
	t.Logf("5 queries of 5 members with -timeout=30s took %v", took)
}
