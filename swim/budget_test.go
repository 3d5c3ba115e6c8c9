package swim

import (
	"bytes"
	"fmt"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"serf/swim/history"
	"serf/wire"
)

// crowd returns a node that knows n others, and an output for it.
func crowd(tb testing.TB, n int, s *wire.Sealer) (*Node, *Output) {
	tb.Helper()
	c := DefaultConfig(LAN())
	c.Name, c.Addr, c.Seed, c.Sealer = "self", netip.MustParseAddrPort("10.1.0.1:7946"), 1, s
	out := new(Output)
	node, err := New(0, c, out)
	if err != nil {
		tb.Fatal(err)
	}
	var sc wire.Scratch
	for i := range n {
		out.Reset()
		m := aliveAt(crowdName(i), 1, crowdAddr(i), "\xff\x81\xa4role\xa3web")
		node.Packet(0, crowdAddr(i), s.SealPacket(nil, m, false, &sc), out)
	}
	if node.Live() != n+1 {
		tb.Fatalf("%d live members, want %d", node.Live(), n+1)
	}
	for t := Time(0); node.gossip.queue.Len() > 0; t = t.Add(c.GossipInterval) {
		out.Reset()
		node.tickGossip(t, out)
	}
	out.Reset()
	return node, out
}

func crowdName(i int) string { return fmt.Sprintf("member-%05d", i) }

func crowdAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, byte(i >> 8), byte(i)}), 7946)
}

// hotPaths are what a node does all the time. None of it may allocate.
func hotPaths(tb testing.TB, node *Node, out *Output) map[string]func() {
	from := crowdAddr(3)
	var sc wire.Scratch
	seal := func(m []byte) []byte {
		return bytes.Clone(node.Sealer().SealPacket(nil, m, true, &sc))
	}
	addr := from.Addr().As4()
	p := wire.Ping{Seq: 9, Node: []byte("self"), SourceAddr: addr[:], SourcePort: 7946, SourceNode: []byte(crowdName(3))}
	pingPacket, stale, old := seal(p.Append(nil)), seal(aliveAt(crowdName(5), 1, crowdAddr(5), "\xff\x81\xa4role\xa3web")), seal(suspect(crowdName(5), 0, "x"))
	now := Time(time.Hour)
	inc := uint32(1)
	fresh := []byte(nil)
	return map[string]func(){
		"ping in, ack out": func() { node.Packet(now, from, pingPacket, out); out.Reset() },
		"stale alive":      func() { node.Packet(now, from, stale, out); out.Reset() },
		"stale suspect":    func() { node.Packet(now, from, old, out); out.Reset() },
		"fresh alive, gossiped": func() {
			inc++
			m := wire.Alive{Inc: inc, Node: []byte("member-00007"), Addr: []byte{10, 2, 0, 7}, Port: 7946, Meta: []byte("\xff\x81\xa4role\xa3web"), Vsn: modern[:]}
			fresh = node.Sealer().SealPacket(fresh[:0], m.Append(out.scratch.body[:0]), true, &sc)
			node.Packet(now, from, fresh, out)
			now = now.Add(time.Second)
			node.tickGossip(now, out)
			out.Reset()
		},
		"probe, acked": func() {
			now = max(now, node.probe.next)
			node.tickProbe(now, out)
			a := wire.Ack{Seq: node.probe.seq}
			fresh = node.Sealer().SealPacket(fresh[:0], a.Append(out.scratch.body[:0]), true, &sc)
			node.Packet(now.Add(time.Millisecond), from, fresh, out)
			out.Reset()
		},
	}
}

func sealers(tb testing.TB) map[string]*wire.Sealer {
	ring, err := wire.NewKeyring(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		tb.Fatal(err)
	}
	return map[string]*wire.Sealer{
		"plain":      nil,
		"compressed": {Compress: true},
		"encrypted":  {Compress: true, Keys: ring, EncryptVersion: 1, Nonce: func(b []byte) { clear(b) }},
	}
}

func TestHotPathsDontAllocate(t *testing.T) {
	for kind, s := range sealers(t) {
		node, out := crowd(t, 100, s)
		if kind == "plain" {
			node.TrackHistory(0, new(history.Log))
		}
		for name, run := range hotPaths(t, node, out) {
			for range 50 {
				run() // buffers grow to their size
			}
			if got := testing.AllocsPerRun(200, run); got != 0 {
				t.Errorf("%s, %s: %.1f allocations, want none", kind, name, got)
			}
		}
	}
}

// A member flaps, and its changes are written down.
func TestHistoryDoesntAllocate(t *testing.T) {
	node, out := crowd(t, 100, nil)
	node.TrackHistory(0, new(history.Log))
	name, accuser, now, inc := []byte(crowdName(5)), []byte(crowdName(7)), Time(time.Hour), uint32(1)
	flap := func() {
		now = now.Add(time.Millisecond)
		out.scratch.body = appendAccusation(out.scratch.body[:0], name, Suspect, inc, accuser)
		node.Packet(now, crowdAddr(8), out.scratch.body, out)
		inc++
		m := wire.Alive{Inc: inc, Node: name, Addr: []byte{10, 2, 0, 5}, Port: 7946, Meta: []byte("\xff\x81\xa4role\xa3web"), Vsn: modern[:]}
		out.scratch.body = m.Append(out.scratch.body[:0])
		node.Packet(now, crowdAddr(5), out.scratch.body, out)
		out.Reset()
	}
	for range history.MemberMax {
		flap()
	}
	changes := node.history.log.Dropped()
	got := testing.AllocsPerRun(200, flap)
	if node.history.log.Dropped() < changes+400 {
		t.Fatalf("%d changes were recorded, want 2 each time", node.history.log.Dropped()-changes)
	}
	if got != 0 {
		t.Errorf("%.1f allocations, want none", got)
	}
}

func BenchmarkHotPaths(b *testing.B) {
	for kind, s := range sealers(b) {
		node, out := crowd(b, 100, s)
		for name, run := range hotPaths(b, node, out) {
			b.Run(kind+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					run()
				}
			})
		}
	}
}

// A state of many new members takes the memory of the tables that stay, and little on top: tables
// that grow step by step would take three times as much.
func TestNewMembersTakeTheirMemoryOnce(t *testing.T) {
	const members = 2000
	perMember := uint64(900) // bytes; 670 at 10,000 members
	if info, ok := debug.ReadBuildInfo(); ok &&
		slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		perMember += 300 // what the race detector takes
	}
	all := make([]entry, members)
	for i := range all {
		all[i] = entry{name: crowdName(i), inc: 1, addr: crowdAddr(i)}
	}
	state := pushPullMsg(false, "", all...)
	node, out := crowd(t, 0, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	node.Stream(0, StreamIn{ID: Inbound | 1, Kind: StreamRequest, From: crowdAddr(3), Data: state}, out)
	runtime.ReadMemStats(&after)
	if node.Live() != members+1 {
		t.Fatalf("%d live members", node.Live())
	}
	if got := (after.TotalAlloc - before.TotalAlloc) / members; got > perMember {
		t.Errorf("%d bytes a member, want at most %d", got, perMember)
	}
}
