package swim

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"serf/swim/internal/paged"
	"serf/wire"
)

// TestNodeHoldsItsInvariants feeds a node all that a network, its peers, time and its own program
// can do to it, sound or mutilated, and checks its state after each step. A twin gets the same
// inputs: if the two differ, something depends on map order.
func TestNodeHoldsItsInvariants(t *testing.T) { rapid.Check(t, holdInvariants) }

// FuzzNode is the same with the fuzzer's choices.
func FuzzNode(f *testing.F) {
	for seed := range byte(4) {
		long := make([]byte, 16<<10) // from an empty corpus the fuzzer makes only nodes to which nothing happens
		rand.NewChaCha8([32]byte{seed}).Read(long)
		f.Add(long)
	}
	f.Fuzz(rapid.MakeFuzz(holdInvariants))
}

func holdInvariants(t *rapid.T) {
	h := newHarness(t)
	t.Repeat(map[string]func(*rapid.T){
		"packet":  h.packet,
		"packets": h.packet,
		"crowd":   h.crowd,
		"ack":     h.ack,
		"request": h.request,
		"reply":   h.reply,
		"gossip":  h.gossipToPeer,
		"state":   h.peerState,
		"tick":    h.tick,
		"wait":    h.wait,
		"forget":  h.forget,
		"call":    h.call,
		"silence": h.silence,
		"leave":   h.leave,
		"restore": h.restore,
		"":        h.check,
	})
	h.release(t)
}

// harness is a node, its twin, and what a driver and the layer above know about them.
type harness struct {
	now   Time
	nodes [2]*Node
	outs  [2]Output
	peer  *Node // another node of the same base, or nil

	pings []sentPing      // the last few, to be acked
	calls []StreamID      // to be answered or failed
	live  map[string]bool // others that are alive or suspect according to events
	known map[string]record
	inc   uint32
}

type sentPing struct {
	to  netip.AddrPort
	seq uint32
}

const (
	harnessPings = 8  // older ones would be answered late anyway
	harnessTicks = 16 // in a row at one time: with more, the node spins
)

func newHarness(t *rapid.T) *harness {
	c := DefaultConfig(LAN())
	c.Name, c.Addr = "a", addrOf("a")
	c.Seed = rapid.Uint64().Draw(t, "seed")
	c.DeadRetention = 30 * time.Second // short, so that records are forgotten
	c.PushPullInterval = 5 * time.Second
	c.PacketMax = rapid.SampledFrom([]int{PacketDefault, packetCeiling}).Draw(t, "packet max")
	if rapid.Bool().Draw(t, "zones") {
		c.Zones = Zones{Of: harnessZone, Probes: c.Seed%2 == 0}
	}
	h := &harness{now: Time(time.Hour), live: map[string]bool{}, known: map[string]record{}}
	if rapid.Bool().Draw(t, "warm") {
		c.sim.Base = harnessBase(h.now)
		for id := MemberID(1); int(id) <= c.sim.Base.Len(); id++ {
			h.live[c.sim.Base.Name(id)] = c.sim.Base.Name(id) != c.Name
		}
		delete(h.live, c.Name)
	}
	for i := range h.nodes {
		n, err := New(h.now, c, &h.outs[i])
		if err != nil {
			t.Fatal(err)
		}
		h.nodes[i] = n
	}
	unshare(h.nodes[1])
	if c.sim.Base != nil {
		c.Name, c.Addr = "b", addrOf("b")
		h.peer, _ = New(h.now, c, new(Output))
	}
	for _, name := range []string{"b", "c", "d", "e"} {
		h.both(t, func(n *Node, out *Output) { n.Packet(h.now, addrOf(name), alive(name, 1), out) })
	}
	return h
}

// harnessBase has a few pages of members.
func harnessBase(now Time) *Base {
	base, err := NewBase(now, harnessZone, func(yield func(Identity) bool) {
		for i := range byte(2 * paged.PageLen) {
			name := string([]byte{'a' + i})
			if i > 5 {
				name = string([]byte{'z', i})
			}
			if !yield(Identity{Name: name, Addr: addrOf(name), Versions: DefaultConfig(LAN()).Versions}) {
				return
			}
		}
	})
	if err != nil {
		panic(err)
	}
	return base
}

