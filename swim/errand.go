package swim

import (
	"net/netip"
	"slices"
	"time"

	"serf/wire"
)

// errand is a ping in flight besides the probe's: for another member, or of a
// member that is taken for failed.
type errand struct {
	seq    uint32
	member MemberID // who is pinged; NoMember if a stranger
	knock  bool     // ours: is a failed member back?
	last   bool     // ours: does a suspect answer, whose time is over?
	detour bool     // ours: does it answer at asker, an address that it doesn't tell?
	claim  *claim   // ours: what counts if the ping is answered
	check  bool     // ours: do we hear in time from those who would answer?
	known  bool     // of a check: it was heard lately

	// For another member: who asked, with which number.
	asker    netip.AddrPort
	askerID  MemberID
	askerSeq uint32
	nackAt   Time // Never: no nack wanted, or already sent
	deadline Time // then forgotten
}

// maxForwards bounds the pings for others that one packet makes us send.
const maxForwards = 8

// errands are few and short-lived: a slice is searched.
type errands struct{ list []errand }

// maxErrands bounds pings in flight for others; beyond it we nack at once rather than queue.
const maxErrands = 256

// maxDeferrable is beyond how many what can wait isn't begun: claims that are repeated, and suspects that
// are asked again later. The rest is for suspects whose time is over, and for others.
const maxDeferrable = maxErrands / 2

func (e *errands) deadline() Time {
	d := Never
	for i := range e.list {
		d = min(d, e.list[i].nackAt, e.list[i].deadline)
	}
	return d
}

// handleIndirectPing pings a member for another, which can't reach it.
func (n *Node) handleIndirectPing(now Time, from netip.AddrPort, body []byte, out *Output) bool {
	m, err := wire.ParseIndirectPing(body)
	if err != nil {
		return false
	}
	ip, ok := netip.AddrFromSlice(m.Target)
	if !ok || m.Port == 0 {
		return false
	}
	if out.scratch.forwards++; out.scratch.forwards > maxForwards {
		n.counters.DroppedForwards++
		return true
	}
	target := netip.AddrPortFrom(ip.Unmap(), m.Port)
	asker := n.member(m.SourceNode)
	if n.memberAt(asker, from) {
		n.hear(now, asker)
	}
	e := errand{
		seq: n.nextSeq(), member: n.member(m.Node), asker: n.replyAddr(from, asker, m.SourceAddr, m.SourcePort),
		askerID: asker, askerSeq: m.Seq, nackAt: Never, deadline: now.Add(n.cfg.ProbeInterval),
	}
	if m.Nack {
		e.nackAt = now.Add(n.nackAfter())
	}
	stranger := !n.memberAt(e.member, target) && !n.trusts()
	if stranger {
		out.note(Note{Level: Warn, Code: NoteForwardRefused, From: from})
	}
	n.hearFrom(now, asker, from, out)
	if stranger || len(n.errands.list) >= maxErrands || !n.CanReach(target) {
		n.counters.DroppedForwards++
		if m.Nack { // else the asker's health would suffer for it
			n.sendNack(now, &e, out)
		}
		return true
	}
	n.errands.list = append(n.errands.list, e)
	ping := wire.Ping{
		Seq: e.seq, Node: m.Node,
		SourceAddr: n.ownAddr, SourcePort: n.cfg.Addr.Port(), SourceNode: n.roster.nameBytes(n.self),
	}
	sc := &out.scratch
	sc.msg = ping.Append(sc.msg[:0])
	cut := len(sc.msg)
	if n.has(Relay) && n.memberAt(e.member, target) {
		sc.msg = n.appendDoubts(sc.msg, e.member)
	}
	n.sendUnlessMute(now, target, e.member, out, sc.msg[:cut], sc.msg[cut:])
	return true
}

// nackAfter is how long somebody is pinged for another before we say that it doesn't answer. With the profile for
// local networks ProbeTimeout is too long: the nack comes just when the asker's probe, if it doesn't doubt itself, is over, and
// makes it doubt. So when most members are silent half of what is left of the probe is for the
// way. If an ack comes yet, it is passed on all the same.
func (n *Node) nackAfter() time.Duration {
	if !n.silence.on {
		return n.cfg.ProbeTimeout
	}
	return min(n.cfg.ProbeTimeout, (n.cfg.ProbeInterval-n.cfg.ProbeTimeout)/2)
}

// ackErrand passes an ack on, and says whether seq was an errand's.
func (n *Node) ackErrand(now Time, from netip.AddrPort, seq uint32, out *Output) bool {
	i := slices.IndexFunc(n.errands.list, func(e errand) bool { return e.seq == seq })
	if i < 0 {
		return false
	}
	e := n.errands.list[i]
	n.errands.list = slices.Delete(n.errands.list, i, i+1)
	n.comebacks.proven(e.member)
	n.hear(now, e.member)
	switch {
	case e.claim != nil:
		n.believe(now, e.claim, out)
		return true
	case e.check:
		n.checked(now, &e, true, out)
		return true
	case e.knock:
		n.welcomeBack(now, e.member, out)
		return true
	case e.last:
		n.spare(now, e.member)
		return true
	case e.detour:
		n.takeDetour(now, &e, from, out)
		return true
	}
	ack := wire.Ack{Seq: e.askerSeq}
	out.scratch.msg = ack.Append(out.scratch.msg[:0])
	n.send(now, e.asker, n.stillKnown(e.askerID), out, out.scratch.msg)
	return true
}

func (n *Node) sendNack(now Time, e *errand, out *Output) {
	nack := wire.Nack{Seq: e.askerSeq}
	out.scratch.msg = nack.Append(out.scratch.msg[:0])
	n.send(now, e.asker, n.stillKnown(e.askerID), out, out.scratch.msg)
}

func (n *Node) expireErrands(now Time, out *Output) {
	for i := range n.errands.list {
		e := &n.errands.list[i]
		if now >= e.nackAt {
			e.nackAt = Never
			n.sendNack(now, e, out)
		}
		switch {
		case now < e.deadline:
		case e.claim != nil:
			n.noteSilent(now, e.claim, out)
		case e.check:
			n.checked(now, e, false, out)
		}
	}
	n.errands.list = slices.DeleteFunc(n.errands.list, func(e errand) bool { return now >= e.deadline })
}

// maybeKnock pings a member that failed, so often that over all members each
// failed one hears from about one a probe interval. The record goes with the ping: if
// it's back, it refutes. This heals partitions without waiting for a reconnect (F14).
func (n *Node) maybeKnock(now Time, out *Output) {
	gone := n.view.gone()
	if gone == 0 || !n.has(ProbeDead) || n.rng.float()*float64(n.view.live) >= float64(gone) {
		return
	}
	id := n.view.order.At(n.view.live + n.rng.below(gone))
	if n.view.at(id).state == Dead {
		n.ping(now, errand{member: id, knock: true}, out)
	}
}

// ping pings a member for ourselves, as the errand e, unless too many are under way.
func (n *Node) ping(now Time, e errand, out *Output) {
	if len(n.errands.list) >= maxErrands {
		return
	}
	e.seq, e.nackAt, e.deadline = n.nextSeq(), Never, now.Add(n.cfg.ProbeInterval)
	n.errands.list = append(n.errands.list, e)
	ping, news := n.pingWithNews(e.member, e.seq, out)
	n.sendBare(n.identity(e.member).addr, e.member, out, ping, news)
}

// welcomeBack exchanges states with a failed member that answered: after a partition
// each side knows things that the other doesn't.
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
