package serf

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"serf/swim"
	"serf/swim/internal/swimtest"
	"serf/wire"
)

// conversation is one node "a" under test, fed by hand. What this layer does is collected as lines
// such as
//
//	says leave b@5 prune   gossip, once however often it is sent
//	b: answer q 7          a message sent to b, or a relay through b
//	b: push/pull           a stream opened to b
//	b: stream user x 5000  a message to b by stream, and its payload's size
//	event join b           an event
//	line alive: b ...      a line for the snapshot, if tn.journal is set
//
// and claimed by want. What the membership below does isn't shown. Other members have one-letter
// names and the address 10.0.0.letter.
type conversation struct {
	t       testing.TB
	n       *Node
	out     swim.Output
	now     swim.Time
	did     swimtest.Lines
	said    map[string]bool
	notes   map[swim.NoteCode]int
	lastOp  swim.OpID       // of the last EventQuery
	stream  swim.StreamID   // the last that another member opened
	opened  []swim.StreamID // by this node
	journal bool
	texts   []noteText // of notes
	repeats []string   // the members that queries were repeated to
	restores
}

type noteText struct {
	code swim.NoteCode
	text string
}

// converse returns a node that knows others, all alive, and has nothing left to send.
func converse(t testing.TB, others ...string) *conversation {
	return converseWith(t, func(*Config) {}, others...)
}

func testConfig(name string) Config {
	c := DefaultConfig(swim.LAN())
	c.Name, c.Addr, c.Seed = name, addrOf(name), uint64(name[0])
	c.PushPullInterval, c.ReconnectInterval = 0, 0 // turned on by the tests about them
	c.ProbeInterval = 240 * time.Hour              // members fail only when a test says so
	c.ProbeTimeout = time.Second
	return c
}

func converseWith(t testing.TB, set func(*Config), others ...string) *conversation {
	t.Helper()
	c := testConfig("a")
	set(&c)
	tn := &conversation{t: t, now: swim.Time(time.Hour), said: map[string]bool{},
		notes: map[swim.NoteCode]int{}}
	// A member that is called dead isn't probed first: that is a matter of the membership.
	n, err := NewSimulated(tn.now, c, Simulation{Without: swim.FinalProbe}, &tn.out)
	if err != nil {
		t.Fatal(err)
	}
	tn.n = n
	tn.collect()
	for _, name := range others {
		tn.member(name, alive(name, 1))
	}
	tn.advance(5 * time.Second)
	tn.did = nil
	clear(tn.notes)
	return tn
}

var modern = [6]byte{1, 5, 2, 2, 5, 5}

var (
	addrOf = swimtest.AddrOf
	nameOf = swimtest.NameOf
)

func alive(name string, inc uint32) []byte { return aliveWith(name, inc, addrOf(name), nil) }

func aliveWith(name string, inc uint32, addr netip.AddrPort, tags map[string]string) []byte {
	meta, _ := encodeTags(ProtocolMax, tags)
	return swimtest.Alive(name, inc, addr, meta, modern)
}

// dead says that a member failed, or, from the member itself, that it left.
func dead(name, from string, inc uint32) []byte { return swimtest.Dead(name, inc, from) }

// fails has from suspect a member and then call it dead.
func (tn *conversation) fails(name, from string, inc uint32) {
	tn.t.Helper()
	tn.member(from, swimtest.Suspect(name, inc, from))
	tn.member(from, dead(name, from, inc))
}

func joinIntent(name string, t uint64) []byte {
	m := wire.JoinIntent{LTime: t, Node: []byte(name)}
	return m.Append(nil)
}

func leaveIntent(name string, t uint64) []byte {
	m := wire.LeaveIntent{LTime: t, Node: []byte(name)}
	return m.Append(nil)
}

func pruneIntent(name string, t uint64) []byte {
	m := wire.LeaveIntent{LTime: t, Node: []byte(name), Prune: true}
	return m.Append(nil)
}

func userEventMsg(name, payload string, t uint64) []byte {
	m := wire.UserEvent{LTime: t, Name: []byte(name), Payload: []byte(payload)}
	return m.Append(nil)
}

