package serf

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// TestNodeHoldsItsInvariants exposes a Serf node, encrypted or not, to anything that its peers,
// time and its own program can do, valid or mutilated, and checks its effects after each step. A
// twin gets the same input and must have the same effects.
func TestNodeHoldsItsInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, holdInvariants)
}

// FuzzNode holds a node to the same invariants, with the fuzzer's bytes in place of random draws.
func FuzzNode(f *testing.F) {
	for seed := range byte(4) {
		long := make([]byte, 16<<10) // the configuration uses up a short input
		rand.NewChaCha8([32]byte{seed}).Read(long)
		f.Add(long)
	}
	f.Fuzz(rapid.MakeFuzz(holdInvariants))
}

func holdInvariants(t *rapid.T) {
	h := newHarness(t)
	t.Repeat(map[string]func(*rapid.T){
		"gossip":   h.gossip,
		"gossip 2": h.gossip,
		"member":   h.member,
		"crowd":    h.crowd,
		"answer":   h.answer,
		"request":  h.request,
		"reply":    h.reply,
		"tick":     h.tick,
		"wait":     h.wait,
		"ask":      h.ask,
		"respond":  h.respond,
		"call":     h.call,
		"leave":    h.leave,
		"restore":  h.restore,
		"":         h.check,
	})
}

// harness is a node, its twin, and what their driver and the program above know about them.
type harness struct {
	now   swim.Time
	nodes [2]*Node
	outs  [2]swim.Output

	clocks  [3]uint64
	queries []sentQuery               // own ones, as seen on the wire
	running map[swim.OpID]bool        // own ones
	replied map[swim.OpID][]string    // the names that acked ("+name") and responded ("name")
	open    []swim.OpID               // inbound ones that may be answered
	events  map[sentEvent]bool        // emitted, each once
	streams []swim.StreamID           // waiting for an answer
	status  map[string]swim.EventKind // last emitted for each member
}

type sentQuery struct {
	time uint64
	id   uint32
}

type sentEvent struct {
	time          uint64
	name, payload string
}

const (
	harnessRecent = 8  // queries and streams that are kept; older ones are late anyway
	harnessTicks  = 64 // in a row at one time; more mean that the node spins
)

func newHarness(t *rapid.T) *harness {
	h := &harness{
		now: swim.Time(time.Hour), running: map[swim.OpID]bool{}, replied: map[swim.OpID][]string{},
		events: map[sentEvent]bool{}, status: map[string]swim.EventKind{},
	}
	c := testConfig("a")
	c.Seed = rapid.Uint64().Draw(t, "seed")
	c.ProbeInterval, c.ProbeTimeout = time.Second, 500*time.Millisecond
	c.PushPullInterval, c.ReconnectInterval = 5*time.Second, 5*time.Second
	c.ReconnectTimeout, c.TombstoneTimeout = time.Minute, time.Minute // short, so that members are reaped
	if rapid.Bool().Draw(t, "coalesce") {
		c.CoalescePeriod, c.QuiescentPeriod = time.Second, 200*time.Millisecond
		c.UserCoalescePeriod, c.UserQuiescentPeriod = time.Second, 200*time.Millisecond
	}
	encrypted := rapid.Bool().Draw(t, "encrypted")
	for i := range h.nodes {
		if encrypted {
			withKeys(2)(&c) // each twin needs its own nonces
		}
		n, err := New(h.now, c, &h.outs[i])
		if err != nil {
			t.Fatal(err)
		}
		h.nodes[i] = n
	}
	h.drain(t)
	for _, name := range []string{"b", "c", "d"} {
		h.packet(t, addrOf(name), alive(name, 1))
	}
	return h
}

// both does the same to the node and its twin, and checks their effects.
func (h *harness) both(t *rapid.T, do func(*Node, *swim.Output)) {
	for i, n := range h.nodes {
		do(n, &h.outs[i])
	}
	h.drain(t)
}

