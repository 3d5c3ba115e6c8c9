package membership

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"serf/driver"
	"serf/driver/memnet"
	"serf/swim"
	"serf/wire"
)

// halted returns a node whose loop doesn't run: the test is the loop.
func halted(t *testing.T, c Config) *Node {
	t.Helper()
	ip := netip.MustParseAddr("10.0.0.1")
	c.Name, c.Network, c.Bind = "a", memnet.New(memnet.Config{}).Host(ip), netip.AddrPortFrom(ip, 7946)
	c.Logger = slog.New(slog.DiscardHandler)
	if err := c.fill(); err != nil {
		t.Fatal(err)
	}
	n := &Node{conf: c, log: newLogger(c.Logger)}
	var err error
	if n.driver, err = driver.Listen(driver.Config{Network: c.Network, Bind: c.Bind}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.driver.Close()
		n.log.close()
	})
	if err := n.make(); err != nil {
		t.Fatal(err)
	}
	n.noteCore()
	n.handle(0, n.loop.out)
	n.loop.out.Reset()
	return n
}

// packet takes a packet, as the loop does.
func (n *Node) packet(now swim.Time, from netip.AddrPort, p []byte) {
	n.loop.core.Packet(now, from, p, n.loop.out)
	n.handle(now, n.loop.out)
	n.endTurn(now)
	n.loop.out.Reset()
}

// What a member does all the time doesn't allocate: in a program with much memory each allocation
// costs twice, when it's made and when it's collected.
func TestPacketsDontAllocate(t *testing.T) {
	polled := []byte("polled")
	var got, acks int
	for name, c := range map[string]Config{
		"plain":     {},
		"encrypted": {Keys: [][]byte{make([]byte, 32)}, Compress: true},
	} {
		c.Broadcasts = func(_ int, add func([]byte) bool) { add(polled) }
		c.AckPayload = func(b []byte) []byte { return append(b, "payload"...) }
		c.OnMessage = func(m Message) { got += len(m.Data) }
		c.OnAck = func(Member, time.Duration, []byte) { acks++ }
		n := halted(t, c)
		n.messages = newInbox(100, n.callOnMessage)
		from := netip.MustParseAddrPort("10.0.0.2:7946")
		var sc wire.Scratch
		seal := func(m []byte) []byte { return n.loop.core.Sealer().SealPacket(nil, m, false, &sc) }
		ip := from.Addr().As4()
		alive := wire.Alive{Inc: 1, Node: []byte("b"), Addr: ip[:], Port: 7946, Vsn: []byte{1, 5, 2, 0, 0, 0}}
		n.packet(0, from, seal(alive.Append(nil)))
		ping := wire.Ping{Seq: 9, Node: []byte("a"), SourceAddr: ip[:], SourcePort: 7946, SourceNode: []byte("b")}
		pingPacket, user := seal(ping.Append(nil)), seal(wire.AppendUser(nil, []byte("hello")))
		msg := []byte("to b")
		for what, run := range map[string]func(){
			"ping in, ack out": func() { n.packet(1, from, pingPacket) },
			"message in": func() {
				n.packet(1, from, user)
				x, _ := n.messages.first()
				n.messages.call(x)
				n.messages.finish(len(x.data))
			},
			"ack of a probe": func() {
				n.messages.add(item{ack: true, name: "b", rtt: 1, data: msg}, nil)
				x, _ := n.messages.first()
				n.messages.call(x)
				n.messages.finish(len(x.data))
			},
			"message out": func() {
				n.Send(from, msg)
				n.endTurn(1)
				n.loop.out.Reset()
			},
			"broadcast": func() {
				n.Broadcast("key", msg)
				n.packet(1, from, pingPacket)
			},
			"reads": func() {
				n.Len()
				n.Member("b")
				n.Health()
			},
		} {
			for range 20 {
				run() // memory grows to its size
			}
			if allocs := testing.AllocsPerRun(200, run); allocs != 0 {
				t.Errorf("%s, %s: %.1f allocations, want none", name, what, allocs)
			}
		}
	}
	if got == 0 || acks == 0 {
		t.Error("nothing was reported")
	}
}
