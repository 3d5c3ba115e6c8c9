package swim

import (
	"slices"
	"time"

	"serf/internal/invariant"
	"serf/swim/history"
)

// suspicion is the time that a suspect has left to refute (Lifeguard, LHA-Suspicion): the more
// members confirm it, the less.
type suspicion struct {
	// What an accusation is compared with comes first, in one cache line: most are known.
	member  MemberID
	asked   bool  // the final probe was sent
	checked bool  // another member called it dead before it was a suspect here
	hoped   uint8 // confirmations that shorten it
	got     uint8
	// from has the accusers: hashes of their names, the first accuser, or nobody, in front.
	from [maxConfirmations + 1]uint64

	start    Time
	deadline Time // then it is dead
	floor    Time // of deadline: the suspect answered, or was just pinged
	least    time.Duration
	most     time.Duration
	early    Time          // of the first ping of the suspect; Never: none is due
	lead     time.Duration // from the final probe to the deadline; 0: there is none

	_ [8]byte // to two lines
}

// nobody is the accuser of a suspect in a push/pull, which doesn't name the member that got no
// answer.
const nobody = 0

// maxConfirmations bounds those that are remembered. The profiles hope for 4 at most.
const maxConfirmations = 6

func newSuspicion(
	id MemberID, now Time, from uint64, hoped int, least, most time.Duration,
) suspicion {
	hoped = min(hoped, maxConfirmations)
	s := suspicion{
		member: id, start: now, early: Never, least: least, most: most, hoped: uint8(hoped),
	}
	s.from[0] = from
	s.deadline = now.Add(suspicionFor(0, hoped, least, most))
	return s
}

// confirm counts a further accuser and tells whether it was new. If the suspicion came from a
// push/pull, its first accuser confirms nothing, but is gossiped: others may have heard of the
// suspicion only in a push/pull.
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

// wants tells whether an accusation by from would be new.
func (s *suspicion) wants(from uint64) bool {
	return from != nobody && s.got < s.hoped && !slices.Contains(s.from[:s.got+1], from)
}

// due is when something has to be done about it.
func (s *suspicion) due() Time {
	if s.final() {
		return s.deadline
	}
	return min(s.early, s.deadline.Add(-s.lead))
}

// final tells whether only the deadline remains: the suspect was probed for the last time. However
// many members accuse it, it is probed: all may repeat what one that is cut off says.
func (s *suspicion) final() bool { return s.asked || s.lead == 0 }

// mature tells whether the suspect has had time to hear of it and refute.
func (s *suspicion) mature(now Time) bool { return now.Sub(s.start) >= s.least/2 }

// hold keeps the deadline from being before t.
func (s *suspicion) hold(t Time) { s.floor, s.deadline = t, max(s.deadline, t) }

// accusation says that a member is suspect at incarnation inc.
type accusation struct {
	inc   uint32
	from  []byte        // name of the accuser
	cause history.Cause // for the history
	probe *inquiry      // if it is this node's own
}

// applySuspect merges the suspicion of another member, whose record is r, by a peer or by this
// node.
func (n *Node) applySuspect(now Time, id MemberID, r record, a accusation, out *Output) {
	inc, from := a.inc, a.from
	switch {
	case r.state == Suspect && inc == r.inc:
		n.recordProbe(id, a.probe)
		if s := n.suspicions.lookup(id); s != nil && s.confirm(n.accuser(id, from)) {
			n.recordConfirmation(s, from)
			n.suspicions.fix(id)
			n.noteAccuser(now, id, from)
			n.gossipAccusation(id, Suspect, inc, from, out)
		}
		return
	case !r.yieldsTo(Suspect, inc):
		n.counters.DroppedStale++
		return
	}
	n.counters.Suspicions++
	if r.state != Suspect {
		n.counters.SuspectUpdates++
	}
	n.noteAccuser(now, id, from)
	n.suspicions.remove(id) // at a lower incarnation, which it had refuted
	n.view.set(id, Suspect, inc, now)
	n.suspicions.add(n.suspect(now, id, from))
	n.recordSuspicion(now, id, &a)
	n.gossipAccusation(id, Suspect, inc, from, out)
	out.event(Event{Kind: EventSuspected, Member: id})
}

