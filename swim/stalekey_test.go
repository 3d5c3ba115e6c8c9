package swim

import (
	"net/netip"
	"slices"
	"testing"

	"serf/wire"
)

// staleKeyNode is a node with the keys 2, the primary, and 1. behind has them in the other order.
func staleKeyNode(t *testing.T) (n *Node, behind *wire.Sealer) {
	t.Helper()
	key := func(i byte) []byte { return slices.Repeat([]byte{i}, 16) }
	sealer := func(primary, other byte) *wire.Sealer {
		ring, err := wire.NewKeyring(key(primary), key(other))
		if err != nil {
			t.Fatal(err)
		}
		return &wire.Sealer{Keys: ring, EncryptVersion: 1, Nonce: func(b []byte) { clear(b) }}
	}
	c := DefaultConfig(LAN())
	c.Name, c.Addr, c.Sealer = "a", netip.MustParseAddrPort("10.0.0.1:7946"), sealer(2, 1)
	n, err := New(0, c, new(Output))
	if err != nil {
		t.Fatal(err)
	}
	return n, sealer(1, 2)
}

var behindAddr = netip.MustParseAddrPort("10.0.0.2:7946")

// keysOf handles a ping sealed by s and returns which keys open the packets sent in answer.
func keysOf(t *testing.T, n *Node, s *wire.Sealer) (keys []int) {
	t.Helper()
	ping := wire.Ping{Seq: 7, Node: []byte("a")}
	var sc wire.Scratch
	out := new(Output)
	n.Packet(0, behindAddr, s.SealPacket(nil, ping.Append(nil), false, &sc), out)
	for _, p := range out.Packets {
		if _, err := n.Sealer().OpenPacket(p.Data, &sc, nil); err != nil || p.To != behindAddr {
			t.Fatalf("a packet to %v: %v", p.To, err)
		}
		keys = append(keys, sc.Key())
	}
	return keys
}

func TestStaleKeyPeerGetsBothKeysUntilItUsesTheNew(t *testing.T) {
	n, behind := staleKeyNode(t)
	if got := keysOf(t, n, n.Sealer()); !slices.Equal(got, []int{0}) {
		t.Errorf("who has the primary is answered with keys %v", got)
	}
	if got := keysOf(t, n, behind); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("who lags behind is answered with keys %v, want both", got)
	}
	out := new(Output)
	n.openStream(StreamOut{To: behindAddr}, out)
	if got := out.Streams[0].Sealer.Keys.Primary(); got[0] != 1 {
		t.Errorf("a stream to it is sealed with key %d, want that it has", got[0])
	}
	if got := keysOf(t, n, n.Sealer()); !slices.Equal(got, []int{0}) {
		t.Errorf("once it has the primary it is answered with keys %v", got)
	}
}

// A member that was away during a key rotation, and has forgotten everybody, is joined: it hangs up
// on what it can't decrypt.
func TestJoinTriesEachKey(t *testing.T) {
	n, _ := staleKeyNode(t)
	out := new(Output)
	op := n.Join(0, []netip.AddrPort{behindAddr}, out)
	var primaries []byte
	now := Time(0)
	for done := false; !done; now++ {
		s := out.Streams[0]
		primaries = append(primaries, s.Sealer.Keys.Primary()[0])
		if s.Deadline != Time(n.cfg.StreamTimeout) {
			t.Errorf("tried with key %d until %v, want the deadline of the first",
				primaries, s.Deadline)
		}
		out.Reset()
		n.Stream(now, StreamIn{ID: s.ID, Kind: StreamFailed, Err: errTest}, out)
		done = len(out.Streams) == 0
	}
	if !slices.Equal(primaries, []byte{2, 1}) {
		t.Errorf("tried with keys %d, want 2 and 1", primaries)
	}
	if e := out.Events; len(e) != 1 || e[0].Kind != EventJoinDone || e[0].Op != op || e[0].N != 0 {
		t.Errorf("then told %v, want that nobody was reached", e)
	}
}

func TestJoinThatTimesOutIsNotRetried(t *testing.T) {
	n, _ := staleKeyNode(t)
	out := new(Output)
	n.Join(0, []netip.AddrPort{behindAddr}, out)
	s := out.Streams[0]
	out.Reset()
	n.Stream(s.Deadline, StreamIn{ID: s.ID, Kind: StreamFailed, Err: errTest}, out)
	if len(out.Streams) != 0 || len(out.Events) != 1 {
		t.Errorf("%d more streams, %d events", len(out.Streams), len(out.Events))
	}
}

func TestStaleKeyPeersAreForgottenWithTheKeys(t *testing.T) {
	n, behind := staleKeyNode(t)
	keysOf(t, n, behind)
	n.SetSealer(behind) // numbers its keys otherwise
	if s := n.staleKeySealer(behindAddr); s != nil {
		t.Errorf("it is still sent another key than the primary")
	}
}

func TestStaleKeyPeersAreBounded(t *testing.T) {
	n, _ := staleKeyNode(t)
	for i := range maxStaleKeyPeers + 1 {
		n.noteKey(netip.AddrPortFrom(behindAddr.Addr(), uint16(i)), 1)
		if len(n.staleKeys) > maxStaleKeyPeers {
			t.Fatalf("%d staleKeyPeers, limit %d", len(n.staleKeys), maxStaleKeyPeers)
		}
	}
	if n.staleKeySealer(netip.AddrPortFrom(behindAddr.Addr(), maxStaleKeyPeers)) == nil {
		t.Error("the last one found no room")
	}
}

func TestPlainTextMakesNoStaleKeyPeer(t *testing.T) {
	n, behind := staleKeyNode(t)
	keysOf(t, n, behind)
	n.noteKey(behindAddr, wire.NoKey)
	if n.staleKeySealer(behindAddr) == nil {
		t.Error("a forged plain packet, or one that can't be opened, made it forgotten")
	}
}
