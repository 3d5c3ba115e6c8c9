package swim

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"serf/swim/internal/swimtest"
	"serf/wire"
)

// conversation is a node under test, fed by hand. What it does is collected as lines such as
//
//	b: ping b              a packet's message, to b
//	c: ping-req b nack     ask c to ping b
//	b: stream ping b       a stream opened to b
//	answer push/pull       on a stream that another opened
//	event failed b
//	note suspecting b
//
// and claimed by want. Other members have one-letter names and the address 10.0.0.letter.
type conversation struct {
	t    *testing.T
	n    *Node
	out  Output
	now  Time
	did  swimtest.Lines
	seqs map[string]uint32 // last sequence number by kind and name: "ping b"

	restores

	streams map[string]StreamID
	datas   map[string][]byte
}

var modern = [6]byte{1, 5, 2, 0, 0, 0}

var (
	addrOf  = swimtest.AddrOf
	nameOf  = swimtest.NameOf
	suspect = swimtest.Suspect
	dead    = swimtest.Dead
	matches = swimtest.Matches
)

// converse returns a node a with the LAN profile that knows others and has nothing left to send.
// Its first probe begins with the first advance.
func converse(t *testing.T, others ...string) *conversation {
	return converseWith(t, func(*Config) {}, others...)
}

func converseWith(t *testing.T, set func(*Config), others ...string) *conversation {
	t.Helper()
	c := DefaultConfig(LAN())
	c.Name, c.Addr, c.Seed = "a", addrOf("a"), 1
	c.PushPullInterval = 0 // tests of push/pulls turn it on
	set(&c)
	tn := &conversation{t: t, now: Time(time.Hour), seqs: map[string]uint32{}, streams: map[string]StreamID{}, datas: map[string][]byte{}}
	n, err := New(tn.now, c, &tn.out)
	if err != nil {
		t.Fatal(err)
	}
	tn.n = n
	for _, name := range others {
		tn.recv(name, alive(name, 1))
	}
	for n.gossip.queue.Len() > 0 && len(others) > 0 {
		n.tickGossip(tn.now, &tn.out)
	}
	n.probe.next = tn.now.Add(c.ProbeInterval)
	n.gossip.last, n.gossip.gap = tn.now, 0 // the next update can go out at once
	tn.collect()
	tn.did = nil
	return tn
}

// believeDeaths has the node believe at once that a member is dead that others have just begun to
// suspect: how it finds out is another test's matter.
func (tn *conversation) believeDeaths() { tn.n.cfg.sim.Without |= FinalProbe }

func alive(name string, inc uint32) []byte { return aliveAt(name, inc, addrOf(name), "") }

func aliveAt(name string, inc uint32, addr netip.AddrPort, meta string) []byte {
	return swimtest.Alive(name, inc, addr, []byte(meta), modern)
}

func ping(seq uint32, name, source string) []byte {
	m := wire.Ping{Seq: seq, Node: []byte(name)}
	if source != "" {
		a := addrOf(source)
		m.SourceAddr, m.SourcePort, m.SourceNode = a.Addr().AsSlice(), a.Port(), []byte(source)
	}
	return m.Append(nil)
}

func ack(seq uint32) []byte {
	m := wire.Ack{Seq: seq}
	return m.Append(nil)
}

func nack(seq uint32) []byte {
	m := wire.Nack{Seq: seq}
	return m.Append(nil)
}

// recv delivers messages in one packet from a member.
func (tn *conversation) recv(from string, msgs ...[]byte) {
	tn.recvFrom(addrOf(from), msgs...)
}