// suspect returns the suspicion of id, first accused by from.
func (n *Node) suspect(now Time, id MemberID, from []byte) suspicion {
	members := n.view.live
	least := suspicionMin(n.cfg.SuspicionMult, members, n.cfg.ProbeInterval)
	most := least * time.Duration(n.cfg.SuspicionMaxMult)
	hoped := 0
	if n.has(Confirmation) {
		hoped = confirmationsFor(n.cfg.SuspicionMult, members)
	}
	s := newSuspicion(id, now, n.accuser(id, from), hoped, least, most)
	if n.has(FinalProbe) {
		s.lead = min(n.cfg.ProbeTimeout, least/2)
		if string(from) != n.cfg.Name && n.has(Relay) {
			s.early = now.Add(least / 2)
		}
	}
	return s
}

// checksDeath tells whether the death of a member isn't believed yet: another calls it dead, and
// nobody here suspected it at that incarnation, or only just now. A member that is cut off for
// longer than a suspicion lasts calls members dead that all others hear. The suspect is probed at
// once, with as long to answer as in any final probe.
func (n *Node) checksDeath(
	now Time, id MemberID, r record, inc uint32, from []byte, out *Output,
) bool {
	if !n.has(FinalProbe) || !r.state.live() || !r.yieldsTo(Dead, inc) {
		return false
	}
	if r.state != Suspect || r.inc != inc {
		n.applySuspect(now, id, r, accusation{inc: inc, from: from, cause: history.Death}, out)
	} else if s := n.suspicions.lookup(id); s.asked || s.from[0] != nobody && s.mature(now) {
		return s.checked
	}
	s := n.suspicions.lookup(id)
	s.checked, s.hoped, s.deadline = true, 0, now // its time is over, whoever else accuses it
	n.finalProbe(now, id, out)
	return true
}

// accuser identifies who suspects id, as confirmations count it.
func (n *Node) accuser(id MemberID, from []byte) uint64 {
	if n.has(FirstHand) && string(from) == n.roster.members[id].name {
		return nobody
	}
	return hashName(from)
}

// expireSuspicions declares suspects dead whose time is over, and probes those whose time nearly
// is.
func (n *Node) expireSuspicions(now Time, out *Output) {
	for n.suspicions.deadline() <= now {
		s := n.suspicions.heap[0]
		if !s.final() {
			n.probeSuspect(now, s.member, out)
			continue
		}
		if s.got < s.hoped {
			n.counters.FailuresUnconfirmed++
		}
		out.note(Note{Level: Info, Code: NoteFailing, Member: s.member, N: int64(s.got)})
		r := n.view.at(s.member)
		invariant.Check(r.state == Suspect, "swim: suspicion of a member that isn't suspect")
		n.applyGone(now, s.member, r, Dead, r.inc, n.ownName(), out)
	}
}

// probeSuspect pings a suspect that is due: for the last time, or early if others accuse it. They
// may be cut off from it while this node isn't; then it has refuted here by the time they call it
// dead.
func (n *Node) probeSuspect(now Time, id MemberID, out *Output) {
	s := n.suspicions.lookup(id)
	if now >= s.deadline.Add(-s.lead) {
		n.finalProbe(now, id, out)
		return
	}
	s.early = Never
	n.suspicions.fix(id) // s is another suspicion then
	if len(n.pings.list) < maxDeferrable {
		n.pingSuspect(now, id, out)
	}
}

// finalProbe pings a suspect whose time is nearly over, with the accusation: it may have refuted,
// and only this node missed that. The suspect has the rest of its time to answer.
func (n *Node) finalProbe(now Time, id MemberID, out *Output) {
	s := n.suspicions.lookup(id)
	s.asked, s.early = true, Never
	s.hold(now.Add(s.lead))
	n.suspicions.fix(id)
	n.pingSuspect(now, id, out)
}

