package swim

import (
	"net/netip"
	"time"

	"serf/internal/invariant"
	"serf/wire"
)

// probe is the failure detector's own state: one member at a time is asked
// whether it lives (SWIM section 3.1, spec 2.3).
type probe struct {
	order probeOrder
	next  Time // start of the next probe
	inquiry
}

// inquiry is what is under way to find out whether one member lives.
type inquiry struct {
	target  MemberID // NoMember: it is over
	inc     uint32   // of the target when it began
	seq     uint32
	sent    Time
	ask     Time // then others are asked to ping the target
	end     Time // then it's a suspect
	asked   bool
	stream  bool // the target answered on a stream
	untimed bool // this node stood still meanwhile: how long the answer took says nothing

	helpers    [helpersMax]MemberID // who was asked, as far as is remembered
	nacksHoped int                  // members asked that can say "I couldn't reach it either"
	nacks      int
}

const (
	// probeTries bounds the walk for a target: many may have died in this round.
	probeTries = 64
	// shrunkRound: a round over so many times those who live is given up, most of it leads nowhere.
	shrunkRound = 2
)

func (p *probe) deadline() Time { return min(p.inquiry.deadline(), p.whenIdle()) }

// whenIdle is when the next probe begins, if none is under way.
func (p *probe) whenIdle() Time {
	if p.target == NoMember {
		return p.next
	}
	return Never
}

func (q *inquiry) deadline() Time {
	switch {
	case q.target == NoMember:
		return Never
	case !q.asked:
		return min(q.ask, q.end)
	}
	return q.end
}

func (n *Node) tickProbe(now Time, out *Output) {
	p := &n.probe
	n.tickInquiry(now, &p.inquiry, out)
	if p.target == NoMember && now >= p.next {
		p.next = n.nextProbe(now)
		n.forgetOld(now, out)
		if n.leaving.begun() {
			return
		}
		if id := n.pickTarget(); id != NoMember {
			n.startProbe(now, id, out)
		}
		n.maybeKnock(now, out)
	}
}

func (n *Node) tickInquiry(now Time, q *inquiry, out *Output) {
	invariant.Check(q.target == NoMember || n.view.at(q.target).state.live(), "swim: probe of one that is gone")
	if q.target != NoMember && !q.asked && now >= q.ask {
		n.askOthers(now, q, out) // even if it's late: then nobody says no, and we know who is slow
	}
	if q.target != NoMember && now >= q.end {
		n.failProbe(now, q, out)
	}
}

// nextProbe keeps the rhythm, but doesn't catch up on what a pause made it miss.
func (n *Node) nextProbe(now Time) Time {
	if next := n.probe.next.Add(n.cfg.ProbeInterval); next > now {
		return next
	}
	return now.Add(n.cfg.ProbeInterval)
}

// pickTarget walks the round to the next member that is alive or suspect.
func (n *Node) pickTarget() MemberID {
	return n.walkRound(func(id MemberID) bool { return len(n.silence.also) == 0 || n.inquiryOf(id) == nil })
}

// walkRound walks the round to the next member, alive or suspect, for which ok holds.
func (n *Node) walkRound(ok func(MemberID) bool) MemberID {
	if n.others() == 0 {
		return NoMember
	}
	for range probeTries {
		i, found := n.newcomer()
		if !found {
			i, found = n.probe.order.step()
		}
		if !found || int(n.probe.order.n) > shrunkRound*n.view.live {
			n.probe.order.start(n.view.live, n.rng.pcg.Uint64())
			continue
		}
		if i >= n.view.live {
			continue
		}
		if id := n.view.order.At(i); id != n.self && ok(id) {
			return id
		}
	}
	return NoMember
}

// newcomer draws, in proportion to their number, one of those who came since the round
// began: with many members a round is long, and they would wait for the next.
func (n *Node) newcomer() (int, bool) {
	began := int(n.probe.order.n)
	fresh := n.view.live - began
	if fresh <= 0 || n.probe.order.over() || n.rng.below(n.view.live) < began {
		return 0, false
	}
	return began + n.rng.below(fresh), true
}

func (n *Node) startProbe(now Time, id MemberID, out *Output) {
	n.inquire(now, &n.probe.inquiry, id, out)
}

// inquire begins q, about id. A ping into the void takes no gossip with it.
func (n *Node) inquire(now Time, q *inquiry, id MemberID, out *Output) {
	n.counters.Probes++
	*q = inquiry{
		target: id, inc: n.view.at(id).inc, seq: n.nextSeq(), sent: now,
		ask: now.Add(n.cfg.ProbeTimeout), end: now.Add(n.cfg.ProbeInterval * time.Duration(n.health+1)),
	}
	if !n.reachesMember(id) {
		q.ask = now // others may reach it
	}
	ping, news := n.pingWithNews(id, q.seq, out)
	n.sendUnlessMute(now, n.identity(id).addr, id, out, ping, news)
}

