package swim

import (
	"net/netip"
	"slices"
	"time"

	"serf/wire"
)

// pendingPing is a ping in flight other than a probe's.
type pendingPing struct {
	seq      uint32
	kind     pingKind
	heard    bool     // pingSelfCheck: the member was heard from lately
	member   MemberID // the target; NoMember if unknown
	claim    *claim   // pingRejoin: applied if the target answers
	deadline Time     // then it has failed
	op       OpID     // pingAsked
	sent     Time     // pingAsked

	// to is where pingRoute and pingAsked went. The rest is about pingForOther: who asked, with
	// which number.
	to       netip.AddrPort
	asker    MemberID
	askerSeq uint32
	nackAt   Time // Never: no nack is wanted, or it was sent
}

// pingKind says what the answer to a ping is for.
type pingKind uint8

const (
	pingForOther  pingKind = iota // another member asked for it; its ack goes to address to
	pingDead                      // is a dead member back?
	pingSuspect                   // does a suspect answer whose time is nearly over?
	pingRoute                     // does a member answer at to, an address that it doesn't tell?
	pingRejoin                    // does a member answer that others say is alive again?
	pingSelfCheck                 // do members that are alive answer this node in time?
	pingAsked                     // the layer above wants to know; it went to address to
)

// pendingPings are few and short-lived: a slice is searched.
type pendingPings struct {
	list []pendingPing
	due  Time // the first nack or deadline, if there are any
}

const (
	// maxPendingPings bounds them. An indirect ping beyond it is answered with a nack at once.
	maxPendingPings = 256
	// maxDeferrable is the number of pending pings up to which pings begin that can wait or fail:
	// repeated claims, early pings of suspects, those that the layer above wants. The rest is for
	// final probes, and for others.
	maxDeferrable = maxPendingPings / 2
	// maxForwards bounds the pings for others that one packet makes us send.
	maxForwards = 8
)

func (p *pendingPings) deadline() Time {
	if len(p.list) == 0 {
		return Never
	}
	return p.due
}

func (p *pendingPings) add(x pendingPing) {
	p.due = min(p.deadline(), x.nackAt, x.deadline)
	p.list = append(p.list, x)
}

// settle finds out what is due first, after pings were changed or removed.
func (p *pendingPings) settle() {
	p.due = Never
	for i := range p.list {
		p.due = min(p.due, p.list[i].nackAt, p.list[i].deadline)
	}
}

// has tells whether a ping for which is holds is in flight.
func (p *pendingPings) has(is func(*pendingPing) bool) bool {
	for i := range p.list {
		if is(&p.list[i]) {
			return true
		}
	}
	return false
}

// remove removes the pings for which is holds.
func (p *pendingPings) remove(is func(*pendingPing) bool) {
	p.list = slices.DeleteFunc(p.list, func(x pendingPing) bool { return is(&x) })
	p.settle()
}

// begin adds a ping of this node's own, and returns its sequence number. It fails after a probe
// interval.
func (n *Node) begin(now Time, p pendingPing) uint32 {
	p.deadline = now.Add(n.cfg.ProbeInterval)
	return n.beginUntil(p)
}

// beginUntil is begin for a ping that has its deadline.
func (n *Node) beginUntil(p pendingPing) uint32 {
	p.seq, p.nackAt = n.nextSeq(), Never
	n.pings.add(p)
	return p.seq
}

// pingFor pings p.member, and tells it what it ought to refute. false: too many pings are in
// flight.
func (n *Node) pingFor(now Time, p pendingPing, out *Output) (seq uint32, ok bool) {
	if len(n.pings.list) >= maxPendingPings {
		return 0, false
	}
	seq = n.begin(now, p)
	ping, doubts := n.pingWithDoubts(p.member, seq, out)
	n.sendBare(n.identity(p.member).addr, p.member, out, ping, doubts)
	return seq, true
}

// handleIndirectPing pings a member for another that can't reach it.
func (n *Node) handleIndirectPing(now Time, from netip.AddrPort, body []byte, out *Output) bool {
	m, err := wire.ParseIndirectPing(body)
	if err != nil {
		return false
	}
	target := addrPort(m.Target, m.Port)
	if !target.IsValid() || m.Port == 0 {
		return false
	}
	if out.scratch.forwards++; out.scratch.forwards > maxForwards {
		n.counters.DroppedForwards++
		return true
	}
	asker := n.member(m.SourceNode)
	if n.memberAt(asker, from) {
		n.noteHeard(now, asker)
	}
	p := pendingPing{
		seq: n.nextSeq(), member: n.member(m.Node), asker: asker, askerSeq: m.Seq,
		to:     n.replyAddr(from, asker, m.SourceAddr, m.SourcePort),
		nackAt: Never, deadline: now.Add(n.cfg.ProbeInterval),
	}
	if m.Nack {
		p.nackAt = now.Add(n.nackAfter())
	}
	stranger := !n.memberAt(p.member, target) && !n.trusts()
	if stranger {
		out.note(Note{Level: Warn, Code: NoteForwardRefused, From: from})
	}
	n.noteSource(now, asker, from, out)
	if stranger || len(n.pings.list) >= maxPendingPings || !n.CanReach(target) {
		n.counters.DroppedForwards++
		if m.Nack { // without it the asker would doubt itself
			n.sendNack(now, &p, out)
		}
		return true
	}
	n.pings.add(p)
	sc := &out.scratch
	sc.msg = n.appendPing(sc.msg[:0], m.Node, p.seq)
	cut := len(sc.msg)
	if n.has(Relay) && n.memberAt(p.member, target) {
		sc.msg = n.appendDoubts(sc.msg, p.member)
	}
	n.sendUnlessDown(now, target, p.member, out, sc.msg[:cut], sc.msg[cut:])
	return true
}