// pingSuspect pings a suspect, directly and through the relays, which may reach it.
func (n *Node) pingSuspect(now Time, id MemberID, out *Output) {
	seq, ok := n.pingFor(now, pendingPing{member: id, kind: pingSuspect}, out)
	if !ok {
		return
	}
	var buf [len(relays{})]MemberID
	for _, helper := range n.pickRelays(buf[:0], id) {
		n.askHelper(now, helper, id, seq, false, out)
	}
	if !n.reachesMember(id) {
		n.askAnyHelpers(now, id, n.identity(id).addr, seq, out)
	}
}

// spare gives a suspect that answered the least time anew: its refutation is on its way, or some
// other member hears it worse than we do.
func (n *Node) spare(now Time, id MemberID) {
	if s := n.suspicions.lookup(id); s != nil {
		s.asked = false
		s.hold(now.Add(s.least))
		n.suspicions.fix(id)
	}
}

// suspicions is a heap, the first to become due in front, with an index by member.
type suspicions struct {
	heap  []suspicion
	index []suspectAt // in the order of the members
	due   Time        // of the first, if there is one
}

// suspectAt is where the suspicion of a member is in the heap.
type suspectAt struct {
	member MemberID
	pos    uint32
}

func (s *suspicions) deadline() Time {
	if len(s.heap) == 0 {
		return Never
	}
	return s.due
}

// find returns where in the index a member is, or belongs.
func (s *suspicions) find(id MemberID) (at int, found bool) {
	end := len(s.index)
	for at < end {
		if mid := (at + end) / 2; s.index[mid].member < id {
			at = mid + 1
		} else {
			end = mid
		}
	}
	return at, at < len(s.index) && s.index[at].member == id
}

func (s *suspicions) lookup(id MemberID) *suspicion {
	if at, found := s.find(id); found {
		return &s.heap[s.index[at].pos]
	}
	return nil
}

func (s *suspicions) add(x suspicion) {
	at, found := s.find(x.member)
	invariant.Check(!found, "swim: member suspected twice")
	last := len(s.heap)
	s.heap = append(s.heap, x)
	s.index = slices.Insert(s.index, at, suspectAt{x.member, uint32(last)})
	s.order(last)
}

// fix restores the order after the suspicion of id changed.
func (s *suspicions) fix(id MemberID) {
	at, _ := s.find(id)
	s.order(int(s.index[at].pos))
}

// remove removes the suspicion of id, if there is one.
func (s *suspicions) remove(id MemberID) {
	at, found := s.find(id)
	if !found {
		return
	}
	i, last := int(s.index[at].pos), len(s.heap)-1
	s.swap(i, last)
	s.heap = s.heap[:last]
	s.index = slices.Delete(s.index, at, at+1)
	s.order(min(i, last-1))
}

// extend delays all by d.
func (s *suspicions) extend(d time.Duration) {
	for i := range s.heap {
		x := &s.heap[i]
		x.start, x.deadline = x.start.Add(d), x.deadline.Add(d)
		x.floor, x.early = x.floor.Add(d), x.early.Add(d)
	}
	s.order(0)
}

// order moves the suspicion at i to where it belongs.
func (s *suspicions) order(i int) {
	if len(s.heap) == 0 {
		return
	}
	s.down(i)
	s.up(i)
	s.due = s.heap[0].due()
}

// less orders by due time, then by ID, so that runs repeat.
func (s *suspicions) less(i, j int) bool {
	a, b := &s.heap[i], &s.heap[j]
	if x, y := a.due(), b.due(); x != y {
		return x < y
	}
	return a.member < b.member
}

func (s *suspicions) swap(i, j int) {
	s.heap[i], s.heap[j] = s.heap[j], s.heap[i]
	for _, k := range [...]int{i, j} {
		at, _ := s.find(s.heap[k].member)
		s.index[at].pos = uint32(k)
	}
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

// hashName is FNV-1a of a name, which may be that of a member without a record.
func hashName(name []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range name {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
