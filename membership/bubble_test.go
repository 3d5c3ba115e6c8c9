package membership_test

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/membership"
)

// addrOf is the address of host i of a network in memory.
func addrOf(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 7946)
}

// bubble runs a test in virtual time, on a network in memory.
func bubble(t *testing.T, f func(t *testing.T, net *memnet.Network)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f(t, memnet.New(memnet.Config{Link: memnet.Link{Delay: time.Millisecond}}))
	})
}

// start runs member number i, named by its letter.
func start(t *testing.T, net *memnet.Network, i int, c membership.Config) *membership.Node {
	t.Helper()
	n, err := tryStart(t, net, i, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("%s: %v", n.Name(), err)
		}
	})
	return n
}

func tryStart(t *testing.T, net *memnet.Network, i int, c membership.Config) (*membership.Node, error) {
	if c.Name == "" {
		c.Name = string(rune('a' + i - 1))
	}
	c.Network, c.Bind = net.Host(addrOf(i).Addr()), addrOf(i)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return membership.Start(t.Context(), c)
}

// join joins the members to the first.
func join(t *testing.T, first *membership.Node, others ...*membership.Node) {
	t.Helper()
	for _, n := range others {
		if reached, err := n.Join(t.Context(), first.Addr().String()); reached != 1 || err != nil {
			t.Fatalf("%s joins %s: %d, %v", n.Name(), first.Name(), reached, err)
		}
	}
}

// cluster starts members with the same configuration, joined.
func cluster(t *testing.T, net *memnet.Network, size int, c membership.Config) []*membership.Node {
	t.Helper()
	var nodes []*membership.Node
	for i := range size {
		nodes = append(nodes, start(t, net, i+1, c))
	}
	join(t, nodes[0], nodes[1:]...)
	time.Sleep(5 * time.Second) // gossip
	return nodes
}

// names are the living members that a node knows, in one string.
func names(n *membership.Node) string {
	var b strings.Builder
	for _, m := range n.Members() {
		b.WriteString(m.Name)
	}
	return b.String()
}

func wantNames(t *testing.T, why, want string, nodes ...*membership.Node) {
	t.Helper()
	for _, n := range nodes {
		if got := names(n); got != want {
			t.Errorf("%s: %s knows %s, want %s", why, n.Name(), got, want)
		}
	}
}

// journal collects what functions that report were called with.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// take returns the lines since the last call.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

func (j *journal) event(e membership.Event) { j.add(e.Member.Name + " " + e.Kind.String()) }

// within is a context of the bubble's time.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// hangingLogger calls a function for each line.
func hangingLogger(f func()) *slog.Logger { return slog.New(lineHandler{slog.DiscardHandler, f}) }

type lineHandler struct {
	slog.Handler
	line func()
}

func (lineHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h lineHandler) Handle(context.Context, slog.Record) error {
	h.line()
	return nil
}