// restore restores the twin. The node, which never was, has the same state.
func (h *harness) restore(t *rapid.T) {
	restored(t, h.nodes[1])
	if !bytes.Equal(h.nodes[0].AppendState(nil), h.nodes[1].AppendState(nil)) {
		t.Fatal("twins have different states")
	}
}

func (h *harness) drain(t *rapid.T) {
	a, b := &h.outs[0], &h.outs[1]
	if h.nodes[0].Deadline() != h.nodes[1].Deadline() || len(a.Events) != len(b.Events) ||
		len(a.Streams) != len(b.Streams) {
		t.Fatal("twins differ")
	}
	if !slices.EqualFunc(a.Packets, b.Packets, func(p, q swim.Packet) bool {
		return p.To == q.To && bytes.Equal(p.Data, q.Data)
	}) {
		t.Fatal("twins send different packets")
	}
	for _, p := range a.Packets {
		h.sent(t, p)
	}
	for _, s := range a.Streams {
		h.opened(t, s)
	}
	for i := range a.Events {
		h.emitted(t, &a.Events[i])
	}
	for i := range h.outs {
		h.outs[i].Reset()
	}
}

// sent checks one packet and keeps the queries in it.
func (h *harness) sent(t *rapid.T, p swim.Packet) {
	var sc wire.Scratch
	n := h.nodes[0]
	msgs, err := n.Sealer().OpenPacket(p.Data, &sc, nil)
	// A peer with an outdated key gets the same under the old key, which this node may have removed
	// since.
	lost := errors.Is(err, wire.ErrNoKey)
	if !lost && (err != nil || len(msgs) == 0) || len(p.Data) > n.cfg.PacketMax || !p.To.IsValid() {
		t.Fatalf("packet of %d bytes with %d messages to %v: %v", len(p.Data), len(msgs), p.To, err)
	}
	for _, m := range msgs {
		if wire.Type(m[0]) != wire.TypeUser || wire.SerfType(m[1]) != wire.SerfQuery {
			continue
		}
		if q, err := wire.ParseQuery(m[2:]); err == nil && string(q.SourceNode) == "a" {
			h.queries = append(h.queries, sentQuery{q.LTime, q.ID})
		}
	}
	h.queries = h.queries[max(0, len(h.queries)-harnessRecent):]
}

// opened checks what is sent by stream.
func (h *harness) opened(t *rapid.T, s swim.StreamOut) {
	if len(s.Data) == 0 || s.Kind != swim.StreamAnswer && !s.To.IsValid() {
		t.Fatalf("stream of kind %d to %v with %d bytes", s.Kind, s.To, len(s.Data))
	}
	if s.Kind == swim.StreamCall {
		h.streams = append(h.streams, s.ID)
		h.streams = h.streams[max(0, len(h.streams)-harnessRecent):]
	}
}

// emitted checks an event for the program above.
func (h *harness) emitted(t *rapid.T, e *swim.Event) {
	switch e.Kind {
	case EventMemberJoin, EventMemberLeave, EventMemberFailed, EventMemberUpdate, EventMemberReap:
		for _, id := range e.Members {
			h.memberEvent(t, e.Kind, id)
		}
	case EventUserEvent:
		h.userEvent(t, sentEvent{e.LTime, string(e.Name), string(e.Data)})
	case EventQuery:
		h.open = append(h.open, e.Op)
		h.open = h.open[max(0, len(h.open)-harnessRecent):]
	case EventQueryAck:
		h.repliedTo(t, e.Op, "+"+string(e.Name))
	case EventQueryResponse:
		h.repliedTo(t, e.Op, string(e.Name))
	case EventQueryDone:
		delete(h.running, e.Op)
		delete(h.replied, e.Op)
	case EventJournal:
		if i := bytes.IndexByte(e.Data, '\n'); i != len(e.Data)-1 {
			t.Fatalf("journal line %q", e.Data)
		}
	}
}

