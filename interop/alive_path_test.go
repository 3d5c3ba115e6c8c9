package interop

import (
	"fmt"
	"io"
	"log"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"serf/swim"
	"serf/wire"
)

// aliveBatch is how many packets are in flight in the original's network at once, so that the
// benchmark measures its work and not how long one goroutine takes to wake another.
const aliveBatch = 64

// silentMemberlist is a bare memberlist member that starts nothing by itself and reports what
// reached it.
type silentMemberlist struct {
	*memberlist.Memberlist
	peer   *memberlist.MockTransport
	addr   string
	alive  chan struct{} // one element for each alive message; capacity aliveBatch
	merged chan struct{} // one element for each push/pull that was merged; capacity 1
}

func newSilentMemberlist(tb testing.TB) *silentMemberlist {
	var network memberlist.MockNetwork
	own := network.NewTransport("self")
	s := &silentMemberlist{
		peer: network.NewTransport("peer"), alive: make(chan struct{}, aliveBatch), merged: make(chan struct{}, 1),
	}
	ip, port, err := own.FinalAdvertiseAddr("", 0)
	must(tb, err)
	s.addr = fmt.Sprintf("%s:%d", ip, port)
	c := memberlist.DefaultLANConfig()
	c.Name, c.Transport, c.Logger = "self", own, log.New(io.Discard, "", 0)
	c.ProbeInterval, c.GossipInterval, c.PushPullInterval = time.Hour, time.Hour, 0
	c.DelegateProtocolMin, c.DelegateProtocolMax, c.DelegateProtocolVersion = exampleVsn[3], exampleVsn[4], exampleVsn[5]
	c.EnableCompression = false
	c.Delegate = mergeTeller{s.merged}
	s.Memberlist, err = memberlist.Create(c)
	must(tb, err)
	c.Alive = aliveTeller{s.alive} // not called for itself
	return s
}

// aliveTeller is called for every alive message, before memberlist decides about it.
type aliveTeller struct{ told chan<- struct{} }

func (a aliveTeller) NotifyAlive(*memberlist.Node) error {
	select {
	case a.told <- struct{}{}:
	default: // from a push/pull: not counted
	}
	return nil
}

// mergeTeller is a delegate that sends nothing and reports when a push/pull has been merged:
// memberlist calls it last.
type mergeTeller struct{ told chan<- struct{} }

func (mergeTeller) NodeMeta(int) []byte             { return nil }
func (mergeTeller) NotifyMsg([]byte)                {}
func (mergeTeller) GetBroadcasts(int, int) [][]byte { return nil }
func (mergeTeller) LocalState(bool) []byte          { return nil }

func (m mergeTeller) MergeRemoteState([]byte, bool) { m.told <- struct{}{} }

// silentNode is a node of ours that starts nothing by itself either: nobody calls Tick.
func silentNode(tb testing.TB) (*swim.Node, *swim.Output) {
	c := swim.DefaultConfig(swim.LAN())
	c.Name, c.Addr, c.Seed, c.Versions = "self", netip.MustParseAddrPort("10.9.0.1:7946"), 1, [6]byte(exampleVsn)
	out := new(swim.Output)
	n, err := swim.New(0, c, out)
	must(tb, err)
	return n, out
}

var peerAddr = netip.MustParseAddrPort("10.9.0.2:7946")

// aliveDuels take an alive message from the packet to the list of members: one without news, and
// one with a higher incarnation, which is queued for gossip.
func aliveDuels(tb testing.TB) []duel {
	return []duel{
		aliveDuel(tb, "stale alive, whole path", func(uint32) uint32 { return 1 }),
		aliveDuel(tb, "fresh alive, whole path", func(last uint32) uint32 { return last + 1 }),
	}
}

// aliveDuel sends alive messages; next returns the incarnation that follows the last one.
func aliveDuel(tb testing.TB, name string, next func(last uint32) uint32) duel {
	alive := wire.Alive{Inc: 1, Node: []byte(exampleName), Addr: exampleAddr, Port: 7946, Meta: exampleMeta, Vsn: exampleVsn}
	node, out := silentNode(tb)
	var packet []byte
	own := func() error {
		alive.Inc = next(alive.Inc)
		packet = alive.Append(packet[:0])
		out.Reset()
		node.Packet(0, peerAddr, packet, out)
		return nil
	}
	var network *silentMemberlist
	var packets [aliveBatch][]byte
	toOriginal := alive
	original := func() error {
		if network == nil {
			network = newSilentMemberlist(tb)
			tb.Cleanup(func() { network.Shutdown() })
		}
		for i := range packets {
			toOriginal.Inc = next(toOriginal.Inc)
			packets[i] = toOriginal.Append(packets[i][:0])
			if _, err := network.peer.WriteTo(packets[i], network.addr); err != nil {
				return err
			}
		}
		for range packets {
			<-network.alive
		}
		return nil
	}
	return duel{
		name: name, packet: true, bytes: len(alive.Append(nil)), times: aliveBatch,
		ours: func() error {
			for range aliveBatch {
				own()
			}
			return nil
		},
		original: original,
		agree: func(t *testing.T) {
			must(t, own())
			must(t, original())
			must(t, original()) // once the second is in, the first has been handled
			if a, b := node.Live(), network.NumMembers(); a != 2 || b != 2 {
				t.Errorf("ours knows %d members, the original %d, want 2", a, b)
			}
		},
	}
}