// queryFrom is a query of b; set changes it.
func queryFrom(b string, t uint64, id uint32, set func(*wire.Query)) []byte {
	m := wire.Query{
		Addr: addrOf(b).Addr().AsSlice(), Port: addrOf(b).Port(), SourceNode: []byte(b),
		ID: id, LTime: t, Name: []byte("q"), Timeout: int64(10 * time.Second),
	}
	if set != nil {
		set(&m)
	}
	return m.Append(nil)
}

func answerMsg(from string, t uint64, id uint32, payload string) []byte {
	m := wire.QueryResponse{From: []byte(from), LTime: t, ID: id, Payload: []byte(payload)}
	return m.Append(nil)
}

func ackMsg(from string, t uint64, id uint32) []byte {
	m := wire.QueryResponse{From: []byte(from), LTime: t, ID: id, Flags: wire.ResponseIsAck}
	return m.Append(nil)
}

// extended makes a query one of this implementation, and again a repetition of it.
func extended(m *wire.Query) { m.Flags = wire.QueryWantAck | wire.QueryExtended }
func again(m *wire.Query)    { m.Flags = wire.QueryWantAck | wire.QueryExtended | wire.QueryNoBroadcast }

// flaggedAck is an ack of this implementation.
func flaggedAck(from string, t uint64, id, flags uint32) []byte {
	m := wire.QueryResponse{From: []byte(from), LTime: t, ID: id,
		Flags: wire.ResponseIsAck | wire.ResponseExtended | flags}
	return m.Append(nil)
}

// member delivers a message of the membership from a member.
func (tn *conversation) member(from string, msg []byte) {
	tn.t.Helper()
	tn.packet(addrOf(from), msg)
}

// recv delivers one Serf message from a member, recvFrom from any address.
func (tn *conversation) recv(from string, msg []byte) {
	tn.t.Helper()
	tn.recvFrom(addrOf(from), msg)
}

func (tn *conversation) recvFrom(from netip.AddrPort, msg []byte) {
	tn.t.Helper()
	tn.packet(from, wire.AppendUser(nil, msg))
}

func (tn *conversation) packet(from netip.AddrPort, msg []byte) {
	tn.t.Helper()
	var sc wire.Scratch
	tn.n.Packet(tn.now, from, tn.n.Sealer().SealPacket(nil, msg, false, &sc), &tn.out)
	tn.collect()
}

// state is this layer's part of another member's push/pull.
type state struct {
	member, event, query uint64
	left                 []string
	status               map[string]uint64
	events               map[uint64][]string // names by time, payload "p"
	slots                []uint64            // times in the order of the buffer; 0 is an empty slot
}

func (s state) append(b []byte) []byte {
	w := wire.AppendSerfState(b, s.event, len(s.slots))
	for _, t := range s.slots {
		if t == 0 {
			w.EmptySlot()
			continue
		}
		w.Slot(t, len(s.events[t]))
		for _, name := range s.events[t] {
			w.Event([]byte(name), []byte("p"))
		}
	}
	w.LeftMembers(s.member, len(s.left))
	for _, name := range s.left {
		w.LeftMember(name)
	}
	w.StatusLTimes(s.query, len(s.status))
	for _, p := range tagPairs(timesAsTags(s.status)) {
		w.StatusLTime(p.Key, s.status[p.Key])
	}
	return w.Bytes()
}

func timesAsTags(m map[string]uint64) map[string]string {
	tags := map[string]string{}
	for k := range m {
		tags[k] = ""
	}
	return tags
}

// merge has a member open a push/pull with this state.
func (tn *conversation) merge(from string, join bool, s state) {
	tn.t.Helper()
	user := s.append(nil)
	head := wire.PushPullHeader{Join: join, UserStateLen: len(user)}
	tn.stream++
	tn.n.Stream(tn.now, swim.StreamIn{
		ID: swim.Inbound | tn.stream, Kind: swim.StreamRequest, From: addrOf(from),
		Data: append(head.Append(nil), user...),
	}, &tn.out)
	tn.collect()
}

// advance lets time pass, with every tick that falls due.
func (tn *conversation) advance(d time.Duration) {
	tn.t.Helper()
	swimtest.Advance(tn.t, &tn.now, tn.now.Add(d), tn.n.Deadline, func() {
		tn.n.Tick(tn.now, &tn.out)
		tn.collect()
	})
}

