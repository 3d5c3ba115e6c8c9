package swim

import (
	"math/bits"
	"slices"
	"time"
)

// unresponsive is what this node does while most members that it probes don't answer: a zone with
// most of the members went down. Gossip, push/pulls and indirect probes through members drawn at
// random would nearly all be lost, and probing one member after the other would take far too long.
// So members heard from since are preferred. They alone, not the silent ones, tell whether this
// node itself is at fault; if it isn't, it probes many members at a time.
//
// What was heard before doesn't count: the members that are silent now were heard just as often.
type unresponsive struct {
	next      Time  // of the next extra probes
	last      uint8 // which of the last probes failed; the newest is bit 0
	on        bool
	extra     []inquiry   // in flight besides the usual probe
	restUntil Time        // see unresponsiveMost
	heard     []lastHeard // since it began
}

// lastHeard is when a member was last heard from.
type lastHeard struct {
	id   MemberID
	rank uint32 // a hash of id with a key of this node's own
	at   Time
}

const (
	// The state begins when unresponsiveBegins of the last unresponsiveOf probes failed, and ends
	// when none did. With half of the members gone, gossip still reaches everybody.
	unresponsiveOf, unresponsiveBegins = 4, 2
	// Each interval that it lasts has to be made up for by unresponsiveRest intervals of rest; it
	// ends when unresponsiveMost are owed. Rest counts while it lasts, too: fully rested, it lasts
	// 150 intervals. Where many members can never reach each other it would only cause traffic.
	unresponsiveMost, unresponsiveRest = 120, 5
	// heardMax bounds heard. If more members are heard, those with the lowest ranks stay: every
	// node remembers others, however often somebody is heard. Otherwise all nodes would tell the
	// same few members.
	heardMax = 64
	// heardFor is how many probe intervals a member counts as heard from. A living one is heard
	// much more often.
	heardFor = 30
	// extraMax bounds the extra probes in flight. With the packets that others send for them, that
	// is some 160 packets an interval.
	extraMax = 16
	// extraShare: and there is at most one for each extraShare members, so that little changes in a
	// small cluster.
	extraShare = 16
	// selfChecksMax is how many members a node that doubts itself pings an interval.
	selfChecksMax = 4
)

// sample records the outcome of a probe. The targets of extra probes aren't drawn from all members,
// so they don't count.
func (n *Node) sample(now Time, q *inquiry, failed bool) {
	if q != &n.probe.inquiry {
		return
	}
	u := &n.unresponsive
	u.last = u.last << 1 & (1<<unresponsiveOf - 1)
	if failed {
		u.last |= 1
	}
	switch {
	case !u.on && bits.OnesCount8(u.last) >= unresponsiveBegins && n.has(PreferResponsive) &&
		n.intervalsLeft(now) >= unresponsiveMost/2:
		u.on, u.next = true, now
	case u.on && u.last == 0:
		u.end()
	}
}

func (u *unresponsive) end() { u.on, u.heard = false, nil }

// intervalsLeft is how many more probe intervals the state may last.
func (n *Node) intervalsLeft(now Time) int {
	owed := max(0, n.unresponsive.restUntil.Sub(now))
	return unresponsiveMost - int(owed/(unresponsiveRest*n.cfg.ProbeInterval))
}

// noteHeard records that id is alive.
func (n *Node) noteHeard(now Time, id MemberID) {
	u := &n.unresponsive
	if !u.on || id == NoMember || id == n.self {
		return
	}
	if u.heard == nil {
		u.heard = make([]lastHeard, 0, heardMax)
	}
	x := lastHeard{id, uint32(mix(n.cfg.Seed ^ mix(uint64(id)))), now}
	i := slices.IndexFunc(u.heard, func(h lastHeard) bool { return h.id == id })
	switch {
	case i >= 0:
		u.heard[i] = x
	case len(u.heard) < heardMax:
		u.heard = append(u.heard, x)
	default:
		if worst := n.worstHeard(); worst.rank > x.rank || n.stale(worst) {
			*worst = x
		}
	}
}

// worstHeard returns the entry to be replaced first.
func (n *Node) worstHeard() *lastHeard {
	worst := &n.unresponsive.heard[0]
	for i := range n.unresponsive.heard {
		h := &n.unresponsive.heard[i]
		if n.stale(h) {
			return h
		}
		if h.rank > worst.rank {
			worst = h
		}
	}
	return worst
}

