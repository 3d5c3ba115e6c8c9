package browser

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"serf/agent"
	agenthttp "serf/agent/http"
	"serf/agent/http/nethttp"
	"serf/swim"
	"serf/wire"
)

// ips is the last address that a test took for itself; all are in 127.96.0.0/16.
var ips atomic.Uint32

// ownIP returns a loopback address that no other test of this package uses.
func ownIP() netip.Addr {
	n := ips.Add(1)
	return netip.AddrFrom4([4]byte{127, 96, byte(n >> 8), byte(n)})
}

// begin starts an agent that finds failures within a second, and stops it when the test ends.
func begin(t *testing.T, name string, change func(c *agent.Config)) *agent.Agent {
	t.Helper()
	profile := swim.Local()
	profile.ProbeInterval, profile.ProbeTimeout = 100*time.Millisecond, 50*time.Millisecond
	profile.SuspicionMult = 2
	c := agent.Config{Logger: slog.New(slog.DiscardHandler), Timing: profile, Bind: netip.AddrPortFrom(ownIP(), 7946)}
	c.Name = name
	if change != nil {
		change(&c)
	}
	a, err := agent.Start(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// serve serves an agent's page at an address of its own, and returns its URL.
func serve(t *testing.T, a *agent.Agent, o agenthttp.Options) string {
	t.Helper()
	h, err := agenthttp.New(a, o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(nethttp.Handler(h))
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return s.URL + "/"
}

// trio starts three agents that know each other.
func trio(t *testing.T) [3]*agent.Agent {
	t.Helper()
	var all [3]*agent.Agent
	for i := range all {
		dc := []string{"north", "south", "north"}[i]
		all[i] = begin(t, fmt.Sprint("web-", i+1), func(c *agent.Config) {
			c.Tags = map[string]string{"dc": dc, "role": "web"}
		})
	}
	for _, a := range all[1:] {
		if n, err := a.Join(context.Background(), []string{all[0].Addr().String()}, false); n != 1 {
			t.Fatal(n, err)
		}
	}
	return all
}

// await waits until an agent has seen an event of a kind about a member.
func await(t *testing.T, s *agent.Subscription, member string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-s.C:
			for _, m := range e.(agent.MemberEvent).Members {
				if m.Name == member {
					return
				}
			}
		case <-timeout:
			t.Fatalf("nothing has happened to %s", member)
		}
	}
}

// stranger is a member that is only claimed to exist.
type stranger struct {
	name string
	tags []wire.Tag
	at   wire.Coordinate // in its acks; the zero value for none
	late time.Duration   // by which it acks
}

// announce tells an agent of members, by an exchange of states as any member could begin one. Their
// pings are answered at the address until the test ends.
func announce(t *testing.T, a *agent.Agent, members []stranger) {
	t.Helper()
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ownIP(), 7946)))
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Go(func() { answerPings(udp, members) })
	t.Cleanup(func() { udp.Close(); ended.Wait() })

	at := udp.LocalAddr().(*net.UDPAddr).AddrPort()
	ip := at.Addr().As4()
	request := (&wire.PushPullHeader{Nodes: len(members), Join: true}).Append(nil)
	for _, m := range members {
		s := wire.NodeState{Addr: ip[:], Inc: 1, Meta: wire.AppendTags(nil, m.tags),
			Name: []byte(m.name), Port: at.Port(), Vsn: []byte{1, 5, 2, 2, 5, 4}}
		request = s.Append(request)
	}
	conn, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, conn); n == 0 || err != nil {
		t.Fatal("no answer to the exchange of states", err)
	}
}

// answerPings acks each ping as the member that it is for would.
func answerPings(udp *net.UDPConn, members []stranger) {
	byName := make(map[string]*stranger)
	for i := range members {
		byName[members[i].name] = &members[i]
	}
	var sealer *wire.Sealer
	var sc wire.Scratch
	b := make([]byte, 1<<16)
	for {
		n, from, err := udp.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		messages, _ := sealer.OpenPacket(b[:n], &sc, nil) // what can't be opened is no ping
		for _, m := range messages {
			ping, err := wire.ParsePing(m[1:])
			if wire.Type(m[0]) != wire.TypePing || err != nil {
				continue
			}
			s := byName[string(ping.Node)]
			if s == nil {
				s = new(stranger)
			}
			ack := wire.Ack{Seq: ping.Seq}
			if s.at.Height > 0 {
				ack.Payload = wire.AppendAckPayload(nil, &s.at)
			}
			answer := ack.Append(nil)
			time.AfterFunc(s.late, func() { udp.WriteToUDPAddrPort(answer, from) })
		}
	}
}

// gate serves one handler after the other at one address, as an agent that restarts does.
type gate struct {
	addr string
	stop func()
}

func (g *gate) open(t *testing.T, h *agenthttp.Handler) {
	t.Helper()
	ln, err := net.Listen("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: nethttp.Handler(h)}
	g.addr = ln.Addr().String()
	g.stop = func() { s.Close() }
	go s.Serve(ln)
	t.Cleanup(func() { s.Close() })
}
