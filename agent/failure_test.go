package agent

import (
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver"
)

// Members come and go, some without a word, and one can't send packets: none of them leaves
// anything behind (F10 in docs/failures.md).
func TestChurnLeaksNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("72 agents come and go")
	}
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		agents := beginJoined(t, n, 3)
		cycle := func(i int) {
			c := memConfig(n, fmt.Sprint("guest-", i%3), 9)
			if i%3 == 0 {
				c.Network = mute{c.Network}
			}
			guest, err := Start(background, c) // and not begin, which keeps it to the end of the test
			if err != nil {
				t.Fatal(err)
			}
			mustJoin(t, guest, agents[i%2])
			n.Isolate(hostAddr(3).Addr(), i%2 == 0)
			time.Sleep(20 * time.Second)
			if i%4 == 0 {
				_ = guest.Leave(background) // may fail: it can't tell anybody
			}
			guest.Close()
			time.Sleep(time.Minute)
		}
		for i := range 12 { // until buffers have their size
			cycle(i)
		}
		settle := func() { // until no stream to the isolated one is in flight
			n.Isolate(hostAddr(3).Addr(), false)
			time.Sleep(5 * time.Minute)
			synctest.Wait()
		}
		settle()
		goroutines, before := agentGoroutines(), heapInUse()
		const guests = 60
		for i := range guests {
			cycle(i)
		}
		settle()
		if got := agentGoroutines(); len(got) > len(goroutines) {
			t.Errorf("%d goroutines, %d before:\n%s", len(got), len(goroutines), strings.Join(got, "\n\n"))
		}
		if grown := heapInUse() - before; grown > 2<<20 {
			t.Errorf("%d KiB more after %d guests", grown>>10, guests)
		}
	})
}

// agentGoroutines returns the stacks of the goroutines that run code of this package. The runtime has
// others, which come and go by themselves.
func agentGoroutines() []string {
	buf := make([]byte, 1<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	return slices.DeleteFunc(stacks, func(s string) bool { return !strings.Contains(s, "serf/agent.") })
}

// More events than fit into any window, fired as fast as the agent accepts them, reach all members
// once (F23 in docs/failures.md).
func TestTenThousandEventsReachAllOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all = 10_000
		agents := beginJoined(t, newMemNetwork(), 3)
		var subs []*Subscription
		for _, a := range agents {
			subs = append(subs, a.Subscribe(subscriptionMax, func(e Event) bool { _, ok := e.(UserEvent); return ok }))
		}
		for i := range all {
			if err := agents[i%3].UserEvent(background, "n", fmt.Append(nil, i), false); err != nil {
				t.Fatalf("event %d: %v", i, err)
			}
		}
		time.Sleep(5 * time.Minute)
		for i, s := range subs {
			s.Close()
			got := make(map[string]int)
			for _, e := range drainAll(s) {
				got[string(e.(UserEvent).Payload)]++
			}
			total := 0
			for payload, n := range got {
				if total += n; n > 1 {
					t.Errorf("%s got event %s %d times", memberName(i), payload, n)
				}
			}
			if total != all {
				t.Errorf("%s got %d events, want %d", memberName(i), total, all)
			}
		}
	})
}

// A member that returns immediately with other tags never failed in the eyes of others, which are
// told that it restarted (F21 in docs/failures.md).
func TestQuickRestartIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		agents := beginJoined(t, n, 3)
		s := agents[0].Subscribe(8, nil)
		agents[2].Close()
		c := memConfig(n, "c", 3)
		c.seed, c.Tags = 99, map[string]string{"version": "2"}
		mustJoin(t, begin(t, c), agents[1])
		for {
			e := wantEvent(t, s, "c restarted").(MemberEvent)
			if e.Type != MemberUpdate || e.Members[0].Name != "c" || e.Members[0].Tags["version"] != "2" {
				t.Fatalf("got %+v, want updates of c alone", e)
			}
			if e.Restarted {
				break // an update without it may come first: the tags travel faster than the intent to join
			}
		}
		if err := agents[1].SetTags(background, map[string]string{"a": "b"}, nil); err != nil {
			t.Fatal(err)
		}
		if e := wantEvent(t, s, "b has other tags").(MemberEvent); e.Members[0].Name != "b" || e.Restarted {
			t.Errorf("got %+v, want b's update alone", e)
		}
	})
}

// Silent streams keep other streams out for a while, but not packets (F12 in docs/failures.md).
func TestStreamsAreServedAgainAfterSilentOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		a, b := begin(t, memConfig(n, "a", 1)), begin(t, memConfig(n, "b", 2))
		for range streamsMax {
			c, err := n.Host(hostAddr(7).Addr()).Dial(background, netip.Addr{}, a.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		if got, err := b.Join(background, []string{a.Addr().String()}, false); got != 0 || err == nil {
			t.Fatalf("joined %d, %v, want to be refused", got, err)
		}
		if a.Traffic().StreamFailures[driver.StreamRefused] == 0 {
			t.Error("not counted")
		}
		time.Sleep(a.conf.Timing.StreamTimeout + time.Second) // not at the very moment
		synctest.Wait()
		mustJoin(t, b, a)
	})
}

func TestPublicAddressWithoutEncryptionIsTold(t *testing.T) {
	for _, tt := range []struct {
		addr string
		key  string
		want bool
	}{
		{"198.51.100.7:7946", "", false}, // for documentation: nobody's
		{"9.9.9.9:7946", "", true},
		{"9.9.9.9:7946", "0123456789abcdef", false},
		{"10.0.0.1:7946", "", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out syncBuffer
			c := memConfig(newMemNetwork(), "a", 1)
			c.Advertise = netip.MustParseAddrPort(tt.addr)
			if tt.key != "" {
				c = encrypted(c, tt.key)
			}
			c.Logger = NewLog(&out, slog.LevelWarn)
			begin(t, c).Close()
			if got := strings.Contains(written(c.Logger.(*Log), &out), "[WARN] memberlist: Binding to public address without encryption!\n"); got != tt.want {
				t.Errorf("%s, key %q: warned %v, want %v", tt.addr, tt.key, got, tt.want)
			}
		})
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
