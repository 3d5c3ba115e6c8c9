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
	// voteGap is between two votes over the same conflict, which is heard of with
	// every gossip about the other one.
	voteGap = 30 * time.Second
	// incumbency is how long a node must have run to keep its name when a vote is tied:
	// who comes into a cluster finds a conflict at once.
	incumbency = time.Minute
	// sameAge is how little two rivals' ages may differ for their addresses to decide instead: an
	// answer is on its way for less.
	sameAge = time.Second

	// rivalsMax bounds the claims to other members' names that are remembered, and rivalReplies what
	// is sent to such an address in rivalTime: an ack, an answer, and both once more. Anybody can
	// forge a claim, and it mustn't get more sent to a stranger than it took.
	rivalsMax    = 16
	rivalReplies = 4
	rivalTime    = voteGap
)

// conflict is a vote over this node's name.
type conflict struct {
	op               swim.OpID // of the query; 0: no vote
	matching, others int       // members that say the name is ours, and somebody else's
	next             swim.Time // no vote before

	rival netip.AddrPort // who else claims the name, in the last conflict
	late  bool           // it was there when this node came
	ceded bool           // and has our vote
}

// rival is an address that claims the name of another member: it may ask who has it.
type rival struct {
	member  swim.MemberID
	addr    netip.AddrPort
	until   swim.Time
	replies int // that it may still be sent
}

// handleClaim remembers who claims the name of another member: it is going to ask all members for
// their vote, from an address that isn't a member's.
func (n *Node) handleClaim(now swim.Time, e *swim.Event) {
	n.rivals = slices.DeleteFunc(n.rivals, func(r rival) bool { return now >= r.until })
	known := slices.ContainsFunc(n.rivals, func(r rival) bool { return r.member == e.Member && r.addr == e.Addr })
	if !known && len(n.rivals) < rivalsMax {
		n.rivals = append(n.rivals, rival{e.Member, e.Addr, now.Add(rivalTime), rivalReplies})
	}
}

// forgetRivals drops the claims to the name of a forgotten member: another may get its ID.
func (n *Node) forgetRivals(id swim.MemberID) {
	n.rivals = slices.DeleteFunc(n.rivals, func(r rival) bool { return r.member == id })
}

// maybeAnswerRival says whether a vote may be given to who claims a member's name, and counts it.
func (n *Node) maybeAnswerRival(now swim.Time, q *question) bool {
	id := n.lookup([]byte(q.asker))
	if !q.vote || id == swim.NoMember {
		return false
	}
	for i := range n.rivals {
		if r := &n.rivals[i]; r.member == id && r.addr == q.to && r.replies > 0 && now < r.until {
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
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteConflict, Member: e.Member, From: e.Addr})
		return
	}
	c := &n.conflict
	if n.cfg.DisableConflictResolution || c.op != 0 || now < c.next || n.leave.phase != leaveNot {
		n.note(out, swim.Note{Level: swim.Error, Code: NoteOwnConflict, From: e.Addr})
		return
	}
	n.note(out, swim.Note{Level: swim.Error, Code: NoteVote, From: e.Addr})
	c.next = now.Add(voteGap)
	c.rival, c.late, c.ceded = e.Addr, e.N == 1 && !n.incumbent(now), false
	op, err := n.ask(now, QueryParams{Name: conflictQuery, Payload: []byte(n.cfg.Name), rival: e.Addr}, out)
	if err != nil {
		n.note(out, swim.Note{Level: swim.Error, Code: NoteVoteFailed, Err: err})
		return
	}
	c.op, c.matching, c.others = op, 0, 0
}

func (n *Node) incumbent(now swim.Time) bool { return now.Sub(n.start) >= incumbency }

// answerConflict says who has a name, as far as is known here; nil is no answer.
func (n *Node) answerConflict(now swim.Time, q *question, name []byte) []byte {
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

// answerRival answers a vote over this node's own name. Nobody is a judge of its own case, but where there
// are few others, or none, it takes both sides: they compare who is older. The original
// knows no such answer. Without any it quits, even if it was there first: then we vote for it.
func (n *Node) answerRival(now swim.Time, q *question, name []byte) []byte {
	if q.asker != n.cfg.Name || q.to == n.cfg.Addr {
		return nil
	}
	a := wire.ConflictAnswer{Known: true, Name: name, Versions: n.cfg.Versions, Status: uint8(StatusAlive), Tags: wire.NewTags(nil)}
	c := &n.conflict
	switch {
	case q.extended:
		a.Addr, a.Port = n.cfg.Addr.Addr().AsSlice(), n.cfg.Addr.Port()
		a.Uptime = uint64(now.Sub(n.start)/time.Millisecond) + 1
	case c.late && q.to == c.rival:
		a.Addr, a.Port = q.to.Addr().AsSlice(), q.to.Port()
		c.ceded = true
	default:
		return nil
	}
	return a.Append(nil)
}

// yieldsTo says whether this node is the younger of two rivals.
func (n *Node) yieldsTo(now swim.Time, rival netip.AddrPort, uptime uint64) bool {
	older := now.Sub(n.start) - time.Duration(min(uptime, uint64(maxUptime)))*time.Millisecond
	if older.Abs() < sameAge {
		return rival.Compare(n.cfg.Addr) < 0
	}
	return older < 0
}

// maxUptime, in ms, is more than any clock gets to, and no overflow.
const maxUptime = math.MaxInt64 / int64(time.Millisecond)

// countVote takes one answer. Who doesn't know the name has no say in it (F16).
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
	switch {
	case matching == others:
		return matching == 0 || age >= incumbency
	default:
		return matching > others
	}
}

// endVote acts on a vote whose time is over.
func (n *Node) endVote(now swim.Time, out *swim.Output) {
	c := &n.conflict
	c.op = 0
	text := fmt.Sprintf("%d / %d", c.matching, c.matching+c.others)
	ceded := c.ceded && c.matching+c.others == 0
	if !ceded && keepsName(c.matching, c.others, now.Sub(n.start)) {
		n.note(out, swim.Note{Level: swim.Info, Code: NoteVoteWon, Text: text})
		return
	}
	n.note(out, swim.Note{Level: swim.Warn, Code: NoteVoteLost, Text: text})
	n.tell(swim.Event{Kind: EventShutdown, Err: fmt.Errorf("the name %q is another member's, by %s votes", n.cfg.Name, text)})
}
