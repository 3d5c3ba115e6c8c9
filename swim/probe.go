package swim

import (
	"net/netip"
	"time"

	"serf/internal/invariant"
	"serf/swim/history"
	"serf/wire"
)

// probe is the state of the failure detector: it asks one member at a time whether it is alive
// (SWIM, section 3.1).
type probe struct {
	order probeOrder
	next  Time // start of the next probe
	inquiry
}

// inquiry is one probe: direct, then indirect through helpers, then by stream.
type inquiry struct {
	target  MemberID // NoMember: it is over
	inc     uint32   // of the target when it began
	seq     uint32
	sent    Time
	ask     Time // when helpers are asked
	end     Time // when it fails, and the target becomes suspect
	asked   bool // helpers were asked
	stream  bool // the target answered on a stream
	tcp     history.TCP
	untimed bool // this node paused meanwhile: the round-trip time means nothing

	helpers    [helpersMax]MemberID // as far as they are remembered
	nacksHoped int                  // helpers that send a nack if they can't reach the target
	nacks      int
}

const (
	// probeTries bounds the walk for a target: many members may have died in this round.
	probeTries = 64
	// shrunkRound: a round over more than shrunkRound times the living members is abandoned, since
	// most of it leads to the dead.
	shrunkRound = 2
)

// Protocol versions from which on members understand a message.
const (
	streamPingSince = 3
	nackSince       = 4
)

func (p *probe) deadline() Time { return min(p.inquiry.deadline(), p.whenIdle()) }

// whenIdle is when the next probe begins, if none is in flight.
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
			n.inquire(now, &p.inquiry, id, out)
		}
		n.maybeProbeDead(now, out)
	}
}

func (n *Node) tickInquiry(now Time, q *inquiry, out *Output) {
	invariant.Check(q.target == NoMember || n.view.at(q.target).state.live(),
		"swim: probe of one that is gone")
	if q.target != NoMember && !q.asked && now >= q.ask {
		n.askOthers(now, q, out) // even if late: missing nacks show that we are the slow one
	}
	if q.target != NoMember && now >= q.end {
		n.failProbe(now, q, out)
	}
}

// nextProbe keeps the rhythm, without making up for probes that a pause prevented.
func (n *Node) nextProbe(now Time) Time {
	if next := n.probe.next.Add(n.cfg.ProbeInterval); next > now {
		return next
	}
	return now.Add(n.cfg.ProbeInterval)
}