// appendPing appends a ping of a member by name.
func (n *Node) appendPing(b []byte, id MemberID, seq uint32) []byte {
	ping := wire.Ping{
		Seq: seq, Node: n.roster.nameBytes(id),
		SourceAddr: n.ownAddr, SourcePort: n.cfg.Addr.Port(), SourceNode: n.roster.nameBytes(n.self),
	}
	return ping.Append(b)
}

// pingWithNews builds a ping in scratch, and what is to go with it: a member that isn't alive as
// far as we know is told so, that it may refute at once (Lifeguard's buddy system).
func (n *Node) pingWithNews(id MemberID, seq uint32, out *Output) (ping, news []byte) {
	sc := &out.scratch
	sc.msg = n.appendPing(sc.msg[:0], id, seq)
	cut := len(sc.msg)
	if n.has(Buddy) {
		sc.msg = n.appendDoubts(sc.msg, id)
	}
	return sc.msg[:cut], sc.msg[cut:]
}

// appendDoubts appends what a member that lives ought to refute; nothing if there is nothing.
func (n *Node) appendDoubts(b []byte, id MemberID) []byte {
	if id == NoMember || n.view.at(id).state == Alive {
		return b
	}
	return n.appendNews(b, id)
}

// askOthers widens a probe without an answer: some members ping for us, and a
// stream is tried in case only packets get lost.
//
// When most members are silent, only those heard lately owe us an answer.
func (n *Node) askOthers(now Time, q *inquiry, out *Output) {
	q.asked = true
	q.helpers = [helpersMax]MemberID{}
	ident := n.identity(q.target)
	var buf [maxPick + len(bridges{})]MemberID
	to, owing := n.pickHelpers(buf[:0], q.target)
	for i, id := range to {
		nack := n.identity(id).versions[1] >= nackSince && n.has(LocalHealth)
		if nack && i < owing {
			q.nacksHoped++
		}
		if i < helpersMax {
			q.helpers[i] = id
		}
		n.askThrough(now, id, q.target, q.seq, nack, out)
	}
	if !n.cfg.DisableStreamPing && ident.versions[1] >= streamPingSince && now < q.end {
		n.streamPing(q.target, ident.addr, q.seq, q.end, out)
	}
}

// inquiryNo returns the inquiry with this number, or nil.
func (n *Node) inquiryNo(seq uint32) *inquiry {
	return n.inquiryFor(func(q *inquiry) bool { return q.seq == seq })
}

// inquiryOf returns the inquiry about id, or nil.
func (n *Node) inquiryOf(id MemberID) *inquiry {
	return n.inquiryFor(func(q *inquiry) bool { return q.target == id })
}

func (n *Node) inquiryFor(is func(*inquiry) bool) *inquiry {
	if q := &n.probe.inquiry; q.target != NoMember && is(q) {
		return q
	}
	for i := range n.silence.also {
		if q := &n.silence.also[i]; q.target != NoMember && is(q) {
			return q
		}
	}
	return nil
}

// Protocol versions from which on members understand a message (spec 2.3).
const (
	streamPingSince = 3
	nackSince       = 4
)

func (n *Node) streamPing(id MemberID, to netip.AddrPort, seq uint32, deadline Time, out *Output) {
	n.callStream(StreamOut{
		Kind: StreamCall, To: to, Data: n.appendPing(nil, id, seq), Deadline: deadline,
	}, call{kind: callPing, member: id, seq: seq}, out)
}

// endProbe counts a probe that runs, and makes room for the next.
func (n *Node) endProbe(now Time, q *inquiry) {
	q.target = NoMember
	n.counters.ProbesEnded++
	n.counters.ProbeTime += now.Sub(q.sent)
}

// endProbes ends all that run.
func (n *Node) endProbes(now Time) {
	n.inquiryFor(func(q *inquiry) bool {
		n.endProbe(now, q)
		return false
	})
}

// failProbe ends a probe without an ack.
func (n *Node) failProbe(now Time, q *inquiry, out *Output) {
	id := q.target
	n.endProbe(now, q)
	if q.stream {
		n.counters.StreamAcks++
		n.adjustHealth(-1, out)
		n.hear(now, id)
		n.sample(now, q, false)
		if n.reachesMember(id) {
			out.note(Note{Level: Warn, Code: NoteStreamOnly, Member: id})
		}
		n.noteVouched(now, id, n.detours.helper, out)
		return
	}
	if n.mayLive(now, id, out) {
		return
	}
	n.sample(now, q, true)
	n.counters.ProbesFailed++
	// Those asked who didn't even say no tell that we are the one that is cut off or slow.
	if missed := q.nacksHoped - q.nacks; q.nacksHoped > 0 {
		n.adjustHealth(max(missed, 0), out)
	} else {
		n.adjustHealth(1, out)
	}
	out.note(Note{Level: Info, Code: NoteSuspecting, Member: id})
	// What it said meanwhile under a higher incarnation, it said alive.
	n.applySuspect(now, id, q.inc, n.roster.nameBytes(n.self), out)
}

