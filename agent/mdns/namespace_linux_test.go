package mdns

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
)

// Two members find each other by real multicast, in a network namespace that has nothing but a
// loopback interface.
func TestFindEachOther(t *testing.T) {
	if !systest.InNamespace() {
		if testing.Short() {
			t.Skip("a query takes a second")
		}
		systest.RunInNamespace(t, nil)
		return
	}
	systest.RaiseLoopback(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // only a failure takes that long
	defer cancel()
	joined := make(chan string, 2)
	for node, addr := range map[string]string{"a": "127.0.33.1:1", "b": "127.0.33.2:2"} { // in any order
		s, err := Start(Config{
			Cluster: "test", Node: node, Addr: netip.MustParseAddrPort(addr), Interface: "lo", DisableIPv6: true,
			Join: func(_ context.Context, addrs []string) (int, error) {
				joined <- node + " joined " + strings.Join(addrs, " ")
				return 1, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
	}
	// The one that starts last finds the other.
	select {
	case got := <-joined:
		if got != "a joined 127.0.33.2:2" && got != "b joined 127.0.33.1:1" {
			t.Error(got)
		}
	case <-ctx.Done():
		t.Error("nobody found")
	}
}