// pickTarget walks the round to the next member that is alive or suspect.
func (n *Node) pickTarget() MemberID {
	return n.walkRound(func(id MemberID) bool {
		return (len(n.unresponsive.extra) == 0 || n.inquiryOf(id) == nil) &&
			(!n.cfg.Zones.Probes || n.passes(id))
	})
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

// newcomer draws one of the members that came since the round began, with a probability in
// proportion to their number: with many members a round is long, and they would wait for the next.
func (n *Node) newcomer() (int, bool) {
	began := int(n.probe.order.n)
	fresh := n.view.live - began
	if fresh <= 0 || n.probe.order.over() || n.rng.below(n.view.live) < began {
		return 0, false
	}
	return began + n.rng.below(fresh), true
}

// inquire begins q, the probe of id. Its ping carries gossip unless id is likely to be down.
func (n *Node) inquire(now Time, q *inquiry, id MemberID, out *Output) {
	n.counters.Probes++
	*q = inquiry{
		target: id, inc: n.view.at(id).inc, seq: n.nextSeq(), sent: now,
		ask: now.Add(n.cfg.ProbeTimeout),
		end: now.Add(n.cfg.ProbeInterval * time.Duration(n.health+1)),
	}
	if !n.reachesMember(id) {
		q.ask = now // helpers may reach it
	}
	ping, doubts := n.pingWithDoubts(id, q.seq, out)
	n.sendUnlessDown(now, n.identity(id).addr, id, out, ping, doubts)
}

// appendPing appends a ping of the member with this name.
func (n *Node) appendPing(b []byte, name []byte, seq uint32) []byte {
	own := addrBytes(n.cfg.Addr.Addr())
	ping := wire.Ping{
		Seq: seq, Node: name,
		SourceAddr: own.slice(), SourcePort: n.cfg.Addr.Port(), SourceNode: n.ownName(),
	}
	return ping.Append(b)
}

// pingWithDoubts builds, in scratch, a ping and what goes with it: a member that isn't alive as far
// as we know is told so, so that it can refute at once (Lifeguard's Buddy System).
func (n *Node) pingWithDoubts(id MemberID, seq uint32, out *Output) (ping, doubts []byte) {
	sc := &out.scratch
	sc.msg = n.appendPing(sc.msg[:0], n.roster.nameBytes(id), seq)
	cut := len(sc.msg)
	if n.has(Buddy) {
		sc.msg = n.appendDoubts(sc.msg, id)
	}
	return sc.msg[:cut], sc.msg[cut:]
}

// appendDoubts appends what id, if it is alive, ought to refute; nothing if it counts as alive.
func (n *Node) appendDoubts(b []byte, id MemberID) []byte {
	if id == NoMember || n.view.at(id).state == Alive {
		return b
	}
	return n.appendUpdate(b, id)
}

// askOthers goes on with a probe that got no ack: helpers ping the target, and a stream is tried in
// case only packets are lost. While most members don't answer, only helpers heard from lately owe
// us an answer.
func (n *Node) askOthers(now Time, q *inquiry, out *Output) {
	q.asked = true
	q.helpers = [helpersMax]MemberID{}
	ident := n.identity(q.target)
	var buf [maxPick + len(relays{})]MemberID
	to, owing := n.pickHelpers(buf[:0], q.target)
	for i, id := range to {
		nack := n.identity(id).versions[1] >= nackSince && n.has(LocalHealth)
		if nack && i < owing {
			q.nacksHoped++
		}
		if i < helpersMax {
			q.helpers[i] = id
		}
		n.askHelper(now, id, q.target, q.seq, nack, out)
	}
	if now < q.end {
		name := n.roster.nameBytes(q.target)
		if n.streamPing(q.target, name, ident.versions, ident.addr, q.seq, q.end, out) {
			q.tcp = history.NoAnswer
		}
	}
}

// streamPing pings a member by stream, if it understands that, and tells whether it does.
func (n *Node) streamPing(
	id MemberID, name []byte, versions [6]byte, to netip.AddrPort, seq uint32, deadline Time,
	out *Output,
) bool {
	if versions[1] < streamPingSince || n.cfg.DisableStreamPing ||
		n.cfg.NoStreamPing != nil && n.cfg.NoStreamPing(name) {
		return false
	}
	return n.callStream(StreamOut{
		Kind: StreamCall, To: to, Data: n.appendPing(nil, name, seq), Deadline: deadline,
	}, call{kind: callPing, member: id, seq: seq}, out)
}

// inquiryNo returns the probe with this sequence number, or nil.
func (n *Node) inquiryNo(seq uint32) *inquiry {
	return n.inquiryFor(func(q *inquiry) bool { return q.seq == seq })
}

// inquiryOf returns the probe of id, or nil.
func (n *Node) inquiryOf(id MemberID) *inquiry {
	return n.inquiryFor(func(q *inquiry) bool { return q.target == id })
}

func (n *Node) inquiryFor(is func(*inquiry) bool) *inquiry {
	if q := &n.probe.inquiry; q.target != NoMember && is(q) {
		return q
	}
	for i := range n.unresponsive.extra {
		if q := &n.unresponsive.extra[i]; q.target != NoMember && is(q) {
			return q
		}
	}
	return nil
}

// endProbe counts a probe, and makes room for the next.
func (n *Node) endProbe(now Time, q *inquiry) {
	q.target = NoMember
	n.counters.ProbesEnded++
	n.counters.ProbeTime += now.Sub(q.sent)
}

// endProbes ends all probes in flight.
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
		n.noteHeard(now, id)
		n.sample(now, q, false)
		if n.reachesMember(id) {
			out.note(Note{Level: Warn, Code: NoteStreamOnly, Member: id})
		}
		n.noteReached(id, n.detours.helper, out)
		return
	}
	if n.toleratesFailure(now, id, out) {
		return
	}
	n.sample(now, q, true)
	n.counters.ProbesFailed++
	// Helpers that sent no nack either show that this node is the one that is cut off or slow.
	if missed := q.nacksHoped - q.nacks; q.nacksHoped > 0 {
		n.adjustHealth(max(missed, 0), out)
	} else {
		n.adjustHealth(1, out)
	}
	out.note(Note{Level: Info, Code: NoteSuspecting, Member: id})
	// With q.inc, the suspicion is outdated if the target was alive at a higher incarnation since.
	a := accusation{inc: q.inc, from: n.ownName(), cause: history.Probe, probe: q}
	n.applySuspect(now, id, n.view.at(id), a, out)
}