// memberEvent checks that an event is about a known member, and differs from the last one about it.
func (h *harness) memberEvent(t *rapid.T, kind swim.EventKind, id swim.MemberID) {
	m, ok := h.nodes[0].ByID(id)
	if !ok {
		t.Fatalf("event %d about %d, which isn't known", kind, id)
	}
	if kind == EventMemberUpdate {
		return
	}
	if h.status[m.Name] == kind {
		t.Fatalf("event %d about %q twice in a row", kind, m.Name)
	}
	h.status[m.Name] = kind
	if kind == EventMemberReap {
		delete(h.status, m.Name)
	}
}

// userEvent checks that the clock is past the time of an event, and that it is emitted once.
func (h *harness) userEvent(t *rapid.T, e sentEvent) {
	if clock := uint64(h.nodes[0].eventClock.Now()); e.time >= clock ||
		len(e.name)+len(e.payload) > EventSizeCeiling {
		t.Fatalf("event %q of time %d with %d bytes, the clock is at %d", e.name, e.time,
			len(e.payload), clock)
	}
	if h.events[e] {
		t.Fatalf("event %q of time %d emitted twice", e.name, e.time)
	}
	h.events[e] = true
}

// repliedTo checks that each member acks and answers an own query once, and not after its end.
func (h *harness) repliedTo(t *rapid.T, op swim.OpID, from string) {
	if !h.running[op] {
		t.Fatalf("%q replied to query %d, which is over", from, op)
	}
	if slices.Contains(h.replied[op], from) {
		t.Fatalf("query %d: %q came twice", op, from)
	}
	h.replied[op] = append(h.replied[op], from)
}

// What the network does.

func (h *harness) packet(t *rapid.T, from netip.AddrPort, msgs ...[]byte) {
	var p wire.Packer
	p.Reset(60 << 10)
	for _, m := range msgs {
		p.Add(m)
	}
	plain := p.AppendTo(nil)
	h.both(t, func(n *Node, out *swim.Output) {
		var sc wire.Scratch
		n.Packet(h.now, from, n.Sealer().SealPacket(nil, plain, false, &sc), out)
	})
}

func (h *harness) gossip(t *rapid.T) {
	var msgs [][]byte
	for range rapid.IntRange(1, 4).Draw(t, "messages") {
		msgs = append(msgs, mutate(t, wire.AppendUser(nil, mutate(t, h.drawMessage(t)))))
	}
	h.packet(t, drawAddr(t), msgs...)
}

// member delivers a message of the membership, so that there are members to have intents about.
func (h *harness) member(t *rapid.T) {
	name, inc := drawName(t), rapid.Uint32Range(1, 9).Draw(t, "inc")
	tags := map[string]string{"n": drawText(t)}
	addr := addrOf(name + "x")
	if rapid.IntRange(0, 7).Draw(t, "elsewhere") == 0 {
		addr = drawAddr(t)
	}
	msg := rapid.SampledFrom([][]byte{
		aliveWith(name, inc, addr, tags), dead(name, "b", inc), dead(name, name, inc),
	}).Draw(t, "news")
	h.packet(t, drawAddr(t), mutate(t, msg))
}

// crowd delivers more intents, events or queries at once than are kept.
func (h *harness) crowd(t *rapid.T) {
	const times = 600 // more than a window holds
	base, kind := rapid.Uint64Range(0, 2000).Draw(t, "base"), rapid.IntRange(0, 2).Draw(t, "kind")
	for i := range uint64(times) {
		name := "crowd-" + strings.Repeat("x", int(i%7)) + string(rune('a'+i%26))
		msg := joinIntent(name, base+i)
		switch kind {
		case 1:
			msg = userEventMsg(name, "", base+i)
		case 2:
			msg = queryFrom("b", base+i, uint32(i), nil)
		}
		h.packet(t, addrOf("b"), wire.AppendUser(nil, msg))
	}
}