// harnessZone divides members by name and metadata, some are in no zone.
func harnessZone(name, meta []byte) uint64 {
	zone := uint64(len(meta))
	if len(name) > 0 {
		zone += uint64(name[len(name)-1])
	}
	return zone % 4
}

// unshare gives n its own copy of its view. So of two nodes of a base, one takes all shortcuts for
// shared pages, and the other none.
func unshare(n *Node) {
	for i := range n.view.recs.Len() {
		n.view.recs.Edit(i)
	}
	for i := range n.view.order.Len() {
		n.view.order.Edit(i)
	}
}

// both does the same to the node and its twin, and drains their outputs.
func (h *harness) both(t *rapid.T, do func(*Node, *Output)) {
	for i, n := range h.nodes {
		do(n, &h.outs[i])
	}
	h.compare(t)
	h.drain(t)
	for i := range h.outs {
		h.outs[i].Reset()
	}
}

// compare checks that both did the same.
func (h *harness) compare(t *rapid.T) {
	a, b := &h.outs[0], &h.outs[1]
	if h.nodes[0].Deadline() != h.nodes[1].Deadline() || len(a.Events) != len(b.Events) ||
		len(a.Streams) != len(b.Streams) {
		t.Fatal("twins differ")
	}
	if !slices.EqualFunc(a.Packets, b.Packets, func(p, q Packet) bool {
		return p.To == q.To &&
			bytes.Equal(p.Data, q.Data)
	}) {
		t.Fatal("twins send different packets")
	}
	if !slices.EqualFunc(a.Streams, b.Streams, func(p, q StreamOut) bool {
		return p.To == q.To &&
			bytes.Equal(p.Message(), q.Message())
	}) {
		t.Fatal("twins send different messages by stream")
	}
	if h.nodes[0].counters != h.nodes[1].counters {
		t.Fatalf("twins count differently: %+v, %+v", h.nodes[0].counters, h.nodes[1].counters)
	}
}

func (h *harness) drain(t *rapid.T) {
	n, out := h.nodes[0], &h.outs[0]
	for _, p := range out.Packets {
		h.sent(t, p)
	}
	for _, s := range out.Streams {
		if s.Kind == StreamCall {
			h.calls = append(h.calls, s.ID)
		}
	}
	for _, e := range out.Events {
		if e.Member == n.self {
			continue
		}
		switch name := n.roster.Name(e.Member); e.Kind {
		case EventJoined:
			if h.live[name] {
				t.Fatalf("%q joined twice", name)
			}
			h.live[name] = true
		case EventFailed, EventLeft:
			delete(h.live, name)
		case EventForgotten:
			if h.live[name] {
				t.Fatalf("%q forgotten alive", name)
			}
			delete(h.known, name)
		}
	}
}

// sent checks a packet and remembers its pings.
func (h *harness) sent(t *rapid.T, p Packet) {
	var sc wire.Scratch
	msgs, err := h.nodes[0].Sealer().OpenPacket(p.Data, &sc, nil)
	if err != nil || len(msgs) == 0 || len(p.Data) > h.nodes[0].cfg.PacketMax || !p.To.IsValid() {
		t.Fatalf("packet of %d bytes with %d messages to %v: %v", len(p.Data), len(msgs), p.To, err)
	}
	for _, m := range msgs {
		if wire.Type(m[0]) != wire.TypePing {
			continue
		}
		if x, err := wire.ParsePing(m[1:]); err == nil {
			h.pings = append(h.pings, sentPing{p.To, x.Seq})
		}
	}
	h.pings = h.pings[max(0, len(h.pings)-harnessPings):]
}

// Actions of the network.

func (h *harness) packet(t *rapid.T) {
	var p wire.Packer
	p.Reset(packetCeiling)
	for range rapid.IntRange(1, 4).Draw(t, "messages") {
		p.Add(mutate(t, drawMessage(t)))
	}
	from, data := drawAddr(t), mutate(t, p.AppendTo(nil))
	h.both(t, func(n *Node, out *Output) { n.Packet(h.now, from, data, out) })
}