// do runs a call of the API, which must succeed.
func (tn *conversation) do(f func(now swim.Time, out *swim.Output) error) {
	tn.t.Helper()
	if err := f(tn.now, &tn.out); err != nil {
		tn.t.Fatal(err)
	}
	tn.collect()
}

// want claims lines, each of which must have been collected. * matches anything.
func (tn *conversation) want(reason string, lines ...string) {
	tn.t.Helper()
	tn.did.Want(tn.t, reason, lines...)
}

// wantIdle requires that nothing unclaimed was done, once all queued gossip is out.
func (tn *conversation) wantIdle(reason string) {
	tn.t.Helper()
	tn.advance(2 * time.Second)
	tn.did.WantIdle(tn.t, reason)
}

// wantNote requires a note of this code since the last wantNote.
func (tn *conversation) wantNote(reason string, code swim.NoteCode) {
	tn.t.Helper()
	if tn.notes[code] == 0 {
		tn.t.Fatalf("%s: no note %d; there are %v", reason, code-NoteNone, tn.notes)
	}
	delete(tn.notes, code)
}

func (tn *conversation) wantStatus(reason, name string, want Status) {
	tn.t.Helper()
	m, _ := tn.n.Member(name)
	if m.Status != want {
		tn.t.Fatalf("%s: %s is %v, want %v", reason, name, m.Status, want)
	}
}

func (tn *conversation) collect() {
	for i := range tn.out.Events {
		tn.collectEvent(&tn.out.Events[i])
	}
	for _, note := range tn.out.Notes {
		tn.notes[note.Code]++
		tn.texts = append(tn.texts, noteText{note.Code, note.Text})
	}
	for _, p := range tn.out.Packets {
		var sc wire.Scratch
		msgs, err := tn.n.Sealer().OpenPacket(p.Data, &sc, nil)
		if err != nil {
			tn.t.Fatalf("own packet can't be opened: %v", err)
		}
		for _, m := range msgs {
			if wire.Type(m[0]) == wire.TypeUser {
				tn.collectMessage(nameOf(p.To), m[1:])
			}
		}
	}
	for _, s := range tn.out.Streams {
		if s.Kind == swim.StreamCall {
			tn.did.Add("%s: push/pull", nameOf(s.To))
			tn.opened = append(tn.opened, s.ID)
		}
		if s.Kind == swim.StreamSend {
			tn.collectStream(&s)
		}
	}
	tn.out.Reset()
	tn.restores.step(tn.t, tn.n)
}

// failStreams fails all open streams.
func (tn *conversation) failStreams() {
	tn.t.Helper()
	for _, id := range tn.opened {
		tn.n.Stream(tn.now, swim.StreamIn{ID: id, Kind: swim.StreamFailed, Err: swim.ErrUnknown},
			&tn.out)
	}
	tn.opened = nil
	tn.collect()
}

// collectMessage records a Serf message. Gossip is recorded once, whoever gets it first.
func (tn *conversation) collectMessage(to string, msg []byte) {
	line := describe(tn.t, msg)
	switch wire.SerfType(msg[0]) {
	case wire.SerfQueryResponse, wire.SerfRelay:
		tn.did.Add("%s: %s", to, line)
	case wire.SerfQuery:
		if m, err := wire.ParseQuery(msg[1:]); err == nil && m.Flags&wire.QueryNoBroadcast != 0 {
			tn.repeats = append(tn.repeats, to)
			return
		}
		tn.addOnce(msg, line)
	default:
		tn.addOnce(msg, line)
	}
}

func (tn *conversation) addOnce(msg []byte, line string) {
	if key := string(msg); !tn.said[key] {
		tn.said[key] = true
		tn.did.Add("says %s", line)
	}
}

// collectStream records a message that was sent by stream.
func (tn *conversation) collectStream(s *swim.StreamOut) {
	msg, err := wire.ParseUserMsg(s.Data[1:])
	if err != nil {
		tn.t.Fatal(err)
	}
	switch body := msg[1:]; wire.SerfType(msg[0]) {
	case wire.SerfUserEvent:
		m, _ := wire.ParseUserEvent(body)
		tn.did.Add("%s: stream user %s %d", nameOf(s.To), m.Name, len(m.Payload))
	case wire.SerfQuery:
		m, _ := wire.ParseQuery(body)
		tn.did.Add("%s: stream query %s %d", nameOf(s.To), m.Name, len(m.Payload))
	case wire.SerfQueryResponse:
		m, _ := wire.ParseQueryResponse(body)
		tn.did.Add("%s: stream answer %d", nameOf(s.To), len(m.Payload))
	default:
		tn.t.Fatalf("unexpected on a stream: %x", msg[:1])
	}
}

