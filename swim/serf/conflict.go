package serf

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"serf/swim"
	"serf/wire"
)

const (
	// voteGap is the least time between two votes: the same conflict comes up with every message
	// about the rival.
	voteGap = 30 * time.Second
	// incumbentAge is how long a node must have run to keep its name when a vote is tied: a node
	// that starts finds a conflict at once.
	incumbentAge = time.Minute
	// ageTolerance is the difference between the ages of two rivals below which their addresses
	// decide: a response is under way for less.
	ageTolerance = time.Second

	// rivalsMax bounds the claims to other members' names that are remembered, and rivalReplies the
	// replies to such an address in rivalTime: an ack, a response, and each once more. Anybody can
	// forge a claim, which must not make this node send more to a stranger than it received.
	rivalsMax    = 16
	rivalReplies = 4
	rivalTime    = voteGap
)

// conflict is a vote over this node's name, and the rivals of other members that may ask for
// theirs.
type conflict struct {
	op               swim.OpID // of the query; 0: no vote
	matching, others int       // members that say the name is ours, and another's
	next             swim.Time // no vote before

	rival      netip.AddrPort // of the last conflict over this node's name
	rivalFirst bool           // it had the name before this node started
	ceded      bool           // this node has voted for it

	rivals []rival // of other members, at most rivalsMax
}

// rival is an address that claims the name of a member that lives elsewhere.
type rival struct {
	member  swim.MemberID
	addr    netip.AddrPort
	until   swim.Time
	replies int // that it may still be sent
}

// addRival remembers who claims the name of another member: it will ask all members to vote, from
// an address that isn't a member's.
func (c *conflict) addRival(now swim.Time, e *swim.Event) {
	c.rivals = slices.DeleteFunc(c.rivals, func(r rival) bool { return now >= r.until })
	known := slices.ContainsFunc(c.rivals, func(r rival) bool {
		return r.member == e.Member && r.addr == e.Addr
	})
	if !known && len(c.rivals) < rivalsMax {
		c.rivals = append(c.rivals, rival{e.Member, e.Addr, now.Add(rivalTime), rivalReplies})
	}
}

// forgetRivals drops the claims to the name of a forgotten member: another may get its ID.
func (c *conflict) forgetRivals(id swim.MemberID) {
	c.rivals = slices.DeleteFunc(c.rivals, func(r rival) bool { return r.member == id })
}

// maybeReplyToRival says whether a rival of a member may be sent a reply to its vote, and counts
// it.
func (n *Node) maybeReplyToRival(now swim.Time, q *inboundQuery) bool {
	id := n.lookup([]byte(q.asker))
	if !q.vote || id == swim.NoMember {
		return false
	}
	for i := range n.conflict.rivals {
		r := &n.conflict.rivals[i]
		if r.member == id && r.addr == q.to && r.replies > 0 && now < r.until {
			r.replies--
			return true
		}
	}
	return false
}

// handleConflict handles that another address claims a member's name.
func (n *Node) handleConflict(now swim.Time, e *swim.Event, out *swim.Output) {
	n.count.Conflicts++
	if e.Member != n.self {
		n.note(out, swim.Warn, NoteConflict, swim.Note{Member: e.Member, From: e.Addr})
		return
	}
	c := &n.conflict
	if n.cfg.DisableConflictResolution || c.op != 0 || now < c.next || n.leave.phase != leaveNone {
		n.note(out, swim.Error, NoteOwnConflict, swim.Note{From: e.Addr})
		return
	}
	n.note(out, swim.Error, NoteVote, swim.Note{From: e.Addr})
	c.next = now.Add(voteGap)
	c.rival, c.rivalFirst, c.ceded = e.Addr, e.N == 1 && n.age(now) < incumbentAge, false
	vote := QueryParams{Name: conflictQuery, Payload: []byte(n.cfg.Name), rival: e.Addr}
	op, err := n.startQuery(now, vote, out)
	if err != nil {
		n.note(out, swim.Error, NoteVoteFailed, swim.Note{Err: err})
		return
	}
	c.op, c.matching, c.others = op, 0, 0
}