// crowd makes the view larger than those that pick shuffles.
func (h *harness) crowd(t *rapid.T) {
	first := rapid.Byte().Draw(t, "first")
	leave := rapid.Bool().Draw(t, "leave")
	for i := range byte(smallView) {
		name := string([]byte{'z', first + i})
		msg := alive(name, 1)
		if leave {
			msg = dead(name, 1, name)
		}
		h.both(t, func(n *Node, out *Output) { n.Packet(h.now, addrOf("z"), msg, out) })
	}
}

// ack answers one of the last pings: of the probe, pending or of a move.
func (h *harness) ack(t *rapid.T) {
	if len(h.pings) == 0 {
		return // nothing was pinged
	}
	p := rapid.SampledFrom(h.pings).Draw(t, "ping")
	msg := rapid.SampledFrom([][]byte{ack(p.seq), nack(p.seq)}).Draw(t, "answer")
	h.both(t, func(n *Node, out *Output) { n.Packet(h.now, p.to, msg, out) })
}

func (h *harness) request(t *rapid.T) {
	user := wire.UserMsgHeader{Len: 2}
	in := StreamIn{ID: Inbound | 1, Kind: StreamRequest, From: drawAddr(t)}
	in.Data = mutate(t, rapid.OneOf(
		rapid.Custom(drawPushPull),
		rapid.Just(ping(1, "a", "b")),
		rapid.Just(append(user.Append(nil), "hi"...)),
	).Draw(t, "request"))
	h.both(t, func(n *Node, out *Output) { n.Stream(h.now, in, out) })
}

// gossipToPeer makes the peer learn something that the node doesn't know.
func (h *harness) gossipToPeer(t *rapid.T) {
	if h.peer == nil {
		t.Skip("alone in its base")
	}
	name := string([]byte{'z', rapid.ByteRange(6, 2*paged.PageLen).Draw(t, "member")})
	msg := rapid.OneOf(rapid.Custom(drawMessage), rapid.Just(dead(name, 1, name)), rapid.Just(alive(name, 2))).Draw(t, "message")
	h.peer.Packet(h.now, addrOf("c"), msg, new(Output))
}

// peerState sends the peer's state: to the node in pieces, most of which it has itself, and to its
// twin as it comes over a real network.
func (h *harness) peerState(t *rapid.T) {
	if h.peer == nil {
		t.Skip("alone in its base")
	}
	in := StreamIn{ID: Inbound | 1, Kind: StreamRequest, From: addrOf("b")}
	state := h.peer.state(rapid.Bool().Draw(t, "join"), new(Output))
	in.Data, in.More = state.Pieces()
	h.both(t, func(n *Node, out *Output) {
		if n == h.nodes[1] {
			in.Data, in.More = flat(state), nil
		}
		n.Stream(h.now, in, out)
	})
}

func (h *harness) reply(t *rapid.T) {
	if len(h.calls) == 0 {
		return // no stream is open
	}
	i := rapid.IntRange(0, len(h.calls)-1).Draw(t, "call")
	in := StreamIn{ID: h.calls[i], Kind: StreamFailed, Err: errTest}
	if rapid.Bool().Draw(t, "answered") {
		refusal := wire.Err{Text: []byte("no")}
		in.Kind, in.Err = StreamReply, nil
		in.Data = mutate(t, rapid.OneOf(
			rapid.Custom(drawPushPull), rapid.Just(ack(h.nodes[0].probe.seq)), rapid.Just(refusal.Append(nil)), rapid.Just([]byte{}),
		).Draw(t, "reply"))
	}
	h.calls = slices.Delete(h.calls, i, i+1)
	h.both(t, func(n *Node, out *Output) { n.Stream(h.now, in, out) })
}

// Actions of time.

// tick goes to the deadline, as a driver does.
func (h *harness) tick(t *rapid.T) {
	d := h.nodes[0].Deadline()
	if d == Never {
		return // no deadline
	}
	h.settle(t, max(h.now, d))
}

// wait ticks late, or when nothing is due.
func (h *harness) wait(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{0, time.Millisecond, 500 * time.Millisecond, 3 * time.Second, time.Minute}).Draw(t, "time")
	h.settle(t, h.now.Add(d))
}

func (h *harness) settle(t *rapid.T, now Time) {
	h.now = now
	for range harnessTicks {
		h.both(t, func(n *Node, out *Output) { n.Tick(h.now, out) })
		if h.nodes[0].Deadline() > h.now {
			return
		}
	}
	t.Fatalf("%d ticks, and the deadline is still not later than now", harnessTicks)
}