// handlePing queues an ack; Packet sends it.
func (n *Node) handlePing(now Time, from netip.AddrPort, body []byte, out *Output) bool {
	m, err := wire.ParsePing(body)
	if err != nil {
		return false
	}
	if n.wrongName(m.Node, from, out) || n.asksItself(&m) {
		return true
	}
	if len(out.scratch.acks) >= maxAcks {
		n.counters.DroppedMessages++
		return true
	}
	n.unpinged = 0
	source := n.member(m.SourceNode)
	if source == NoMember && len(m.Node) > 0 && len(m.SourceNode) > 0 {
		n.meetStranger(now, from, out)
	}
	n.noteSource(now, source, from, out)
	if n.memberAt(source, from) {
		n.noteHeard(now, source)
	}
	due := ackDue{seq: m.Seq, source: source}
	due.to = n.replyAddr(from, source, m.SourceAddr, m.SourcePort)
	due.back = due.to == from
	own := addrPort(m.SourceAddr, m.SourcePort)
	if source != NoMember && m.SourcePort != 0 && !n.memberAt(source, own) &&
		n.view.at(source).state == Alive {
		n.correctSender(now, source, out) // it has to outbid what we know
	}
	if n.has(DeferredAck) {
		out.scratch.acks = append(out.scratch.acks, due)
	} else {
		n.sendAck(now, due, out)
	}
	return true
}

// wrongName tells whether a ping is for another member: the pinger knows that one at our address.
func (n *Node) wrongName(name []byte, from netip.AddrPort, out *Output) bool {
	if len(name) == 0 || string(name) == n.cfg.Name {
		return false
	}
	n.counters.DroppedNames++
	out.note(Note{Level: Warn, Code: NoteWrongName, From: from, Text: ClipText(name)})
	return true
}

// meetStranger exchanges states with a member that knows us by name while we don't know it: we
// restarted, and joined nobody. Anybody can send such a ping, so this happens once in a while, and
// with the address that the packet came from.
func (n *Node) meetStranger(now Time, from netip.AddrPort, out *Output) {
	if n.leaving.begun() || !n.pushPull.strangers.admit(now) {
		return
	}
	n.callPushPull(now, from, call{kind: callPushPull}, false, out)
}

// maxAcks bounds the answers to one packet, which is small and may be forged.
const maxAcks = 8

// ackDue is an ack to send after its packet was read.
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
		sc.msg = n.appendDoubts(sc.msg, a.source) // it is alive
	}
	n.pack(out, [][]byte{sc.msg[:cut], sc.msg[cut:]})
	if a.back {
		n.packCorrections(out)
	}
	n.fillAlong(now, &sc.packer, a.source)
	n.ship(a.to, a.source, out)
}

// replyAddr is where the answer to a ping goes: to the address in the ping if that is known to be
// the sender's, since otherwise anybody could make us send to anybody (F4). It has to be of the
// family of the packet's source: whether the other gets through isn't known.
func (n *Node) replyAddr(
	from netip.AddrPort, source MemberID, addr []byte, port uint16,
) netip.AddrPort {
	to := addrPort(addr, port)
	if !to.IsValid() || port == 0 || familyOf(to.Addr()) != familyOf(from.Addr()) {
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
		n.ackProbe(now, from, q, m.Payload, out)
	case n.ackPending(now, from, m.Seq, m.Payload, out):
	default:
		n.ackMove(now, m.Seq, out)
	}
	return true
}

// ackProbe ends a probe with an ack, from the target or passed on by a helper.
func (n *Node) ackProbe(now Time, from netip.AddrPort, q *inquiry, payload []byte, out *Output) {
	id := q.target
	direct := n.memberAt(id, from)
	if (direct || !q.asked) && !q.untimed {
		e := Event{Kind: EventAcked, Member: id, RTT: now.Sub(q.sent), Data: payload}
		n.counters.RTTs.Add(&RTTBounds, e.RTT)
		out.event(e)
	}
	if !direct && q.asked {
		n.counters.ProbesRelayed++
		n.noteRelay(from, q.helpers[:])
	} else {
		n.counters.ProbesDirect++
	}
	n.rejoins.proven(id)
	n.noteReached(id, from, out)
	n.noteHeard(now, id)
	n.endProbe(now, q)
	n.sample(now, q, false)
	n.adjustHealth(-1, out)
	if direct {
		n.refuseMove(now, n.moves.of(id), out) // it's still there
	}
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
