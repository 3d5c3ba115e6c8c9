package interop

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"serf/wire"
)

// crowd simulates many members at one address: it announces them to an agent and acks its pings to
// any of them.
type crowd struct {
	addr netip.AddrPort
	n    int
}

// newCrowd answers pings until the test ends.
func newCrowd(t *testing.T, n int) *crowd {
	t.Helper()
	c := &crowd{addr: netip.AddrPortFrom(ownIP(t), gossipPort), n: n}
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(c.addr))
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		answerPings(udp)
	}()
	t.Cleanup(func() {
		udp.Close()
		<-ended
	})
	return c
}

// answerPings answers each ping, whoever it is for.
func answerPings(udp *net.UDPConn) {
	var sealer *wire.Sealer
	var sc wire.Scratch
	var messages [][]byte
	b, answer := make([]byte, 1<<16), []byte(nil)
	for {
		n, from, err := udp.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		messages, _ = sealer.OpenPacket(b[:n], &sc, messages[:0]) // what can't be opened is no ping
		for _, m := range messages {
			if wire.Type(m[0]) != wire.TypePing {
				continue
			}
			if ping, err := wire.ParsePing(m[1:]); err == nil {
				ack := wire.Ack{Seq: ping.Seq}
				answer = ack.Append(answer[:0])
				udp.WriteToUDPAddrPort(answer, from)
			}
		}
	}
}

// join announces all of them to an agent by one push/pull.
func (c *crowd) join(t *testing.T, agent string) {
	t.Helper()
	h := wire.PushPullHeader{Nodes: c.n, Join: true}
	request := h.Append(nil)
	ip := c.addr.Addr().As4()
	for i := range c.n {
		s := wire.NodeState{Addr: ip[:], Inc: 1, Meta: exampleMeta, Name: []byte(memberName(i)), Port: c.addr.Port(), Vsn: exampleVsn}
		request = s.Append(request)
	}
	conn, err := net.Dial("tcp", agent)
	must(t, err)
	defer conn.Close()
	_, err = conn.Write(request)
	must(t, err)
	if n, err := io.Copy(io.Discard, conn); n == 0 || err != nil {
		t.Fatal(errors.Join(errNotAnswered, err))
	}
}

// TestCrowdIsListed has an agent of each implementation learn of a thousand members at once; then
// all clients list them.
func TestCrowdIsListed(t *testing.T) {
	t.Parallel()
	const n = 1000
	for _, p := range []program{ownProgram, originalProgram} {
		a, _ := launch(t, p, "asked")
		newCrowd(t, n-1).join(t, a.bind())
		wantCount(t, a, n)
		for _, dial := range []func(*testing.T, string) (memberCounter, func()){dialOwnMembers, dialOriginalMembers, dialRaw} {
			ask, end := dial(t, a.rpcAddr())
			if got, err := ask(); got != n || err != nil {
				t.Errorf("%s lists %d members, %v", p.name, got, err)
			}
			end()
		}
	}
}