// Actions of the layer above.

func (h *harness) forget(t *rapid.T) {
	name := drawName(t)
	id, ok := h.nodes[0].Lookup([]byte(name))
	if !ok {
		return // not known
	}
	state, _ := h.nodes[0].State(id)
	want := !state.live() && id != h.nodes[0].self
	h.both(t, func(n *Node, _ *Output) {
		if n.Forget(h.now, id) != want {
			t.Fatalf("%q, which is %v, forgotten: %v", name, state, !want)
		}
	})
	if want {
		delete(h.known, name)
	}
}

// call uses the node's API.
func (h *harness) call(t *rapid.T) {
	name, to := drawName(t), drawAddr(t)
	meta := drawMeta(t)
	which := rapid.IntRange(0, 3).Draw(t, "call")
	h.both(t, func(n *Node, out *Output) {
		switch id, ok := n.Lookup([]byte(name)); {
		case which == 0:
			if err := n.SetMeta(h.now, meta, out); (err == nil) == n.leaving.begun() {
				t.Fatalf("metadata of %d bytes: %v", len(meta), err)
			}
		case which == 1:
			n.Join(h.now, []netip.AddrPort{to, addrOf("b")}, out)
		case which == 2 && ok:
			n.PushPull(h.now, id, out)
		case which == 3:
			n.SendUser(h.now, to, meta, out)
		}
	})
}

// silence acts as if most probes had failed lately.
func (h *harness) silence(t *rapid.T) {
	h.both(t, func(n *Node, _ *Output) {
		n.unresponsive.on, n.unresponsive.last, n.unresponsive.next = true, 1<<unresponsiveOf-1, h.now
		n.health = 0
	})
}

// leave is rare: little happens after it.
func (h *harness) leave(t *rapid.T) {
	if rapid.IntRange(0, 19).Draw(t, "leave") > 0 {
		return // stays
	}
	h.both(t, func(n *Node, out *Output) { n.Leave(h.now, out) })
}

// Invariants.

func (h *harness) check(t *rapid.T) {
	n := h.nodes[0]
	checkView(t, n)
	checkZones(t, n)
	checkSuspicions(t, n)
	checkRoster(t, n)
	checkReferences(t, n)
	checkBroadcasts(t, n)
	h.checkSelf(t, n)
	h.checkHistory(t, n)
}

// checkView: records and order refer to each other, the living in front.
func checkView(t *rapid.T, n *Node) {
	v, records := &n.view, 0
	size, root := 0, uint64(0)
	for id := range v.recs.Len() {
		r := v.at(MemberID(id))
		if !r.known() {
			if r != (record{}) {
				t.Fatalf("record %d dropped, but not cleared", id)
			}
			continue
		}
		records++
		if int(r.pos) >= v.len() || v.order.At(int(r.pos)) != MemberID(id) {
			t.Fatalf("%d isn't where its record says", id)
		}
		size += n.roster.stateSize(MemberID(id), r.ident)
		if r.state.live() {
			root += n.roster.digest(r)
		}
		if r.state.live() != (int(r.pos) < v.live) {
			t.Fatalf("%d is %v at place %d, %d are live", id, r.state, r.pos, v.live)
		}
	}
	if root != v.root {
		t.Fatalf("root %x, that of the records is %x", v.root, root)
	}
	if records != v.len() || size != v.size {
		t.Fatalf("%d records of %d bytes, %d in order, of %d bytes", records, size, v.len(), v.size)
	}
}