func (tn *conversation) recvFrom(from netip.AddrPort, msgs ...[]byte) {
	tn.t.Helper()
	var p wire.Packer
	p.Reset(1400)
	for _, m := range msgs {
		if !p.Add(m) {
			tn.t.Fatal("test packet too large")
		}
	}
	var sc wire.Scratch
	packet := tn.n.Sealer().SealPacket(nil, p.AppendTo(nil), false, &sc)
	tn.n.Packet(tn.now, from, packet, &tn.out)
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

// want claims lines of what the node did. * matches anything.
func (tn *conversation) want(reason string, patterns ...string) {
	tn.t.Helper()
	tn.did.Want(tn.t, reason, patterns...)
}

// wantNone fails if the node did anything that matches. It claims nothing.
func (tn *conversation) wantNone(reason, pattern string) {
	tn.t.Helper()
	tn.did.WantNone(tn.t, reason, pattern)
}

// wantIdle fails if the node did anything that wasn't claimed.
func (tn *conversation) wantIdle(reason string) {
	tn.t.Helper()
	tn.did.WantIdle(tn.t, reason)
}

func (tn *conversation) forget() { tn.did = nil }

// wantState checks the record of a member.
func (tn *conversation) wantState(reason, name string, s State, inc uint32) {
	tn.t.Helper()
	id, ok := tn.n.Lookup([]byte(name))
	if !ok {
		tn.t.Fatalf("%s: %s isn't known", reason, name)
	}
	if m, _ := tn.n.View(id); m.State != s || m.Inc != inc {
		tn.t.Fatalf("%s: %s is %v@%d, want %v@%d", reason, name, m.State, m.Inc, s, inc)
	}
}

// collect turns the output into lines.
func (tn *conversation) collect() {
	tn.t.Helper()
	for _, p := range tn.out.Packets {
		var sc wire.Scratch
		msgs, err := tn.n.Sealer().OpenPacket(p.Data, &sc, nil)
		if err != nil || len(msgs) == 0 {
			tn.t.Fatalf("the node sent a packet that can't be opened: %v", err)
		}
		for _, m := range msgs {
			tn.did.Add("%s: %s", nameOf(p.To), tn.describe(m))
		}
	}
	for _, s := range tn.out.Streams {
		what := "stream " + tn.describe(s.Data)
		line := "answer " + tn.describe(s.Data)
		if s.Kind != StreamAnswer {
			line = nameOf(s.To) + ": " + what
		}
		tn.did.Add("%s", line)
		tn.streams[line], tn.datas[line] = s.ID, s.Data
	}
	for _, e := range tn.out.Events {
		tn.did.Add("event %s", tn.describeEvent(e))
	}
	for _, x := range tn.out.Notes {
		if s := noteNames[x.Code]; s != "" {
			tn.did.Add("note %s %s", s, tn.n.roster.Name(x.Member))
		}
	}
	tn.out.Reset()
	tn.restores.step(tn.t, tn.n)
}

var noteNames = map[NoteCode]string{
	NoteMessageDropped: "dropped", NoteWrongName: "wrong-name", NoteBadAddress: "bad-address", NoteBadVersions: "bad-versions",
	NoteBadIncarnation: "bad-incarnation", NoteStreamOnly: "stream-only", NoteConflict: "conflict", NoteMoved: "moved",
	NoteUnreachable: "unreachable", NoteNotPinged: "not-pinged",
	NoteForwardRefused: "forward-refused", NoteReturned: "returned", NoteJoinFailed: "join-failed", NotePushPullFailed: "push/pull-failed",
	NotePacketDropped: "packet-dropped", NoteQueueFull: "queue-full", NoteRefused: "refused",
	NotePaused: "paused", NoteStateCut: "state-cut", NoteTableFull: "table-full", NoteNoRoute: "no-route", NoteDetour: "detour",
	NoteNotAdmitted: "not-admitted", NoteMergeRefused: "merge-refused",
}

func (tn *conversation) describeEvent(e Event) string {
	names := map[EventKind]string{
		EventJoined: "joined", EventFailed: "failed", EventLeft: "left", EventUpdated: "updated", EventSuspected: "suspected",
		EventRefuted: "refuted", EventForgotten: "forgotten", EventConflict: "conflict", EventUser: "user", EventState: "state",
		EventAcked: "acked", EventJoinDone: "join-done", EventLeaveDone: "leave-done", EventClaimed: "claimed",
		EventSent: "sent", EventPinged: "pinged", EventMetaDone: "meta-done",
	}
	switch e.Kind {
	case EventUser, EventState:
		return fmt.Sprintf("%s %q", names[e.Kind], e.Data)
	case EventClaimed:
		if e.N == 1 {
			return "claimed in vain " + tn.n.roster.Name(e.Member) + " " + string(e.Data)
		}
	case EventPinged:
		return fmt.Sprintf("pinged %s in %v %q: %v", nameOf(e.Addr), e.RTT, e.Data, e.Err)
	case EventMetaDone:
		return fmt.Sprintf("meta-done, op %d: %v", e.Op, e.Err)
	case EventSent:
		return fmt.Sprintf("sent to %s, op %d: %v", nameOf(e.Addr), e.Op, e.Err)
	case EventJoinDone, EventLeaveDone:
		return fmt.Sprintf("%s %d %v", names[e.Kind], e.N, e.Err)
	}
	return names[e.Kind] + " " + tn.n.roster.Name(e.Member)
}

func (tn *conversation) describe(m []byte) string {
	body := m[1:]
	switch wire.Type(m[0]) {
	case wire.TypePing:
		x, _ := wire.ParsePing(body)
		tn.seqs["ping "+string(x.Node)] = x.Seq
		return "ping " + string(x.Node)
	case wire.TypeIndirectPing:
		x, _ := wire.ParseIndirectPing(body)
		tn.seqs["ping-req "+string(x.Node)] = x.Seq
		if x.Nack {
			return "ping-req " + string(x.Node) + " nack"
		}
		return "ping-req " + string(x.Node)
	case wire.TypeAck:
		x, _ := wire.ParseAck(body)
		if len(x.Payload) > 0 {
			return fmt.Sprintf("ack %d with %s", x.Seq, x.Payload)
		}
		return fmt.Sprintf("ack %d", x.Seq)
	case wire.TypeNack:
		x, _ := wire.ParseNack(body)
		return fmt.Sprintf("nack %d", x.Seq)
	case wire.TypeSuspect:
		x, _ := wire.ParseSuspect(body)
		return fmt.Sprintf("suspect %s@%d from %s", x.Node, x.Inc, x.From)
	case wire.TypeDead:
		x, _ := wire.ParseDead(body)
		return fmt.Sprintf("dead %s@%d from %s", x.Node, x.Inc, x.From)
	case wire.TypeAlive:
		x, _ := wire.ParseAlive(body)
		return fmt.Sprintf("alive %s@%d", x.Node, x.Inc)
	case wire.TypePushPull:
		x, _ := wire.ParsePushPull(body)
		if x.Join {
			return "push/pull join"
		}
		return "push/pull"
	case wire.TypeUser:
		return fmt.Sprintf("user %q", body)
	}
	return fmt.Sprintf("message of type %d", m[0])
}

// reply answers the stream that was opened with this line, "b: stream ping b" for example.
func (tn *conversation) reply(line string, data []byte) {
	tn.t.Helper()
	id, ok := tn.streams[line]
	if !ok {
		tn.t.Fatalf("no stream %q", line)
	}
	tn.n.Stream(tn.now, StreamIn{ID: id, Kind: StreamReply, Data: data}, &tn.out)
	tn.collect()
}

func (tn *conversation) fail(line string) {
	tn.t.Helper()
	id, ok := tn.streams[line]
	if !ok {
		tn.t.Fatalf("no stream %q", line)
	}
	tn.n.Stream(tn.now, StreamIn{ID: id, Kind: StreamFailed, Err: errTest}, &tn.out)
	tn.collect()
}

// request delivers the first message of a stream that another member opened.
func (tn *conversation) request(from string, data []byte) {
	tn.t.Helper()
	tn.n.Stream(tn.now, StreamIn{ID: Inbound | 1, Kind: StreamRequest, From: addrOf(from), Data: data}, &tn.out)
	tn.collect()
}

type testError string

func (e testError) Error() string { return string(e) }

const errTest = testError("test")

// entry is a member in a push/pull.
type entry struct {
	name  string
	state State
	inc   uint32
	vsn   [6]byte
	addr  netip.AddrPort // addrOf(name) if not set
}

func pushPullMsg(join bool, user string, entries ...entry) []byte {
	h := wire.PushPullHeader{Join: join, Nodes: len(entries), UserStateLen: len(user)}
	b := h.Append(nil)
	for _, e := range entries {
		if e.vsn == ([6]byte{}) {
			e.vsn = modern
		}
		a := e.addr
		if !a.IsValid() {
			a = addrOf(e.name)
		}
		s := wire.NodeState{Addr: a.Addr().AsSlice(), Inc: e.inc, Name: []byte(e.name), Port: a.Port(), State: uint8(e.state), Vsn: e.vsn[:]}
		b = s.Append(b)
	}
	return append(b, user...)
}

// answered is what the node's last answer to a push/pull says about members.
func (tn *conversation) answered() map[string]State {
	tn.t.Helper()
	pp, err := wire.ParsePushPull(tn.datas["answer push/pull"][1:])
	if err != nil {
		tn.t.Fatal(err)
	}
	states := make(map[string]State)
	for it := pp.States(); it.Next(); {
		states[string(it.State.Name)] = State(it.State.State)
	}
	return states
}

// flat is a message as it comes over a real network.
func flat(r wire.Rope) []byte { return wire.Flatten(r.Pieces()) }
