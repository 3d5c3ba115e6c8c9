package swim

import (
	"math/bits"
	"slices"
	"time"
)

// silence is what this node does about it when most of those that it asks don't answer: a zone went
// down with most members in it. Gossip, exchanges and pleas for help to members drawn at random would nearly
// all lead nowhere, and so would most probes, one after the other. So from then on those who were heard
// since are preferred; they, and not whoever else is silent, tell whether this node is the one that
// is ill; and if it isn't, many members are probed at a time.
//
// What was heard before doesn't count: those who fell silent were heard just as often.
type silence struct {
	last  uint8 // which of the last probes failed; the newest is bit 0
	on    bool
	next  Time      // when members are asked besides the probe
	also  []inquiry // of those
	spent Time      // until then it has to rest for as long as it has lasted: see silenceMost
	heard []heard   // since it began
}

type heard struct {
	id   MemberID
	rank uint32 // a hash of id with a key of this node's own
	at   Time
}

const (
	// It begins when silenceBegins of the last silenceOf probes have failed, and ends when none has. With half of the
	// members gone gossip still reaches everybody.
	silenceOf, silenceBegins = 4, 2
	// It lasts for silenceMost probe intervals at most, and for each that it lasts it rests for silenceRest, sooner or later:
	// where many can't reach each other for good, all this would lead to nothing but traffic.
	silenceMost, silenceRest = 120, 5
	// heardMax bounds those who are remembered. Of more those stay that have the lowest ranks, so that every node remembers
	// others, however often somebody is heard: some would be told everything by all, else, and some nothing.
	heardMax = 64
	// heardFor is for how many probe intervals one counts as heard. Who lives is heard much more often.
	heardFor = 30
	// alsoMax is how many members are probed at a time, besides the usual one. With what others do for it,
	// that is some 160 packets an interval.
	alsoMax = 16
	// alsoShare: and no more than one in so many, so that in a small cluster little changes.
	alsoShare = 16
	// checksMax is how many members a node that doubts itself asks for a sign an interval.
	checksMax = 4
)

// sample takes note whether the target of q was silent. Those who are probed besides weren't drawn from all.
func (n *Node) sample(now Time, q *inquiry, silent bool) {
	if q != &n.probe.inquiry {
		return
	}
	s := &n.silence
	s.last = s.last << 1 & (1<<silenceOf - 1)
	if silent {
		s.last |= 1
	}
	switch {
	case !s.on && bits.OnesCount8(s.last) >= silenceBegins && n.has(PreferResponsive) && n.rested(now) >= silenceMost/2:
		s.on, s.next = true, now
	case s.on && s.last == 0:
		s.end()
	}
}

func (s *silence) end() { s.on, s.heard = false, nil }

// rested is for how many more probe intervals a silence may last.
func (n *Node) rested(now Time) int {
	return silenceMost - int(max(0, n.silence.spent.Sub(now))/(silenceRest*n.cfg.ProbeInterval))
}

// hear takes note that id lives.
func (n *Node) hear(now Time, id MemberID) {
	s := &n.silence
	if !s.on || id == NoMember || id == n.self {
		return
	}
	if s.heard == nil {
		s.heard = make([]heard, 0, heardMax)
	}
	x := heard{id, uint32(mix(n.cfg.Seed ^ mix(uint64(id)))), now}
	i := slices.IndexFunc(s.heard, func(h heard) bool { return h.id == id })
	switch {
	case i >= 0:
		s.heard[i] = x
	case len(s.heard) < heardMax:
		s.heard = append(s.heard, x)
	default:
		if last := n.lastHeard(); last.rank > x.rank || n.stale(last) {
			*last = x
		}
	}
}

// lastHeard returns which one of those heard is to be forgotten first.
func (n *Node) lastHeard() *heard {
	last := &n.silence.heard[0]
	for i := range n.silence.heard {
		h := &n.silence.heard[i]
		if n.stale(h) {
			return h
		}
		if h.rank > last.rank {
			last = h
		}
	}
	return last
}

// stale tells whether it is too long ago that h was heard.
func (n *Node) stale(h *heard) bool { return n.seen.Sub(h.at) >= heardFor*n.cfg.ProbeInterval }

// hearAccuser takes note that who accuses id lives: what is news has been said just now. What a full
// exchange says has no other accuser than id.
func (n *Node) hearAccuser(now Time, id MemberID, from []byte) {
	if !n.silence.on {
		return
	}
	if accuser := n.member(from); accuser != id {
		n.hear(now, accuser)
	}
}