// checkSuspicions: there is one for each suspect and no other, in heap order.
func checkSuspicions(t *rapid.T, n *Node) {
	s := &n.suspicions
	if len(s.index) != len(s.heap) {
		t.Fatalf("%d suspicions, %d in the index", len(s.heap), len(s.index))
	}
	suspects := 0
	for id := range n.view.all {
		if n.view.at(id).state == Suspect {
			suspects++
		}
	}
	if suspects != len(s.heap) {
		t.Fatalf("%d suspects, %d suspicions", suspects, len(s.heap))
	}
	if len(s.heap) > 0 && s.due != s.heap[0].due() {
		t.Fatalf("suspicions are due at %d, the first at %d", s.due, s.heap[0].due())
	}
	for i := range s.heap {
		x := &s.heap[i]
		if st, ok := n.State(x.member); !ok || st != Suspect || s.lookup(x.member) != x {
			t.Fatalf("suspicion of %d, which is %v", x.member, st)
		}
		if i > 0 && s.less(i, (i-1)/2) {
			t.Fatalf("suspicion %d is due before its parent", i)
		}
		ends := x.floor // what is checked has as long as its final probe, and as its answer gives it
		if !x.checked {
			ends = max(ends, x.start.Add(suspicionFor(int(x.got), int(x.hoped), x.least, x.most)))
		}
		if x.deadline != ends {
			t.Fatalf("suspicion of %d ends at %v, not at %v: %+v", x.member, x.deadline, ends, x)
		}
	}
}

// checkRoster: there are as many references as records, with those just forgotten.
func checkRoster(t *rapid.T, n *Node) {
	names, idents, r := map[MemberID]int32{}, map[identID]int32{}, n.roster
	for id := range n.view.all {
		names[id]++
		idents[n.view.at(id).ident]++
	}
	for _, f := range n.forgotten {
		names[f.id]++
		idents[f.ident]++
	}
	for id := MemberID(1); uint32(id) <= r.baseM; id++ {
		names[id] = 1 // kept for ever
	}
	for i := identID(1); uint32(i) <= r.baseI; i++ {
		idents[i] = 1
	}
	if len(names) != r.Len() || len(names) != len(r.members)-1-len(r.freeM) ||
		len(idents) != len(r.idents)-1-len(r.freeI) {
		t.Fatalf("%d members and %d identities in use, the roster has %d of %d and %d of %d", len(names), len(idents),
			len(r.members)-1-len(r.freeM), len(r.members)-1, len(r.idents)-1-len(r.freeI), len(r.idents)-1)
	}
	for id, refs := range names {
		if m := &r.members[id]; m.refs != refs || r.byName[m.name] != id {
			t.Fatalf("%q has %d references, want %d", m.name, m.refs, refs)
		}
	}
	for i, refs := range idents {
		if d := &r.idents[i]; d.refs != refs {
			t.Fatalf("identity at %v has %d references, want %d", d.addr, d.refs, refs)
		}
	}
}

// checkReferences: everything that is pending is about a known member.
func checkReferences(t *rapid.T, n *Node) {
	if len(n.moves.list) > maxMoves || len(n.moves.at) != len(n.moves.list) ||
		len(n.pings.list) > maxPendingPings || len(n.streams.calls) > maxCalls ||
		len(n.pushPull.peers) > peersMax {
		t.Fatalf("over a limit: %d moves, %d pendingPings, %d calls",
			len(n.moves.list), len(n.pings.list), len(n.streams.calls))
	}
	for _, id := range n.pushPull.peers {
		if !n.view.has(id) {
			t.Fatalf("%d exchanges differences, and isn't known", id)
		}
	}
	seqs := map[uint32]bool{}
	wait := func(what string, id MemberID, seq uint32) {
		if id != NoMember && !n.view.has(id) {
			t.Fatalf("%s for %d, which isn't known", what, id)
		}
		if seqs[seq] {
			t.Fatalf("%s with number %d, which is taken", what, seq)
		}
		seqs[seq] = true
	}
	s := &n.unresponsive
	for _, q := range append(slices.Clone(s.extra), n.probe.inquiry) {
		if q.target != NoMember {
			wait("probe", q.target, q.seq)
		}
	}
	if len(s.extra) > extraMax || len(s.heard) > heardMax || !s.on && s.heard != nil {
		t.Fatalf("%d probes besides, %d heard, silence %v", len(s.extra), len(s.heard), s.on)
	}
	for _, h := range s.heard {
		if !n.view.has(h.id) || h.id == n.self {
			t.Fatalf("%d was heard, who isn't known as another", h.id)
		}
	}
	for _, e := range n.pings.list {
		wait("pendingPing", e.member, e.seq)
	}
	moving := map[MemberID]bool{}
	for i, m := range n.moves.list {
		if n.moves.at[m.member] != i || m.deadline < n.moves.due {
			t.Fatalf("move of %d is not where it should be, or due before the first one", m.member)
		}
		if moving[m.member] {
			t.Fatalf("two moves of %d", m.member)
		}
		moving[m.member] = true
		wait("move", m.member, m.seq)
	}
}

