package interop

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"log"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	stock "github.com/hashicorp/serf/serf"

	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// errNoAnswer ends a benchmark whose node doesn't answer.
var errNoAnswer = errors.New("no ack")

// pathDuels are whole nodes: a ping comes in, an ack with a coordinate goes out. The original gets
// its packets through its in-memory transport and goroutines, because there is no other way in;
// ours is a function.
func pathDuels(tb testing.TB) []duel {
	key := bytes.Repeat([]byte{7}, 32)
	ring, err := wire.NewKeyring(key)
	must(tb, err)
	random := func(b []byte) { rand.Read(b) }
	return []duel{
		pathDuel(tb, "ping in, ack out", &wire.Sealer{Compress: true}, nil),
		pathDuel(tb, "ping in, ack out, encrypted", &wire.Sealer{Compress: true, Keys: ring, EncryptVersion: 1, Nonce: random}, key),
	}
}

func pathDuel(tb testing.TB, name string, sealer *wire.Sealer, key []byte) duel {
	peer, target := originalNode(tb, key)
	addr, err := netip.ParseAddrPort(peer.addr)
	must(tb, err)
	ping := wire.Ping{Seq: 9, Node: []byte("self"), SourceAddr: addr.Addr().AsSlice(), SourcePort: addr.Port(), SourceNode: []byte("asker")}
	var sc wire.Scratch
	packet := sealer.SealPacket(nil, ping.Append(nil), false, &sc)

	node, out := ownNode(tb, sealer, addr)
	return duel{
		name: name, packet: true, bytes: len(packet),
		ours: func() error {
			out.Reset()
			node.Packet(0, addr, packet, out)
			if len(out.Packets) != 1 {
				return errNoAnswer
			}
			return nil
		},
		original: func() error {
			// The node decrypts in place, so it needs its own copy.
			return peer.ask(target, bytes.Clone(packet))
		},
	}
}

// asker is the other end of the original's in-memory network.
type asker struct {
	*memberlist.MockTransport
	addr string
}

func (a *asker) ask(target string, packet []byte) error {
	if _, err := a.WriteTo(packet, target); err != nil {
		return err
	}
	if p := <-a.PacketCh(); len(p.Buf) == 0 {
		return errNoAnswer
	}
	return nil
}

// originalNode starts the original without a log and with one other member, which is the test.
func originalNode(tb testing.TB, key []byte) (*asker, string) {
	var network memberlist.MockNetwork
	own := network.NewTransport("self")
	peer := network.NewTransport("asker")
	ip, port, err := peer.FinalAdvertiseAddr("", 0)
	must(tb, err)
	c := stock.DefaultConfig()
	c.NodeName = "self"
	c.Logger = log.New(io.Discard, "", 0)
	m := memberlist.DefaultLANConfig()
	m.Transport, m.Logger, m.SecretKey = own, c.Logger, key
	m.ProbeInterval, m.GossipInterval, m.PushPullInterval = time.Hour, time.Hour, 0
	c.MemberlistConfig = m
	s, err := stock.Create(c)
	must(tb, err)
	tb.Cleanup(func() { s.Shutdown() })
	selfIP, selfPort, err := own.FinalAdvertiseAddr("", 0)
	must(tb, err)
	a := &asker{MockTransport: peer, addr: netip.AddrPortFrom(netip.MustParseAddr(ip.String()), uint16(port)).String()}
	return a, netip.AddrPortFrom(netip.MustParseAddr(selfIP.String()), uint16(selfPort)).String()
}

// ownNode is a node of ours.
func ownNode(tb testing.TB, sealer *wire.Sealer, peer netip.AddrPort) (*serf.Node, *swim.Output) {
	c := serf.DefaultConfig(swim.LAN())
	c.Name, c.Addr, c.Seed, c.Sealer = "self", netip.AddrPortFrom(peer.Addr(), peer.Port()+1), 1, sealer
	out := new(swim.Output)
	node, err := serf.New(0, c, out)
	must(tb, err)
	return node, out
}
