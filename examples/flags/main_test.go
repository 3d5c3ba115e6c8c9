package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/membership"
)

// Flags reach all members, also those that come later or were away; the later setting wins.
func TestFlagsReachAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		net := memnet.New(memnet.Config{Link: memnet.Link{Delay: time.Millisecond}})
		var all []*flags
		var nodes []*membership.Node
		start := func() {
			f := &flags{values: make(map[string]setting)}
			c := f.config()
			ip := netip.AddrFrom4([4]byte{10, 0, 0, byte(len(nodes) + 1)})
			c.Name, c.Bind, c.Network = fmt.Sprint("flags-", len(nodes)), netip.AddrPortFrom(ip, 7946), net.Host(ip)
			c.Join, c.Logger = []string{"10.0.0.1", "10.0.0.2"}, slog.New(slog.DiscardHandler)
			n, err := membership.Start(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { n.Close() })
			all, nodes = append(all, f), append(nodes, n)
		}
		want := func(value string, members ...int) {
			t.Helper()
			for _, i := range members {
				all[i].mu.Lock()
				if got := all[i].values["checkout"].Value; got != value {
					t.Errorf("member %d has %q, want %q", i, got, value)
				}
				all[i].mu.Unlock()
			}
		}
		set := func(i int, value string) {
			if err := all[i].take(nodes[i], map[string]setting{"checkout": {value, time.Now().UnixMicro()}}); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			start()
		}
		time.Sleep(10 * time.Second)
		set(7, "on")
		time.Sleep(3 * time.Second)
		want("on", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19)
		start()
		time.Sleep(time.Second)
		want("on", 20)
		net.Isolate(nodes[3].Addr().Addr(), true)
		set(3, "lost")
		time.Sleep(5 * time.Second)
		set(4, "off")
		time.Sleep(5 * time.Second)
		want("off", 0, 4, 20)
		net.Isolate(nodes[3].Addr().Addr(), false)
		time.Sleep(3 * time.Minute)
		want("off", 0, 3, 4, 20)
	})
}