// nackAfter is how long a member is pinged for another before a nack says that it doesn't answer.
// With the LAN profile, ProbeTimeout is too long: the nack arrives just when the asker's probe
// ends, and too late keeps the asker from doubting itself. So while most members don't answer, half
// of the rest of the probe is for the way back. An ack that comes later is passed on nevertheless.
func (n *Node) nackAfter() time.Duration {
	if !n.unresponsive.on {
		return n.cfg.ProbeTimeout
	}
	return min(n.cfg.ProbeTimeout, (n.cfg.ProbeInterval-n.cfg.ProbeTimeout)/2)
}

// ackPending takes an ack, and tells whether seq belongs to a pending ping.
func (n *Node) ackPending(
	now Time, from netip.AddrPort, seq uint32, payload []byte, out *Output,
) bool {
	i := slices.IndexFunc(n.pings.list, func(p pendingPing) bool { return p.seq == seq })
	if i < 0 {
		return false
	}
	p := n.pings.list[i]
	n.pings.list = slices.Delete(n.pings.list, i, i+1)
	n.pings.settle()
	n.rejoins.proven(p.member)
	n.noteHeard(now, p.member)
	switch p.kind {
	case pingRejoin:
		n.acceptRejoin(now, p.claim, out)
	case pingSelfCheck:
		n.endSelfCheck(&p, true, out)
	case pingDead:
		n.welcomeBack(now, p.member, out)
	case pingSuspect:
		n.spare(now, p.member)
	case pingRoute:
		n.takeDetour(now, &p, from, out)
	case pingAsked:
		out.event(Event{
			Kind: EventPinged, Op: p.op, Addr: p.to, RTT: now.Sub(p.sent), Data: payload,
		})
	default:
		ack := wire.Ack{Seq: p.askerSeq}
		out.scratch.msg = ack.Append(out.scratch.msg[:0])
		n.send(now, p.to, n.stillKnown(p.asker), out, out.scratch.msg)
	}
	return true
}

func (n *Node) sendNack(now Time, p *pendingPing, out *Output) {
	nack := wire.Nack{Seq: p.askerSeq}
	out.scratch.msg = nack.Append(out.scratch.msg[:0])
	n.send(now, p.to, n.stillKnown(p.asker), out, out.scratch.msg)
}

// expirePending sends the nacks that are due, and ends pings without an answer.
func (n *Node) expirePending(now Time, out *Output) {
	if now < n.pings.deadline() {
		return
	}
	for i := range n.pings.list {
		p := &n.pings.list[i]
		if now >= p.nackAt {
			p.nackAt = Never
			n.sendNack(now, p, out)
		}
		switch {
		case now < p.deadline:
		case p.kind == pingRejoin:
			n.noteNoAnswer(now, p.claim, out)
		case p.kind == pingSelfCheck:
			n.endSelfCheck(p, false, out)
		case p.kind == pingAsked:
			out.event(Event{Kind: EventPinged, Op: p.op, Addr: p.to, Err: ErrNoAnswer})
		}
	}
	n.pings.remove(func(p *pendingPing) bool { return now >= p.deadline })
}

// maybeProbeDead pings a dead member, so often that each is pinged by some member about once a
// probe interval. The ping carries its death, which it refutes if it is back. This heals partitions
// without waiting for a reconnect (F14).
func (n *Node) maybeProbeDead(now Time, out *Output) {
	gone := n.view.gone()
	if gone == 0 || !n.has(ProbeDead) || n.rng.float()*float64(n.view.live) >= float64(gone) {
		return
	}
	id := n.view.order.At(n.view.live + n.rng.below(gone))
	if n.view.at(id).state == Dead {
		n.pingFor(now, pendingPing{member: id, kind: pingDead}, out)
	}
}

// welcomeBack exchanges states with a dead member that answered: after a partition each side has
// missed what happened on the other.
func (n *Node) welcomeBack(now Time, id MemberID, out *Output) {
	if r := n.view.at(id); !r.known() || r.state != Dead {
		return
	}
	out.note(Note{Level: Info, Code: NoteReturned, Member: id})
	n.callPushPull(now, n.identity(id).addr, call{kind: callPushPull, member: id}, false, out)
}

// stillKnown returns id, or NoMember if its record is gone by now.
func (n *Node) stillKnown(id MemberID) MemberID {
	if !n.view.has(id) {
		return NoMember
	}
	return id
}