func describe(t testing.TB, msg []byte) string {
	var err error
	line := ""
	switch body := msg[1:]; wire.SerfType(msg[0]) {
	case wire.SerfLeave:
		var m wire.LeaveIntent
		m, err = wire.ParseLeaveIntent(body)
		line = fmt.Sprintf("leave %s@%d", m.Node, m.LTime)
		if m.Prune {
			line += " prune"
		}
	case wire.SerfJoin:
		var m wire.JoinIntent
		m, err = wire.ParseJoinIntent(body)
		line = fmt.Sprintf("join %s@%d", m.Node, m.LTime)
	case wire.SerfUserEvent:
		var m wire.UserEvent
		m, err = wire.ParseUserEvent(body)
		line = fmt.Sprintf("user %s=%s@%d", m.Name, m.Payload, m.LTime)
	case wire.SerfQuery:
		var m wire.Query
		m, err = wire.ParseQuery(body)
		line = fmt.Sprintf("query %s@%d", m.Name, m.LTime)
	case wire.SerfQueryResponse:
		var m wire.QueryResponse
		m, err = wire.ParseQueryResponse(body)
		line = fmt.Sprintf("answer %s id %d", m.Payload, m.ID)
		if m.Flags&wire.ResponseIsAck != 0 {
			line = fmt.Sprintf("ack id %d", m.ID)
			if m.Flags&wire.ResponseExtended != 0 {
				line += ", repeats"
			}
			if m.Flags&wire.ResponseDeclined != 0 {
				line += ", declines"
			}
		}
	case wire.SerfRelay:
		var m wire.Relay
		m, err = wire.ParseRelay(body)
		to, _ := addrFrom(m.DestIP, m.DestPort)
		line = fmt.Sprintf("relay to %s: %s", nameOf(to), describe(t, m.Msg))
	default:
		t.Fatalf("unexpected message %x", msg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func (tn *conversation) collectEvent(e *swim.Event) {
	kinds := map[swim.EventKind]string{
		EventMemberJoin: "join", EventMemberLeave: "leave", EventMemberFailed: "failed",
		EventMemberUpdate: "update", EventMemberReap: "reap",
	}
	switch e.Kind {
	case EventMemberJoin, EventMemberLeave, EventMemberFailed, EventMemberUpdate, EventMemberReap:
		line := "event " + kinds[e.Kind]
		for _, id := range e.Members {
			m, ok := tn.n.ByID(id)
			if !ok {
				tn.t.Fatalf("%s: member %d isn't known", line, id)
			}
			line += " " + m.Name
		}
		if e.Flag {
			line += " !"
		}
		tn.did.Add("%s", line)
	case EventUserEvent:
		tn.did.Add("event user %s=%s@%d", e.Name, e.Data, e.LTime)
	case EventQuery:
		tn.lastOp = e.Op
		tn.did.Add("event query %s=%s@%d", e.Name, e.Data, e.LTime)
	case EventQueryAck:
		tn.did.Add("event ack %s", e.Name)
	case EventQueryResponse:
		tn.did.Add("event answer %s=%s", e.Name, e.Data)
	case EventQueryDone:
		silent := ""
		for _, id := range e.Members {
			silent += " " + tn.n.roster.Name(id)
		}
		tn.did.Add("event done %d%s", e.N, silent)
	case EventKeyring:
		tn.did.Add("event keyring")
	case EventShutdown:
		tn.did.Add("event shutdown")
	case swim.EventJoinDone:
		if e.Err != nil {
			tn.did.Add("event join failed")
		} else {
			tn.did.Add("event joined %d", e.N)
		}
	case swim.EventLeaveDone:
		tn.did.Add("event left %v", e.Err)
	case EventJournal:
		if tn.journal {
			tn.did.Add("line %s", strings.TrimSuffix(string(e.Data), "\n"))
		}
	}
}

// flat is a state in one piece, as it comes over a real network.
func flat(r *wire.Rope) []byte { return wire.Flatten(r.Pieces()) }