// answer replies to an own query, as members do and as they shouldn't.
func (h *harness) answer(t *rapid.T) {
	if len(h.queries) == 0 {
		return // nothing was asked
	}
	q := rapid.SampledFrom(h.queries).Draw(t, "query")
	from := drawName(t)
	msg := rapid.SampledFrom([][]byte{
		ackMsg(from, q.time, q.id), answerMsg(from, q.time, q.id, "x"),
		flaggedAck(from, q.time, q.id, 0),
		flaggedAck(from, q.time, q.id, wire.ResponseDeclined),
		answerMsg(from, q.time+1, q.id, "other time"),
	}).Draw(t, "reply")
	h.packet(t, drawAddr(t), wire.AppendUser(nil, mutate(t, msg)))
}

func (h *harness) request(t *rapid.T) {
	in := swim.StreamIn{ID: swim.Inbound | 1, Kind: swim.StreamRequest, From: drawAddr(t)}
	if rapid.Bool().Draw(t, "push/pull") {
		in.Data = h.drawPushPull(t)
	} else {
		msg := mutate(t, h.drawMessage(t))
		head := wire.UserMsgHeader{Len: len(msg)}
		in.Data = append(head.Append(nil), msg...)
	}
	in.Data = mutate(t, in.Data)
	h.both(t, func(n *Node, out *swim.Output) { n.Stream(h.now, in, out) })
}

func (h *harness) reply(t *rapid.T) {
	if len(h.streams) == 0 {
		return // no stream is open
	}
	i := rapid.IntRange(0, len(h.streams)-1).Draw(t, "stream")
	in := swim.StreamIn{ID: h.streams[i], Kind: swim.StreamFailed, Err: swim.ErrUnknown}
	if rapid.Bool().Draw(t, "answered") {
		in.Kind, in.Err, in.Data = swim.StreamReply, nil, mutate(t, h.drawPushPull(t))
	}
	h.streams = slices.Delete(h.streams, i, i+1)
	h.both(t, func(n *Node, out *swim.Output) { n.Stream(h.now, in, out) })
}

// What time does.

// tick advances to the deadline, as a driver does.
func (h *harness) tick(t *rapid.T) {
	h.settle(t, max(h.now, h.nodes[0].Deadline()))
}

// wait ticks late, or without need.
func (h *harness) wait(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, 20 * time.Second,
		10 * time.Minute}).Draw(t, "time")
	h.settle(t, h.now.Add(d))
}

func (h *harness) settle(t *rapid.T, now swim.Time) {
	h.now = now
	for range harnessTicks {
		h.both(t, func(n *Node, out *swim.Output) { n.Tick(h.now, out) })
		if h.nodes[0].Deadline() > h.now {
			return
		}
	}
	t.Fatalf("%d ticks, and the deadline is still not later than now", harnessTicks)
}

// What the program above does.

// ask starts a query, or one about keys.
func (h *harness) ask(t *rapid.T) {
	p := QueryParams{
		Name: rapid.SampledFrom([]string{"q", "", PingQuery, conflictQuery,
			strings.Repeat("q", 2000)}).Draw(t, "name"),
		Nodes: rapid.SampledFrom([][]string{nil, nil, {"b", "zz"}, {}}).Draw(t, "nodes"),
		Tags: rapid.SampledFrom([]map[string]string{nil, nil, {"n": "x*"}, {"n": "("}}).Draw(t,
			"tags"),
		WantAck: rapid.Bool().Draw(t, "ack"), RelayFactor: rapid.Uint8Range(0, 3).Draw(t, "relay"),
		Timeout: rapid.SampledFrom([]time.Duration{0, 0, time.Second, -1, QueryTimeoutMax,
			QueryTimeoutMax + 1}).Draw(t, "timeout"),
	}
	key, which := testKey(rapid.IntRange(0, 3).Draw(t, "key")), rapid.IntRange(0, 7).Draw(t,
		"which")
	for i, n := range h.nodes {
		if op, err := h.askOne(n, p, key, which, &h.outs[i]); err == nil {
			h.running[op] = true // the same for both nodes
		}
	}
	h.drain(t)
}