// age is how long this node has run.
func (n *Node) age(now swim.Time) time.Duration { return now.Sub(n.start) }

// answerConflict returns the member that has a name, as far as is known here; nil is no answer.
func (n *Node) answerConflict(now swim.Time, q *inboundQuery, name []byte) []byte {
	if string(name) == n.cfg.Name {
		return n.answerRival(now, q, name)
	}
	var a wire.ConflictAnswer
	if m, ok := n.Member(string(name)); ok {
		a = wire.ConflictAnswer{
			Known: true, Addr: m.Addr.Addr().AsSlice(), Port: m.Addr.Port(), Name: name,
			Versions: m.Versions, Status: uint8(m.Status), Tags: wire.NewTags(tagPairs(m.Tags)),
		}
	}
	return a.Append(nil)
}

// answerRival answers a vote over this node's own name. Neither rival has a vote; but where there
// are few other members, or none, both must agree: they compare ages, which the original can't.
// Without any answer it quits even if it was there first, so a node that came later votes for it.
func (n *Node) answerRival(now swim.Time, q *inboundQuery, name []byte) []byte {
	if q.asker != n.cfg.Name || q.to == n.cfg.Addr {
		return nil
	}
	a := wire.ConflictAnswer{
		Known: true, Name: name, Versions: n.cfg.versions(),
		Status: uint8(StatusAlive), Tags: wire.NewTags(nil),
	}
	c := &n.conflict
	switch {
	case q.extended:
		a.Addr, a.Port = n.cfg.Addr.Addr().AsSlice(), n.cfg.Addr.Port()
		a.Uptime = uint64(n.age(now)/time.Millisecond) + 1
	case c.rivalFirst && q.to == c.rival:
		a.Addr, a.Port = q.to.Addr().AsSlice(), q.to.Port()
		c.ceded = true
	default:
		return nil
	}
	return a.Append(nil)
}

// maxUptime, in ms, is longer than anything runs, and a Duration still holds it.
const maxUptime = math.MaxInt64 / int64(time.Millisecond)

// yieldsTo says whether this node is the younger of two rivals. uptime is the other's, in ms.
func (n *Node) yieldsTo(now swim.Time, rival netip.AddrPort, uptime uint64) bool {
	older := n.age(now) - time.Duration(min(uptime, uint64(maxUptime)))*time.Millisecond
	if older.Abs() < ageTolerance {
		return rival.Compare(n.cfg.Addr) < 0
	}
	return older < 0
}

// countVote counts one answer. Members that don't know the name have no vote.
func (n *Node) countVote(now swim.Time, payload []byte) {
	if len(payload) == 0 || wire.SerfType(payload[0]) != wire.SerfConflictAnswer {
		return
	}
	a, err := wire.ParseConflictAnswer(payload[1:])
	if err != nil || !a.Known {
		return
	}
	addr, ok := addrFrom(a.Addr, a.Port)
	if ok && (addr == n.cfg.Addr || a.Uptime > 0 && !n.yieldsTo(now, addr, a.Uptime)) {
		n.conflict.matching++
	} else {
		n.conflict.others++
	}
}

// keepsName decides a vote.
func keepsName(matching, others int, age time.Duration) bool {
	if matching == others {
		return matching == 0 || age >= incumbentAge
	}
	return matching > others
}

// endVote acts on the result of a vote.
func (n *Node) endVote(now swim.Time, out *swim.Output) {
	c := &n.conflict
	c.op = 0
	text := fmt.Sprintf("%d / %d", c.matching, c.matching+c.others)
	ceded := c.ceded && c.matching+c.others == 0
	if !ceded && keepsName(c.matching, c.others, n.age(now)) {
		n.note(out, swim.Info, NoteVoteWon, swim.Note{Text: text})
		return
	}
	n.note(out, swim.Warn, NoteVoteLost, swim.Note{Text: text})
	err := fmt.Errorf("the name %q is another member's, by %s votes", n.cfg.Name, text)
	n.call.emit(swim.Event{Kind: EventShutdown, Err: err})
}