// checkBroadcasts: each is about a known member, and fits a packet.
func checkBroadcasts(t *rapid.T, n *Node) {
	q := &n.gossip.queue
	if q.n > QueueMax || len(q.byKey) > q.n {
		t.Fatalf("%d broadcasts wait, %d in the index", q.n, len(q.byKey))
	}
	for key, s := range q.byKey {
		if !n.view.has(MemberID(key)) {
			t.Fatalf("news about %d, which isn't known", key)
		}
		if size := len(q.slots[s-1].msg); size > n.room() {
			t.Fatalf("broadcast of %d bytes waits for ever, room %d", size, n.room())
		}
	}
}

// checkSelf: the node is alive until it leaves, and its incarnation never falls.
func (h *harness) checkSelf(t *rapid.T, n *Node) {
	me, ok := n.View(n.self)
	want := Alive
	if n.leaving.begun() {
		want = Left
	}
	if !ok || me.State != want || me.Inc != n.inc {
		t.Fatalf("self is %v@%d, want %v@%d", me.State, me.Inc, want, n.inc)
	}
	if n.inc < h.inc || n.inc > incMax {
		t.Fatalf("own incarnation was %d, is %d", h.inc, n.inc)
	}
	if n.health < 0 || n.health >= n.cfg.AwarenessMax {
		t.Fatalf("health score %d", n.health)
	}
	h.inc = n.inc
}

// checkHistory: incarnations only rise, members that are gone come back with a higher one only, and
// the events told which members are there.
func (h *harness) checkHistory(t *rapid.T, n *Node) {
	live := 0
	for id := range n.view.all {
		if id == n.self {
			continue
		}
		name, r := n.roster.Name(id), n.view.at(id)
		was, ok := h.known[name]
		if ok && r.inc < was.inc {
			t.Fatalf("%q went from %d back to %d", name, was.inc, r.inc)
		}
		if ok && !was.state.live() && r.state.live() && r.inc == was.inc {
			t.Fatalf("%q, %v, was revived at %d", name, was.state, r.inc)
		}
		h.known[name] = r
		if r.state.live() {
			live++
		}
		if r.state.live() != h.live[name] {
			t.Fatalf("%q is %v, events say live: %v", name, r.state, h.live[name])
		}
	}
	if live != len(h.live) {
		t.Fatalf("%d others live, events say %d", live, len(h.live))
	}
}

// restore restores the twin.
func (h *harness) restore(t *rapid.T) { restored(t, h.nodes[1]) }

// release: a node that ends leaves nothing behind.
func (h *harness) release(t *rapid.T) {
	for _, n := range h.nodes {
		n.Release()
		if n.roster.Len() != int(n.roster.baseM) ||
			len(n.roster.freeI) != len(n.roster.idents)-1-int(n.roster.baseI) {
			t.Fatalf("%d names left in the roster", n.roster.Len())
		}
	}
}

// Generators: few names, addresses and numbers, so that they coincide, and the extremes.

var harnessNames = []string{"a", "a", "b", "b", "c", "c", "d", "e", "f", "g", "", "\x00", strings.Repeat("n", NameMax), strings.Repeat("m", NameMax+1)}

func drawName(t *rapid.T) string { return rapid.SampledFrom(harnessNames).Draw(t, "name") }

func drawInc(t *rapid.T) uint32 {
	return rapid.OneOf(rapid.Uint32Range(0, 6),
		rapid.SampledFrom([]uint32{incJump, incJump + 1, incMax - 1, incMax, incMax + 1, 1<<32 - 1})).Draw(t, "inc")
}

func drawAddr(t *rapid.T) netip.AddrPort {
	return netip.MustParseAddrPort(rapid.SampledFrom([]string{
		"10.0.0.97:7946", "10.0.0.98:7946", "10.0.0.98:7946", "10.0.0.99:7946", "10.0.9.9:7946", "[2001:db8::1]:7946",
		"[::ffff:10.0.0.98]:7946", "127.0.0.1:7946", "224.0.0.1:7946", "10.0.0.98:0", "0.0.0.0:1",
	}).Draw(t, "addr"))
}