// stale tells whether h was heard too long ago.
func (n *Node) stale(h *lastHeard) bool {
	return n.pause.lastInput.Sub(h.at) >= heardFor*n.cfg.ProbeInterval
}

// noteAccuser records that the author of an accusation of id is alive: the accusation is new, so it
// was made just now. In a push/pull the accuser is id itself, which says nothing.
func (n *Node) noteAccuser(now Time, id MemberID, from []byte) {
	if !n.unresponsive.on {
		return
	}
	if accuser := n.member(from); accuser != id {
		n.noteHeard(now, accuser)
	}
}

// forgetHeard removes id from the members heard from.
func (n *Node) forgetHeard(id MemberID) {
	u := &n.unresponsive
	u.heard = slices.DeleteFunc(u.heard, func(h lastHeard) bool { return h.id == id })
}

// likelyDown tells whether sending to id is probably useless.
func (n *Node) likelyDown(id MemberID) bool {
	u := &n.unresponsive
	return u.on && !slices.ContainsFunc(u.heard, func(h lastHeard) bool { return h.id == id })
}

func (u *unresponsive) deadline() Time {
	d := Never
	if u.on {
		d = u.next
	}
	for i := range u.extra {
		d = min(d, u.extra[i].deadline())
	}
	return d
}

func (n *Node) tickUnresponsive(now Time, out *Output) {
	u := &n.unresponsive
	for i := range u.extra {
		n.tickInquiry(now, &u.extra[i], out)
	}
	u.extra = slices.DeleteFunc(u.extra, func(q inquiry) bool { return q.target == NoMember })
	if !u.on {
		if len(u.extra) == 0 {
			u.extra = nil
		}
		return
	}
	if now < u.next {
		return
	}
	interval := n.cfg.ProbeInterval
	u.next, u.restUntil = now.Add(interval), max(u.restUntil, now).Add(unresponsiveRest*interval)
	if n.intervalsLeft(now) <= 0 {
		u.end()
	}
	if !u.on || n.leaving.begun() {
		return
	}
	if width := min(extraMax, n.view.live/extraShare); n.health > 0 {
		n.checkSelf(now, width, out)
	} else if n.has(WideProbe) {
		n.probeExtra(now, width, out)
	}
}

// probeExtra begins extra probes until width are in flight.
func (n *Node) probeExtra(now Time, width int, out *Output) {
	u := &n.unresponsive
	for len(u.extra) < width {
		id := n.walkRound(n.worthProbing)
		if id == NoMember {
			return
		}
		u.extra = append(u.extra, inquiry{})
		n.inquire(now, &u.extra[len(u.extra)-1], id, out)
	}
}

// worthProbing tells whether a failed probe of id would be news. Members without a route are left
// to others.
func (n *Node) worthProbing(id MemberID) bool {
	if n.inquiryOf(id) != nil || !n.reachesMember(id) {
		return false
	}
	s := n.suspicions.lookup(id)
	return s == nil || s.wants(hashName(n.ownName()))
}

// checkSelf pings members to find out whether this node, which has reason to doubt itself, sends
// and receives in time. Members heard from lately should answer. If there are none many are pinged,
// and a missing answer says nothing.
func (n *Node) checkSelf(now Time, width int, out *Output) {
	ok := func(_ MemberID, r record) bool { return r.state == Alive }
	var buf [extraMax]MemberID
	to := n.pickResponsive(buf[:0], min(width, selfChecksMax), ok)
	heard := len(to) > 0
	if !heard {
		to = n.pick(to, width, ok)
	}
	for _, id := range to {
		n.pingFor(now, pendingPing{member: id, kind: pingSelfCheck, heard: heard}, out)
	}
}

// endSelfCheck takes the outcome of a ping of checkSelf.
func (n *Node) endSelfCheck(p *pendingPing, answered bool, out *Output) {
	switch {
	case answered:
		n.adjustHealth(-1, out)
	case p.heard:
		n.adjustHealth(1, out)
		n.forgetHeard(p.member)
	}
}

// extend lets the probes in flight wait longer: see Node.extendDeadlines.
func (u *unresponsive) extend(d time.Duration) {
	for i := range u.extra {
		u.extra[i].extend(d)
	}
}