func (h *harness) askOne(n *Node, p QueryParams, key []byte, which int,
	out *swim.Output) (swim.OpID, error) {
	if commands := []KeyCommand{InstallKey, UseKey, RemoveKey, ListKeys}; which < len(commands) {
		return n.Keys(h.now, KeyRequest{Command: commands[which], Key: key}, out)
	}
	return n.Query(h.now, p, out)
}

func (h *harness) respond(t *rapid.T) {
	if len(h.open) == 0 {
		return // there is no inbound query
	}
	op := rapid.SampledFrom(h.open).Draw(t, "query")
	size := rapid.SampledFrom([]int{0, 10, 900, 5000}).Draw(t, "size")
	decline := rapid.Bool().Draw(t, "decline")
	h.both(t, func(n *Node, out *swim.Output) {
		if decline {
			_ = n.Decline(h.now, op, out) // may be over
			return
		}
		_ = n.Respond(h.now, op, make([]byte, size), out)
	})
}

// call uses the node as its owner may. Other tests check what it refuses.
func (h *harness) call(t *rapid.T) {
	name, text, to := drawName(t), drawText(t), drawAddr(t)
	flag, which := rapid.Bool().Draw(t, "flag"), rapid.IntRange(0, 3).Draw(t, "call")
	h.both(t, func(n *Node, out *swim.Output) {
		switch which {
		case 0:
			_ = n.UserEvent(h.now, name, []byte(text), flag, out)
		case 1:
			_ = n.ForceLeave(h.now, name, flag, out)
		case 2:
			_ = n.SetTags(h.now, map[string]string{name: text}, out)
		case 3:
			n.Join(h.now, []netip.AddrPort{to, addrOf("b")}, flag, out)
		}
	})
}

// leave is rare, as little happens after it.
func (h *harness) leave(t *rapid.T) {
	if rapid.IntRange(0, 19).Draw(t, "leave") > 0 {
		return // stays
	}
	h.both(t, func(n *Node, out *swim.Output) { n.Leave(h.now, out) })
}

// What must hold at any time.

func (h *harness) check(t *rapid.T) {
	n := h.nodes[0]
	checkTable(t, n)
	s := n.Stats()
	for what, count := range map[string][2]int{ // order-free: each by itself
		"intents":            {len(n.intents.byName), intentsMax},
		"intents queued":     {s.IntentQueue, swim.QueueMax},
		"events queued":      {s.EventQueue, swim.QueueMax + largeMax},
		"queries queued":     {s.QueryQueue, swim.QueueMax},
		"own events waiting": {s.Backlog, backlogMax},
		"queries to answer":  {len(n.inbound.open), inboundMax},
		"own queries":        {len(n.queries), queriesMax},
		"lost members":       {len(n.lost.list), lostMax},
	} {
		if count[0] > count[1] {
			t.Fatalf("%d %s, limit %d", count[0], what, count[1])
		}
	}
	now := [3]uint64{s.MemberTime, s.EventTime, s.QueryTime}
	for i, c := range now {
		if c < h.clocks[i] || c > uint64(lamport.Max) {
			t.Fatalf("clocks went from %d to %d", h.clocks, now)
		}
	}
	h.clocks = now
	for _, m := range n.Members(nil) {
		if m.Status == StatusNone || !m.Addr.IsValid() {
			t.Fatalf("%q is listed as %v at %v", m.Name, m.Status, m.Addr)
		}
	}
}

// Few names, times and addresses are drawn, so that they meet; and the extremes.

func drawName(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "b", "c", "c", "d", "e", "f", "", "evil\nleave",
		strings.Repeat("n", swim.NameMax), strings.Repeat("m", swim.NameMax+1)}).Draw(t, "name")
}

func drawTime(t *rapid.T) uint64 {
	return rapid.OneOf(rapid.Uint64Range(0, 12), rapid.Uint64Range(500, 600),
		rapid.SampledFrom([]uint64{1 << 31, 1<<32 + 9, uint64(lamport.Max) - 1, uint64(lamport.Max), 1<<64 - 1})).Draw(t, "time")
}

