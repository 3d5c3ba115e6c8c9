package membership_test

import (
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"serf/membership"
)

// onLoopback runs a member on real sockets.
func onLoopback(t *testing.T, name string, c membership.Config) *membership.Node {
	t.Helper()
	c.Name, c.Logger = name, slog.New(slog.DiscardHandler)
	if !c.Bind.IsValid() {
		c.Bind = netip.MustParseAddrPort("127.0.0.1:0")
	}
	n, err := membership.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestMembersOnSockets(t *testing.T) {
	t.Parallel()
	got, joined := make(chan string, 10), make(chan string, 10)
	a := onLoopback(t, "a", membership.Config{
		OnMessage: func(m membership.Message) { got <- string(m.Data) },
		OnEvent:   func(e membership.Event) { joined <- e.String() },
	})
	if want := "a joined at " + a.Addr().String(); <-joined != want {
		t.Errorf("not told that %s", want)
	}
	b := onLoopback(t, "b", membership.Config{})
	if reached, err := b.Join(t.Context(), "a/"+a.Addr().String()); reached != 1 || err != nil {
		t.Fatalf("%d, %v", reached, err)
	}
	wantNames(t, "joined", "ab", b)
	if <-joined; names(a) != "ab" {
		t.Errorf("a knows %s", names(a))
	}
	pong, err := b.Ping(t.Context(), "a", a.Addr())
	if err != nil || pong.RTT <= 0 {
		t.Errorf("%+v, %v", pong, err)
	}
	if err := b.SendReliable(t.Context(), a.Addr(), []byte("by stream")); err != nil || <-got != "by stream" {
		t.Error(err)
	}
	if err := b.Send(a.Addr(), []byte("by packet")); err != nil || <-got != "by packet" {
		t.Error(err)
	}
	if err := b.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	if e := <-joined; e != "b left" {
		t.Errorf("told: %s", e)
	}
}

// All addresses, and one of this host that the others are told.
func TestAddressIsChosen(t *testing.T) {
	t.Parallel()
	a := onLoopback(t, "a", membership.Config{Bind: netip.MustParseAddrPort("0.0.0.0:0")})
	if ip := a.Addr().Addr(); ip.IsUnspecified() || !a.Bound().Addr().IsUnspecified() || a.Addr().Port() != a.Bound().Port() {
		t.Errorf("listens on %v, tells %v", a.Bound(), a.Addr())
	}
	b := onLoopback(t, "b", membership.Config{Advertise: netip.MustParseAddrPort("192.0.2.1:9")})
	if got := b.Addr().String(); got != "192.0.2.1:9" {
		t.Errorf("tells %s", got)
	}
}

func TestJoinOfNobody(t *testing.T) {
	t.Parallel()
	a := onLoopback(t, "a", membership.Config{})
	gone := onLoopback(t, "gone", membership.Config{})
	addr := gone.Addr().String()
	gone.Close()
	reached, err := a.Join(t.Context(), addr, "not a name", a.Addr().String())
	if reached != 1 || err != nil {
		t.Errorf("its own address counts: %d, %v", reached, err)
	}
	_, err = a.Join(t.Context(), addr, "not a name")
	joined, ok := errors.AsType[*membership.JoinError](err)
	if !ok || len(joined.Failed) != 2 || !strings.Contains(joined.Failed[0].Err.Error(), "refused") || joined.Failed[1].Addr.IsValid() {
		t.Errorf("%v", err)
	}
	if want := `join: "not a name": neither an address nor a name (and 1 more failed)`; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if got := joined.Failed[0].String(); strings.Count(got, addr) != 1 {
		t.Errorf("%s names the address not once", got)
	}
}
