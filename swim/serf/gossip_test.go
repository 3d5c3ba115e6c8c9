package serf

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"serf/swim"
	"serf/wire"
)

// In a storm of intents events still get out.
func TestEventsDoNotStarve(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.GossipRate = 0 }, "b")
	for i := range 2000 {
		tn.recv("b", leaveIntent(fmt.Sprintf("stranger-%04d", i), uint64(i+1)))
	}
	payload := strings.Repeat("y", 300) // more room than intents leave in a packet
	tn.fire("x", payload)
	tn.advance((fairTurn + 1) * 200 * time.Millisecond)
	tn.want("within a few packets", "says user x="+payload+"@1")
	if tn.n.Stats().IntentQueue < 1000 {
		t.Error("there was no storm")
	}
}

func TestQueuesAreBounded(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.GossipInterval = 24 * time.Hour }, "b")
	for i := range swim.QueueMax + 10 {
		tn.recv("b", leaveIntent(fmt.Sprint("stranger", i), uint64(i+1)))
	}
	s := tn.n.Stats()
	if s.IntentQueue > swim.QueueMax || s.QueueDrops == 0 {
		t.Errorf("%d queued, %d dropped", s.IntentQueue, s.QueueDrops)
	}
	tn.wantNote("noted", NoteQueueFull)
	tn.wantNote("the table of intents is full too", NoteIntentsFull)
	tn.fire("x", "")
	if got := tn.notes[NoteQueueFull]; got != 0 {
		t.Errorf("noted %d times, though nothing more was dropped", got)
	}
}

func TestAnIntentReplacesTheOlderOneInTheQueue(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.GossipInterval = 24 * time.Hour }, "b", "c")
	before := tn.n.Stats().IntentQueue
	for i := range 100 {
		tn.recv("c", leaveIntent("b", uint64(2*i+1)))
		tn.recv("c", joinIntent("b", uint64(2*i+2)))
	}
	if got := tn.n.Stats().IntentQueue - before; got > 1 {
		t.Errorf("%d queued about one member", got)
	}
}

// Duplicates are most of what gossip brings, and must cost no memory.
func TestDuplicatesAllocateNothing(t *testing.T) {
	tn := converse(t, "b")
	for name, msg := range map[string][]byte{
		"event":        userEventMsg("x", "payload", 5),
		"query":        queryFrom("b", 5, 1, nil),
		"leave intent": leaveIntent("b", 5),
		"join intent":  joinIntent("b", 6),
	} {
		user := wire.AppendUser(nil, msg)
		from := netip.AddrPort(addrOf("b"))
		receive := func() {
			tn.n.Packet(tn.now, from, user, &tn.out)
			tn.out.Reset()
		}
		receive()
		if allocs := testing.AllocsPerRun(100, receive); allocs > 0 {
			t.Errorf("%s: %v allocations for a duplicate", name, allocs)
		}
	}
}

// FuzzMessage delivers arbitrary bytes, as a message and as a state: nothing panics, and the table
// stays consistent.
func FuzzMessage(f *testing.F) {
	for _, seed := range [][]byte{
		joinIntent("b", 4), leaveIntent("a", 4), pruneIntent("c", 1<<40), userEventMsg("x", "y", 3),
		queryFrom("b", 2, 7, func(m *wire.Query) {
			m.Flags, m.RelayFactor = wire.QueryWantAck, 3
			m.Filters.AddTag("a", "(")
		}),
		keyQuery(listKeysQuery, 3, nil), keyQuery(installKeyQuery, 3, testKey(1)),
		answerMsg("b", 1, 1, ""),
		(&wire.Relay{DestIP: []byte{10, 0, 0, 'b'}, DestPort: 7946, DestName: []byte("b"),
			Msg: answerMsg("c", 1, 1, "z")}).Append(nil),
		state{member: 5, event: 6, query: 7, left: []string{"c"}, status: map[string]uint64{"a": 9},
			slots: []uint64{0, 3}}.append(nil),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		tn := converse(t, "b", "c")
		n := tn.n
		for _, kind := range []swim.EventKind{swim.EventUser, swim.EventState} {
			n.call.begin(&tn.out)
			n.handle(tn.now, &swim.Event{Kind: kind, Addr: addrOf("b"), Data: msg}, &tn.out)
			n.finish(tn.now, &tn.out)
		}
		tn.now = tn.now.Add(time.Hour)
		n.Tick(tn.now, &tn.out)
		checkTable(t, n)
	})
}

// checkTable compares the counts of the table with its records.
func checkTable(t rapid.TB, n *Node) {
	t.Helper()
	var count [len(n.table.count)]int
	reaped := 0
	var digest Digest
	var root uint64
	for id := range n.table.recs.Len() {
		r := n.table.at(swim.MemberID(id))
		if r.known() {
			count[r.status]++
			digest.move(n.roster.Name(swim.MemberID(id)), false, r.here())
			root += r.hereHash(n.roster.Name(swim.MemberID(id)))
		}
		if r.marks&markReaped != 0 {
			reaped++
		}
	}
	if count != n.table.count || reaped != n.table.reaped {
		t.Fatalf("counted %v and %d reaped, there are %v and %d", n.table.count, n.table.reaped,
			count, reaped)
	}
	if root != n.table.root {
		t.Fatalf("the root is %x, that of the members that are here %x", n.table.root, root)
	}
	if digest != n.Digest() {
		t.Fatalf("the digest is %v, that of the members that are here %v", n.Digest(), digest)
	}
	if got := len(n.table.sorted(n.roster)); got != n.table.len() {
		t.Fatalf("%d in order, %d listed", got, n.table.len())
	}
}

func TestMessagesAreCounted(t *testing.T) {
	tn := converse(t, "b", "c")
	before, sentBefore := *tn.n.Counters(), tn.n.Stats()
	msg := userEventMsg("x", "payload", 5)
	tn.recv("b", msg)
	tn.recv("b", msg) // a duplicate
	if c := tn.n.Counters(); c.MessagesIn-before.MessagesIn != 2 ||
		c.MessageBytesIn-before.MessageBytesIn != uint64(2*len(msg)) {
		t.Errorf("received: %d of %d bytes, want 2 of %d", c.MessagesIn-before.MessagesIn,
			c.MessageBytesIn-before.MessageBytesIn, 2*len(msg))
	}
	tn.advance(200 * time.Millisecond)
	s := tn.n.Stats()
	if n, b := s.MessagesOut-sentBefore.MessagesOut, s.MessageBytesOut-sentBefore.MessageBytesOut; n == 0 || b != n*uint64(len(msg)) {
		t.Errorf("sent: %d messages of %d bytes, want some of %d each", n, b, len(msg))
	}
}
