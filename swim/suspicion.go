package swim

import (
	"slices"
	"time"

	"serf/internal/invariant"
)

// suspicion is the time that one suspect has left to refute (Lifeguard's
// local-health-aware suspicion, spec 2.4): the more members confirm, the less.
type suspicion struct {
	member   MemberID
	start    Time
	deadline Time
	floor    Time // of deadline: it has answered, or has just been asked
	least    time.Duration
	most     time.Duration
	early    Time          // it is asked for the first time then; Never: it has been, or isn't
	lead     time.Duration // it is asked once more so long before the deadline; 0: it isn't
	asked    bool          // it has been
	doubted  bool          // another called it dead before it was a suspect here
	hoped    uint8         // confirmations that shorten it
	got      uint8
	from     [maxConfirmations + 1]uint64 // who suspected: hashes of names, the first one's in front, or nobody
}

// nobody is the accuser of a member whose suspicion was read in a full exchange: who found that the
// member doesn't answer isn't said there.
const nobody = 0

// maxConfirmations bounds those that are remembered; the profiles hope for 4 at most.
const maxConfirmations = 6

func newSuspicion(id MemberID, now Time, from uint64, hoped int, least, most time.Duration) suspicion {
	hoped = min(hoped, maxConfirmations)
	s := suspicion{member: id, start: now, early: Never, least: least, most: most, hoped: uint8(hoped)}
	s.from[0] = from
	s.deadline = now.Add(suspicionFor(0, hoped, least, most))
	return s
}

// confirm counts a further accuser and says whether it was news. The first that accuses a member suspected by
// hearsay confirms nothing yet, and is passed on: others may have heard of it only from there.
func (s *suspicion) confirm(from uint64) bool {
	if !s.wants(from) {
		return false
	}
	if s.from[0] == nobody {
		s.from[0] = from
		return true
	}
	s.got++
	s.from[s.got] = from
	s.deadline = max(s.floor, s.start.Add(suspicionFor(int(s.got), int(s.hoped), s.least, s.most)))
	return true
}

// wants tells whether it would be news that so accuses it.
func (s *suspicion) wants(from uint64) bool {
	return from != nobody && s.got < s.hoped && !slices.Contains(s.from[:s.got+1], from)
}

// due is when there is something to do about it.
func (s *suspicion) due() Time {
	if s.sure() {
		return s.deadline
	}
	return min(s.early, s.deadline.Add(-s.lead))
}

// sure tells whether nothing is left to do but to wait: the suspect has been asked for the last time. However
// many accuse it, it is asked: they may all have it from one that is cut off.
func (s *suspicion) sure() bool { return s.asked || s.lead == 0 }

// hold keeps the deadline from being before t.
func (s *suspicion) hold(t Time) { s.floor, s.deadline = t, max(s.deadline, t) }

// suspicions is a heap by what is due first, with an index by member. Nil until used.
type suspicions struct {
	heap []suspicion
	pos  map[MemberID]int
}

func (s *suspicions) deadline() Time {
	if len(s.heap) == 0 {
		return Never
	}
	return s.heap[0].due()
}

func (s *suspicions) lookup(id MemberID) *suspicion {
	if i, ok := s.pos[id]; ok {
		return &s.heap[i]
	}
	return nil
}

func (s *suspicions) add(x suspicion) {
	if s.pos == nil {
		s.pos = make(map[MemberID]int)
	}
	invariant.Check(s.lookup(x.member) == nil, "swim: member suspected twice")
	s.heap = append(s.heap, x)
	s.pos[x.member] = len(s.heap) - 1
	s.up(len(s.heap) - 1)
}

// moved restores the order after id's deadline changed.
func (s *suspicions) moved(id MemberID) {
	s.down(s.pos[id])
	s.up(s.pos[id])
}

// remove forgets the suspicion of id, if there is one.
func (s *suspicions) remove(id MemberID) {
	i, ok := s.pos[id]
	if !ok {
		return
	}
	last := len(s.heap) - 1
	s.swap(i, last)
	s.heap = s.heap[:last]
	delete(s.pos, id)
	if i < last {
		s.down(i)
		s.up(i)
	}
}

// less orders by what is due first; of equals the smaller ID is first, so that runs repeat.
func (s *suspicions) less(i, j int) bool {
	a, b := &s.heap[i], &s.heap[j]
	if x, y := a.due(), b.due(); x != y {
		return x < y
	}
	return a.member < b.member
}

func (s *suspicions) swap(i, j int) {
	s.heap[i], s.heap[j] = s.heap[j], s.heap[i]
	s.pos[s.heap[i].member], s.pos[s.heap[j].member] = i, j
}

func (s *suspicions) up(i int) {
	for i > 0 && s.less(i, (i-1)/2) {
		s.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (s *suspicions) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(s.heap) {
			return
		}
		if c+1 < len(s.heap) && s.less(c+1, c) {
			c++
		}
		if !s.less(c, i) {
			return
		}
		s.swap(i, c)
		i = c
	}
}

// askAgain asks a suspect for which it's time: for the last time, or early, if others accuse it. Those may be cut off
// from it, and this node not: then it has refuted here by the time that they call it dead.
func (n *Node) askAgain(now Time, s *suspicion, out *Output) {
	if now >= s.deadline.Add(-s.lead) {
		n.askOnceMore(now, s.member, out)
		return
	}
	s.early = Never
	n.suspicions.moved(s.member)
	if len(n.errands.list) < maxDeferrable {
		n.ask(now, s.member, out)
	}
}

// askOnceMore pings a suspect whose time is nearly over, and tells it what is said of it. It may have
// refuted, and only this node not heard of it. The suspect has the rest of its time to answer.
func (n *Node) askOnceMore(now Time, id MemberID, out *Output) {
	s := n.suspicions.lookup(id)
	s.asked, s.early = true, Never
	s.hold(now.Add(s.lead))
	n.suspicions.moved(id)
	n.ask(now, id, out)
}

// ask pings a suspect, and has the bridges do so: it may be heard there.
func (n *Node) ask(now Time, id MemberID, out *Output) {
	if len(n.errands.list) >= maxErrands {
		return
	}
	e := errand{seq: n.nextSeq(), member: id, last: true, nackAt: Never, deadline: now.Add(n.cfg.ProbeInterval)}
	n.errands.list = append(n.errands.list, e)
	ping, news := n.pingWithNews(id, e.seq, out)
	n.sendBare(n.identity(id).addr, id, out, ping, news)
	var buf [len(bridges{})]MemberID
	for _, helper := range n.pickBridges(buf[:0], id) {
		n.askThrough(now, helper, id, e.seq, false, out)
	}
	if !n.reachesMember(id) {
		n.askHelpers(now, id, n.identity(id).addr, e.seq, out)
	}
}

// spare gives a suspect that answered the least time anew: its refutation is on its way, or some
// other hears worse than we do.
func (n *Node) spare(now Time, id MemberID) {
	if s := n.suspicions.lookup(id); s != nil {
		s.asked = false
		s.hold(now.Add(s.least))
		n.suspicions.moved(id)
	}
}

// hashName is FNV-1a: accusers may be members that we don't know.
func hashName(name []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range name {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
