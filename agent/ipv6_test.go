package agent

import (
	"net"
	"net/netip"
	"testing"

	"serf/swim/serf"
)

// ipv6Loopback is the IPv6 loopback, with any free port. Skips where the system has none.
func ipv6Loopback(t *testing.T) netip.AddrPort {
	t.Helper()
	addr := netip.MustParseAddrPort("[::1]:0")
	ln, err := net.ListenTCP("tcp6", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		t.Skip("no IPv6 loopback here:", err)
	}
	ln.Close()
	return addr
}

func TestIPv6Cluster(t *testing.T) {
	bind := ipv6Loopback(t)
	a, b := begin(t, osConfig("a", bind)), begin(t, osConfig("b", bind))
	events := a.Subscribe(16, func(e Event) bool { _, ok := e.(UserEvent); return ok })
	defer events.Close()
	asked := a.Subscribe(16, func(e Event) bool { _, ok := e.(QueryEvent); return ok })
	defer asked.Close()

	mustJoin(t, b, a) // by "[::1]:port"
	wantMembers(t, a, 2)
	wantMembers(t, b, 2)
	if m, ok := b.Member("a"); !ok || m.Addr != a.Addr() || !m.Addr.Addr().Is6() {
		t.Errorf("b knows a at %v, want %v", m.Addr, a.Addr())
	}
	if err := b.UserEvent(background, "deploy", nil, false); err != nil {
		t.Fatal(err)
	}
	wantEvent(t, events, "an event over IPv6")
	q, err := b.Query(background, serf.QueryParams{Name: "load", Nodes: []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	e := wantEvent(t, asked, "a query over IPv6").(QueryEvent)
	if err := a.Respond(background, e.ID, []byte("0.5")); err != nil {
		t.Fatal(err)
	}
	if answer := <-q.Answers(); answer.From != "a" || string(answer.Payload) != "0.5" {
		t.Errorf("answer %+v, want a's", answer)
	}
}

func TestIPv6TakenPortIsNamed(t *testing.T) {
	a := begin(t, osConfig("a", ipv6Loopback(t)))
	_, err := Start(background, osConfig("b", a.Addr()))
	want := "bind " + a.Addr().String() + ": address already in use: another agent may be running there; stop it or choose another with Config.Bind"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