func drawAddr(t *rapid.T) netip.AddrPort {
	return netip.MustParseAddrPort(rapid.SampledFrom([]string{
		"10.0.0.98:7946", "10.0.0.98:7946", "10.0.0.99:7946", "10.0.9.9:7946", "[2001:db8::1]:7946",
		"[::ffff:10.0.0.98]:7946", "10.0.0.98:0", "0.0.0.0:1",
	}).Draw(t, "addr"))
}

func drawText(t *rapid.T) string {
	return strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 400, 2000, EventSizeCeiling, messageCeiling}).Draw(t, "length"))
}

// drawMessage draws one Serf message.
func (h *harness) drawMessage(t *rapid.T) []byte {
	name, at, text := drawName(t), drawTime(t), drawText(t)
	switch rapid.IntRange(0, 8).Draw(t, "message") {
	case 0:
		return joinIntent(name, at)
	case 1:
		return leaveIntent(name, at)
	case 2:
		return pruneIntent(name, at)
	case 3, 4:
		return userEventMsg(rapid.SampledFrom([]string{"x", "y", ""}).Draw(t, "event"), text, at)
	case 5:
		return h.drawQuery(t, at, text)
	case 6:
		m := wire.Relay{DestIP: []byte{10, 0, 0, 'b'}, DestPort: 7946, DestName: []byte(name),
			Msg: answerMsg(name, at, 1, "z")}
		return m.Append(nil)
	case 7:
		return answerMsg(name, at, rapid.Uint32().Draw(t, "id"), text)
	}
	return rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
}

// drawQuery draws a query of another member, Serf's internal ones included.
func (h *harness) drawQuery(t *rapid.T, at uint64, text string) []byte {
	name := rapid.SampledFrom([]string{"q", PingQuery, conflictQuery, listKeysQuery,
		installKeyQuery, useKeyQuery, removeKeyQuery, "_serf_none"}).Draw(t, "query")
	key := wire.KeyRequest{Key: testKey(rapid.IntRange(0, 3).Draw(t, "key"))}
	return queryFrom(rapid.SampledFrom([]string{"b", "c", "z"}).Draw(t, "asker"), at,
		rapid.Uint32Range(0, 3).Draw(t, "id"), func(m *wire.Query) {
			m.Name, m.Payload = []byte(name), []byte(text)
			if strings.HasSuffix(name, "-key") {
				m.Payload = key.Append(nil)
			}
			m.Flags = rapid.Uint32Range(0, 15).Draw(t, "flags")
			m.RelayFactor = rapid.Uint8().Draw(t, "relay")
			m.Timeout = rapid.SampledFrom([]int64{0, -1, int64(time.Second), 1<<63 - 1}).Draw(t,
				"timeout")
			if rapid.Bool().Draw(t, "filter") {
				m.Filters.AddTag("n", rapid.SampledFrom([]string{"x", "(", ".*", ""}).Draw(t, "expression"))
			}
		})
}

func (h *harness) drawPushPull(t *rapid.T) []byte {
	s := state{member: drawTime(t), event: drawTime(t), query: drawTime(t),
		status: map[string]uint64{}, events: map[uint64][]string{}}
	for range rapid.IntRange(0, 4).Draw(t, "statuses") {
		s.status[drawName(t)] = drawTime(t)
	}
	for range rapid.IntRange(0, 2).Draw(t, "left") {
		s.left = append(s.left, drawName(t))
	}
	for range rapid.IntRange(0, 4).Draw(t, "slots") {
		at := drawTime(t)
		s.slots, s.events[at] = append(s.slots, at), []string{"x", drawName(t)}
	}
	user := mutate(t, s.append(nil))
	head := wire.PushPullHeader{Join: rapid.Bool().Draw(t, "join"), UserStateLen: len(user)}
	return append(head.Append(nil), user...)
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