// handlePing queues the ack; see Packet for when it's sent.
func (n *Node) handlePing(now Time, from netip.AddrPort, body []byte, out *Output) bool {
	m, err := wire.ParsePing(body)
	if err != nil {
		return false
	}
	if len(m.Node) > 0 && string(m.Node) != n.cfg.Name {
		n.counters.DroppedNames++
		out.note(Note{Level: Warn, Code: NoteWrongName, From: from, Text: ClipText(m.Node)})
		return true
	}
	if n.asksItself(&m) {
		return true
	}
	if len(out.scratch.acks) >= maxAcks {
		n.counters.DroppedMessages++
		return true
	}
	n.unheard = 0
	source := n.member(m.SourceNode)
	if source == NoMember && len(m.Node) > 0 && len(m.SourceNode) > 0 {
		n.meetStranger(now, from, out)
	}
	n.hearFrom(now, source, from, out)
	if n.memberAt(source, from) {
		n.hear(now, source)
	}
	due := ackDue{to: n.replyAddr(from, source, m.SourceAddr, m.SourcePort), seq: m.Seq, source: source}
	due.back = due.to == from
	own := addrPort(m.SourceAddr, m.SourcePort)
	if source != NoMember && m.SourcePort != 0 && !n.memberAt(source, own) && n.view.at(source).state == Alive {
		n.correctSender(now, source, out) // it doesn't know that it has to say louder where it is
	}
	if n.has(DeferredAck) {
		out.scratch.acks = append(out.scratch.acks, due)
	} else {
		n.sendAck(now, due, out)
	}
	return true
}

// meetStranger exchanges states with a member that knows us by name while we don't know it: we
// restarted, and joined nobody. One at a time, and to where its packet came from: anybody
// can send one.
func (n *Node) meetStranger(now Time, from netip.AddrPort, out *Output) {
	if now < n.metStranger || n.leaving.begun() {
		return
	}
	n.metStranger = now.Add(strangerPause)
	n.callPushPull(now, from, call{kind: callPushPull}, false, out)
}

const strangerPause = 5 * time.Second

// maxAcks bounds the answers to one packet, which is small and may be forged.
const maxAcks = 8

// ackDue is an ack to send when the packet that asked for it has been read.
type ackDue struct {
	to     netip.AddrPort
	seq    uint32
	source MemberID // who asks, if known
	back   bool     // it goes where the ping came from
}

func (n *Node) sendAck(now Time, a ackDue, out *Output) {
	sc := &out.scratch
	ack := wire.Ack{Seq: a.seq}
	if n.cfg.Carrier != nil {
		sc.payload = n.cfg.Carrier.AppendAckPayload(sc.payload[:0])
		if len(sc.payload) > 0 {
			ack.Payload = sc.payload
		}
	}
	sc.msg = ack.Append(sc.msg[:0])
	cut := len(sc.msg)
	if n.has(DeferredAck) {
		sc.msg = n.appendDoubts(sc.msg, a.source) // it lives
	}
	n.pack(out, [][]byte{sc.msg[:cut], sc.msg[cut:]})
	if a.back {
		n.packCorrections(out)
	}
	n.fill(now, &sc.packer, 1)
	n.ship(a.to, a.source, out)
}

// replyAddr is where the answer to a ping goes: to the address it names, if
// that is known to be the sender's. Otherwise anybody could make us send to anybody (F4). And it
// goes by the version of IP that the ping came by: whether the other one passes isn't known.
func (n *Node) replyAddr(from netip.AddrPort, source MemberID, addr []byte, port uint16) netip.AddrPort {
	a, ok := netip.AddrFromSlice(addr)
	to := netip.AddrPortFrom(a.Unmap(), port)
	if !ok || port == 0 || familyOf(to.Addr()) != familyOf(from.Addr()) {
		return from
	}
	if n.trusts() || n.memberAt(source, to) {
		return to
	}
	return from
}

func (n *Node) handleAck(now Time, from netip.AddrPort, body []byte, out *Output) bool {
	m, err := wire.ParseAck(body)
	if err != nil {
		return false
	}
	switch q := n.inquiryNo(m.Seq); {
	case q != nil:
		direct := n.memberAt(q.target, from)
		if (direct || !q.asked) && !q.untimed {
			out.Events = append(out.Events, Event{Kind: EventAcked, Member: q.target, RTT: now.Sub(q.sent), Data: m.Payload})
		}
		id := q.target
		if !direct && q.asked {
			n.noteBridge(from, q.helpers[:])
		}
		n.comebacks.proven(id)
		n.noteVouched(now, id, from, out)
		n.hear(now, id)
		n.endProbe(now, q)
		n.sample(now, q, false)
		n.adjustHealth(-1, out)
		if direct {
			n.refuseMove(now, n.moves.of(id), out) // it's still there
		}
	case n.ackErrand(now, from, m.Seq, out):
	default:
		n.ackMove(now, m.Seq, out)
	}
	return true
}

func (n *Node) handleNack(body []byte) bool {
	m, err := wire.ParseNack(body)
	if err != nil {
		return false
	}
	if q := n.inquiryNo(m.Seq); q != nil && q.asked && q.nacks < q.nacksHoped {
		q.nacks++
	}
	return true
}