// unhear forgets that id was heard.
func (n *Node) unhear(id MemberID) {
	s := &n.silence
	s.heard = slices.DeleteFunc(s.heard, func(h heard) bool { return h.id == id })
}

// mute tells whether it is likely in vain to tell id something.
func (n *Node) mute(id MemberID) bool {
	return n.silence.on && !slices.ContainsFunc(n.silence.heard, func(h heard) bool { return h.id == id })
}

// pickHeard is pick among those that were heard lately, of whom there are none unless most members are silent.
func (n *Node) pickHeard(dst []MemberID, k int, ok func(MemberID, record) bool) []MemberID {
	var all [heardMax]MemberID
	rest := all[:0]
	for i := range n.silence.heard {
		h := &n.silence.heard[i]
		r := n.view.at(h.id)
		if !n.stale(h) && !slices.Contains(dst, h.id) && r.state == Alive && ok(h.id, r) && n.reachesMember(h.id) {
			rest = append(rest, h.id)
		}
	}
	return n.draw(dst, k, rest)
}

// pickLikely is pick that takes those first who were heard lately.
func (n *Node) pickLikely(dst []MemberID, k int, ok func(MemberID, record) bool) []MemberID {
	return n.pick(n.pickHeard(dst, k, ok), k, ok)
}

// draw moves members from rest, in random order, until there are k.
func (n *Node) draw(dst []MemberID, k int, rest []MemberID) []MemberID {
	for len(rest) > 0 && len(dst) < k {
		i := n.rng.below(len(rest))
		dst = append(dst, rest[i])
		rest[i] = rest[len(rest)-1]
		rest = rest[:len(rest)-1]
	}
	return dst
}

func (s *silence) deadline() Time {
	d := Never
	if s.on {
		d = s.next
	}
	for i := range s.also {
		d = min(d, s.also[i].deadline())
	}
	return d
}

func (n *Node) tickSilence(now Time, out *Output) {
	s := &n.silence
	for i := range s.also {
		n.tickInquiry(now, &s.also[i], out)
	}
	s.also = slices.DeleteFunc(s.also, func(q inquiry) bool { return q.target == NoMember })
	if !s.on {
		if len(s.also) == 0 {
			s.also = nil
		}
		return
	}
	if now < s.next {
		return
	}
	s.next, s.spent = now.Add(n.cfg.ProbeInterval), max(s.spent, now).Add(silenceRest*n.cfg.ProbeInterval)
	if n.rested(now) <= 0 {
		s.end()
	}
	if !s.on || n.leaving.begun() {
		return
	}
	if width := min(alsoMax, n.view.live/alsoShare); n.health > 0 {
		n.checkSelf(now, width, out)
	} else if n.has(WideProbe) {
		n.askAlso(now, width, out)
	}
}

// askAlso probes more members, until so many probes are under way besides the usual one.
func (n *Node) askAlso(now Time, width int, out *Output) {
	s := &n.silence
	for len(s.also) < width {
		id := n.walkRound(n.worthAsking)
		if id == NoMember {
			return
		}
		s.also = append(s.also, inquiry{})
		n.inquire(now, &s.also[len(s.also)-1], id, out)
	}
}

// worthAsking tells whether it would be news that a member, if so, doesn't answer. To whom there is no
// way, that is others' business.
func (n *Node) worthAsking(id MemberID) bool {
	if n.inquiryOf(id) != nil || !n.reachesMember(id) {
		return false
	}
	s := n.suspicions.lookup(id)
	return s == nil || s.wants(hashName(n.roster.nameBytes(n.self)))
}

// checkSelf asks members for a sign that this node, which has reason to doubt itself, sends and hears in time. Those who were
// heard lately would give it. If there are none many are asked, and that one doesn't answer says nothing.
func (n *Node) checkSelf(now Time, width int, out *Output) {
	ok := func(_ MemberID, r record) bool { return r.state == Alive }
	var buf [alsoMax]MemberID
	to := n.pickHeard(buf[:0], min(width, checksMax), ok)
	known := len(to) > 0
	if !known {
		to = n.pick(to, width, ok)
	}
	for _, id := range to {
		n.ping(now, errand{member: id, check: true, known: known}, out)
	}
}

// checked ends a check of this node's health.
func (n *Node) checked(now Time, e *errand, answered bool, out *Output) {
	switch {
	case answered:
		n.adjustHealth(-1, out)
	case e.known:
		n.adjustHealth(1, out)
		n.unhear(e.member)
	}
}

// giveBack lets probes wait longer: see Node.giveBack.
func (s *silence) giveBack(d time.Duration) {
	for i := range s.also {
		s.also[i].giveBack(d)
	}
}