func drawMeta(t *rapid.T) []byte {
	return []byte(strings.Repeat("x", rapid.SampledFrom([]int{0, 1, MetaMax}).Draw(t, "meta")))
}

func drawVersions(t *rapid.T) []byte {
	return rapid.SampledFrom([][]byte{modern[:], modern[:], modern[:], {1, 3, 2, 0, 0, 0}, {0, 5, 2, 0, 0, 0}, {1, 5, 9, 0, 0, 0}, {1, 5}, nil}).Draw(t, "versions")
}

func drawMessage(t *rapid.T) []byte {
	name, inc, addr := []byte(drawName(t)), drawInc(t), drawAddr(t)
	from := []byte(rapid.OneOf(rapid.SampledFrom(harnessNames), rapid.Just(strings.Repeat("f", 3000))).Draw(t, "from"))
	seq := rapid.Uint32Range(0, 3).Draw(t, "seq")
	ip, port := addr.Addr().AsSlice(), addr.Port()
	var m interface{ Append([]byte) []byte }
	switch rapid.SampledFrom([]wire.Type{
		wire.TypeAlive, wire.TypeAlive, wire.TypeAlive, wire.TypeSuspect, wire.TypeSuspect, wire.TypeDead, wire.TypePing, wire.TypeIndirectPing,
		wire.TypeAck, wire.TypeUser,
	}).Draw(t, "type") {
	case wire.TypeAlive:
		m = &wire.Alive{Inc: inc, Node: name, Addr: ip, Port: port, Meta: drawMeta(t), Vsn: drawVersions(t)}
	case wire.TypeSuspect:
		m = &wire.Suspect{Inc: inc, Node: name, From: from}
	case wire.TypeDead:
		m = &wire.Dead{Inc: inc, Node: name, From: from}
	case wire.TypePing:
		m = &wire.Ping{Seq: seq, Node: name, SourceAddr: ip, SourcePort: port, SourceNode: from}
	case wire.TypeIndirectPing:
		m = &wire.IndirectPing{Seq: seq, Target: ip, Port: port, Node: name, Nack: seq > 1, SourceNode: from}
	case wire.TypeAck:
		m = &wire.Ack{Seq: seq}
	default:
		return []byte{byte(wire.TypeUser), 'u'}
	}
	return m.Append(nil)
}

func drawPushPull(t *rapid.T) []byte {
	user := rapid.SampledFrom([]string{"", "state"}).Draw(t, "user state")
	h := wire.PushPullHeader{Join: rapid.Bool().Draw(t, "join"), Nodes: rapid.IntRange(0, 5).Draw(t, "entries"), UserStateLen: len(user)}
	if rapid.Bool().Draw(t, "differences") {
		h.Diff = drawDiff(t)
	}
	b := h.Append(nil)
	for range h.Nodes {
		addr := drawAddr(t)
		s := wire.NodeState{
			Addr: addr.Addr().AsSlice(), Port: addr.Port(), Inc: drawInc(t), Name: []byte(drawName(t)), Meta: drawMeta(t), Vsn: drawVersions(t),
			State: rapid.Uint8Range(0, uint8(Left)+1).Draw(t, "state"),
		}
		b = s.Append(b)
	}
	return append(b, user...)
}

// drawDiff is often one that makes sense.
func drawDiff(t *rapid.T) wire.Diff {
	bytesOf := func(n int, what string) []byte {
		n = rapid.SampledFrom([]int{0, n, n, n - 1}).Draw(t, what)
		return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, what)
	}
	return wire.Diff{
		Step: wire.DiffStep(rapid.Uint8Range(0, 5).Draw(t, "step")), Root: rapid.Uint64Range(0, 1).Draw(t, "root"),
		Sums: bytesOf(sumSize*partsMin, "sums"), Parts: bytesOf(partsMin/8, "parts"), Above: bytesOf(2, "above"),
	}
}

// mutate changes or cuts one message in four.
func mutate(t *rapid.T, b []byte) []byte {
	if len(b) == 0 || rapid.IntRange(0, 3).Draw(t, "mutate") > 0 {
		return b
	}
	b = bytes.Clone(b)
	i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
	if rapid.Bool().Draw(t, "cut") {
		return b[:i]
	}
	b[i] = rapid.Byte().Draw(t, "byte")
	return b
}
