package replay

import (
	"bytes"
	"net/netip"
	"strconv"

	"serf/agent/recording"
	"serf/internal/dissect"
	"serf/internal/notes/serfnotes"
	"serf/internal/std"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// words words what goes into a node and what comes out.
type words struct {
	d      dissect.Dissector
	sealer *wire.Sealer // of the node, when d got its own
	keys   int          // that d's has
}

// sealer returns one that opens what the node's does, and what is sealed with other known keys.
func (p *Player) sealer() *wire.Sealer {
	w := &p.words
	own := p.conf.Sealer
	if p.Node != nil {
		own = p.Node.Sealer()
	}
	if own == nil || own.Keys == nil {
		return own
	}
	if own == w.sealer && w.keys == len(p.keys) {
		return w.d.Sealer
	}
	w.sealer, w.keys = own, len(p.keys)
	opener := *own
	for _, key := range p.keys { // order-free: one key opens a packet, or none does
		if ring, err := opener.Keys.Install(key); err == nil {
			opener.Keys = ring
		}
	}
	return &opener
}

// dissector returns one for what goes into the node and comes out.
func (p *Player) dissector() *dissect.Dissector {
	p.words.d.Sealer = p.sealer()
	return &p.words.d
}

// Input words an entry.
func (p *Player) Input(e *recording.Entry) dissect.Part {
	switch e.Kind {
	case recording.KindPacket:
		x := p.dissector().Packet(e.Data)
		x.Fields = append([]dissect.Field{{Name: "from", Value: e.From.String()}}, x.Fields...)
		return x
	case recording.KindStream:
		return streamInput(&e.Stream)
	}
	x := dissect.Part{Kind: e.Kind.String()}
	callFields(&x, e)
	return x
}

// StreamKinds are what happens on a stream, in words.
var StreamKinds = []string{"request", "reply", "failed", "sent"}

func streamInput(in *swim.StreamIn) dissect.Part {
	x := dissect.Part{Kind: "stream " + StreamKinds[min(int(in.Kind), len(StreamKinds)-1)]}
	x.Add("stream", StreamName(in.ID))
	x.Some("from", in.From)
	x.Some("error", in.Err)
	if len(in.Data) > 0 {
		x.Put(dissect.StreamMessage(in.Data))
	}
	return x
}

// StreamName numbers the streams that others opened apart from a node's own.
func StreamName(id swim.StreamID) string {
	if id&swim.Inbound != 0 {
		return "in-" + number(uint64(id&^swim.Inbound))
	}
	return number(uint64(id))
}

// callFields are the arguments of a call.
func callFields(x *dissect.Part, e *recording.Entry) {
	var to, tags, keys []string
	for _, a := range e.Addrs {
		to = append(to, a.String())
	}
	for _, key := range std.SortedKeys(e.Tags) {
		tags = append(tags, key+"="+e.Tags[key])
	}
	if e.KeyPrint != nil {
		keys = append(keys, e.KeyPrint.String())
	}
	for _, print := range e.Prints {
		keys = append(keys, print.String())
	}
	x.Some("name", e.Name)
	x.Some("op", opNumber(e.Op))
	x.Some("addr", e.From)
	x.Some("to", to)
	x.Some("nodes", e.Nodes)
	x.Some("tags", tags)
	x.Some("keys", keys)
	x.Some("relay_factor", e.Relay)
	x.Some("timeout", e.Timeout)
	x.Some("zone_tag", e.Zones.Tag)
	x.Some(flagNames[e.Kind], e.Flag)
	x.Some("error", e.Err)
	if len(e.Data) > 0 {
		x.Payload("payload", e.Data)
	}
}

// flagNames are what the flag of a call means.
var flagNames = map[recording.Kind]string{
	recording.KindUserEvent: "coalesce", recording.KindQuery: "want_ack",
	recording.KindAsk: "direct", recording.KindJoin: "replay", recording.KindForceLeave: "prune",
	recording.KindKeyringSaved: "present",
}

// Effects words what came of the last input: packets, streams, events, notes, and what the call
// returned.
func (p *Player) Effects() []dissect.Part {
	var all dissect.Part
	for _, packet := range p.Out.Packets {
		x := p.dissector().Packet(packet.Data)
		x.Fields = append([]dissect.Field{{Name: "to", Value: packet.To.String()}}, x.Fields...)
		all.Put(x)
	}
	streams := p.Out.Streams
	for i := range streams {
		all.Put(streamOut(&streams[i]))
	}
	events := p.Out.Events
	for i := range events {
		all.Put(p.event(&events[i]))
	}
	notes := p.Out.Notes
	for i := range notes {
		all.Put(p.note(&notes[i]))
	}
	if p.op != 0 || p.err != nil {
		x := dissect.Part{Kind: "return"}
		x.Some("op", opNumber(p.op))
		x.Some("error", p.err)
		all.Put(x)
	}
	return all.Parts
}

// streamActions are what a node wants done on a stream, in words.
var streamActions = []string{"call", "send", "answer"}

func streamOut(s *swim.StreamOut) dissect.Part {
	x := dissect.Part{Kind: "stream " + streamActions[min(int(s.Kind), len(streamActions)-1)]}
	x.Add("stream", StreamName(s.ID))
	x.Some("to", s.To)
	x.Put(dissect.StreamMessage(s.Message()))
	return x
}

// levels are the names of levels of notes, as the agent's log has them.
var levels = map[swim.Level]string{
	swim.Trace: "TRACE", swim.Debug: "DEBUG", swim.Info: "INFO", swim.Warn: "WARN",
	swim.Error: "ERR",
}

// NoteText words a note as the agent does, with the component of its log.
func (p *Player) NoteText(n *swim.Note) (component, text string) {
	component, w := serfnotes.Of(n)
	return component, w.Fill(n, p.subject)
}

func (p *Player) note(n *swim.Note) dissect.Part {
	component, text := p.NoteText(n)
	x := dissect.Part{Kind: "note"}
	x.Add("level", levels[n.Level])
	x.Add("component", component)
	x.Name("text", []byte(text))
	return x
}

// subject returns the name and address of a member that a note is about.
func (p *Player) subject(id swim.MemberID) (name string, addr netip.AddrPort) {
	m, _ := p.Node.ByID(id)
	return p.nameOf(id), m.Addr
}

func (p *Player) nameOf(id swim.MemberID) string { return p.Node.Swim().Roster().Name(id) }

// eventNames are the events of a node.
var eventNames = map[swim.EventKind]string{
	swim.EventSuspected: "suspected", swim.EventRefuted: "refuted", swim.EventSent: "sent",
	swim.EventPinged: "pinged", swim.EventMetaDone: "meta-done",
	swim.EventJoinDone: "join-done", swim.EventLeaveDone: "leave-done",

	serf.EventMemberJoin: "member-join", serf.EventMemberLeave: "member-leave",
	serf.EventMemberFailed: "member-failed", serf.EventMemberUpdate: "member-update",
	serf.EventMemberReap: "member-reap", serf.EventUserEvent: "user-event",
	serf.EventQuery: "query", serf.EventQueryAck: "query-ack",
	serf.EventQueryResponse: "query-response", serf.EventQueryDone: "query-done",
	serf.EventJournal: "journal", serf.EventKeyring: "keyring", serf.EventShutdown: "shutdown",
}

// event words an event.
func (p *Player) event(e *swim.Event) dissect.Part {
	name := eventNames[e.Kind]
	if name == "" {
		name = "kind-" + number(uint64(e.Kind))
	}
	x := dissect.Part{Kind: "event " + name}
	if e.Member != swim.NoMember {
		x.Some("node", p.nameOf(e.Member))
	}
	var names []string
	for _, id := range e.Members {
		names = append(names, p.nameOf(id))
	}
	x.Some("nodes", names)
	x.Some("name", e.Name)
	x.Some("op", opNumber(e.Op))
	x.Some("ltime", e.LTime)
	x.Some("n", e.N)
	x.Some("rtt", e.RTT)
	x.Some("flag", e.Flag)
	x.Some("addr", e.Addr)
	x.Some("error", e.Err)
	switch {
	case len(e.Data) == 0:
	case e.Kind == serf.EventQueryResponse, e.Kind == serf.EventQuery:
		x.Put(dissect.Payload(e.Data))
	default:
		x.Payload("data", bytes.TrimSuffix(e.Data, []byte("\n"))) // of a line for the snapshot
	}
	return x
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// opNumber is a number of an operation without the bit that marks those of Serf.
func opNumber(op swim.OpID) uint64 { return uint64(op &^ (1 << 62)) }
