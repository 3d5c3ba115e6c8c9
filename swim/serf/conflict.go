package serf

import (
	"fmt"
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
)

// conflict is a vote over this node's name.
type conflict struct {
	op               swim.OpID // of the query; 0: no vote
	matching, others int       // members that say the name is ours, and somebody else's
	next             swim.Time // no vote before
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
	op, err := n.ask(now, QueryParams{Name: conflictQuery, Payload: []byte(n.cfg.Name)}, out)
	if err != nil {
		n.note(out, swim.Note{Level: swim.Error, Code: NoteVoteFailed, Err: err})
		return
	}
	c.op, c.matching, c.others = op, 0, 0
}

// answerConflict says who has a name, as far as is known here. Nobody is
// a judge of its own case: then there is no answer.
func (n *Node) answerConflict(name []byte) []byte {
	if string(name) == n.cfg.Name {
		return nil
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

// countVote takes one answer. Who doesn't know the name has no say in it (F16).
func (n *Node) countVote(payload []byte) {
	if len(payload) == 0 || wire.SerfType(payload[0]) != wire.SerfConflictAnswer {
		return
	}
	a, err := wire.ParseConflictAnswer(payload[1:])
	if err != nil || !a.Known {
		return
	}
	if addr, ok := addrFrom(a.Addr, a.Port); ok && addr == n.cfg.Addr {
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
	if keepsName(c.matching, c.others, now.Sub(n.start)) {
		n.note(out, swim.Note{Level: swim.Info, Code: NoteVoteWon, Text: text})
		return
	}
	n.note(out, swim.Note{Level: swim.Warn, Code: NoteVoteLost, Text: text})
	n.tell(swim.Event{Kind: EventShutdown, Err: fmt.Errorf("the name %q is another member's, by %s votes", n.cfg.Name, text)})
}
