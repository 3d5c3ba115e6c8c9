package serf

import (
	"iter"
	"net/netip"
	"slices"
	"time"

	"serf/swim"
)

// Status of a member as Serf has it (spec 1.6).
type Status uint8

const (
	StatusNone Status = iota
	StatusAlive
	StatusLeaving
	StatusLeft
	StatusFailed
)

func (s Status) String() string {
	switch s {
	case StatusNone:
		return "none"
	case StatusAlive:
		return "alive"
	case StatusLeaving:
		return "leaving"
	case StatusLeft:
		return "left"
	case StatusFailed:
		return "failed"
	}
	return "invalid"
}

// Member is a copy of what this node knows of one.
type Member struct {
	ID       swim.MemberID
	Name     string
	Addr     netip.AddrPort
	Tags     map[string]string // shared, read-only
	Status   Status
	Versions [6]byte // protocol min, max, current, then Serf's
}

// restartWindow is how soon after a member's update its join intent shows that it has
// restarted: a member that only sets its tags sends none, one that starts sends both together.
const restartWindow = 5 * time.Second

// becomeAlive handles that the membership has seen id alive.
func (n *Node) becomeAlive(now swim.Time, id swim.MemberID, out *swim.Output) {
	was := n.table.at(id)
	if was.known() && was.status != StatusFailed && was.status != StatusLeft {
		return
	}
	status := StatusAlive
	r := n.table.edit(id)
	if !was.known() {
		if it, ok := n.intents.take(now, n.roster.Name(id)); ok && it.time > r.statusTime {
			r.statusTime = it.time
			if it.leave && id != n.self {
				status = StatusLeaving
				r.marks |= it.marks()
			}
		}
	} else {
		r.marks &^= markPrune
	}
	n.table.set(id, status, now)
	delete(n.tagCache, id)
	n.lost.remove(n.roster.Name(id))
	n.count.Joins++
	for _, q := range n.asking.running {
		n.await(q, id)
	}
	n.tellMember(now, EventMemberJoin, id, was.known(), out)
}

// becomeGone handles that the membership has lost id, or has heard from itself that it left.
//
// A member that says it leaves has left, even if its intent never came here
// (stock nodes call that a failure, and go on trying to reconnect).
func (n *Node) becomeGone(now swim.Time, id swim.MemberID, left bool, out *swim.Output) {
	was := n.table.at(id)
	if !was.known() || was.status == StatusLeft || was.status == StatusFailed && !left {
		return
	}
	status, kind := StatusFailed, EventMemberFailed
	if left || was.status == StatusLeaving {
		status, kind = StatusLeft, EventMemberLeave
	}
	n.table.set(id, status, now)
	n.tellMember(now, kind, id, false, out)
	n.dropTarget(now, id)
	if was.marks&markPrune != 0 && status == StatusLeft {
		n.reapMember(now, id, NoteMemberReapForced, out)
	}
}

// handleUpdated handles that id, alive, says something else of itself.
func (n *Node) handleUpdated(now swim.Time, id swim.MemberID, moved bool, out *swim.Output) {
	if !n.table.at(id).known() {
		return
	}
	n.stopLeaving(now, id) // who leaves says nothing new of itself
	delete(n.tagCache, id)
	r := n.table.edit(id)
	r.changed = now
	r.marks |= markUpdated
	n.count.Updates++
	if moved && id != n.self {
		r.marks &^= markUpdated // it is told to have restarted here, once
		n.noteRestart(id, out)
		n.journalAlive(id)
	}
	n.tellMember(now, EventMemberUpdate, id, moved && id != n.self, out)
}

// maybeRestarted handles a newer join intent of a live member. Shortly after an
// update it shows that this was a restart, which is told as a further update (F21).
func (n *Node) maybeRestarted(now swim.Time, id swim.MemberID, out *swim.Output) {
	r := n.table.at(id)
	if id == n.self || r.marks&markUpdated == 0 || now.Sub(r.changed) > restartWindow {
		return
	}
	n.table.edit(id).marks &^= markUpdated
	n.noteRestart(id, out)
	n.tellMember(now, EventMemberUpdate, id, true, out)
}

// stopLeaving handles a sign that id, said to be leaving, stays (F17).
func (n *Node) stopLeaving(now swim.Time, id swim.MemberID) {
	if id == n.self || n.table.at(id).status != StatusLeaving {
		return
	}
	n.table.set(id, StatusAlive, now)
	n.table.edit(id).marks &^= markPrune
}

func (n *Node) noteRestart(id swim.MemberID, out *swim.Output) {
	n.count.Restarts++
	n.note(out, swim.Note{Level: swim.Info, Code: NoteMemberRestarted, Member: id})
}

// handleForgotten drops all that is known of id, whose record below is gone.
func (n *Node) handleForgotten(now swim.Time, id swim.MemberID, out *swim.Output) {
	if n.table.at(id).known() {
		n.tellMember(now, EventMemberReap, id, false, out)
	}
	n.gossip.intents.Remove(uint64(id))
	n.gossip.recount()
	n.coords.forget(id)
	n.forgetRivals(id)
	delete(n.tagCache, id)
	n.table.drop(id)
}

// tellMember is the one place that reports a change of a member: to the log, to the
// snapshot, and to users, at once or coalesced.
func (n *Node) tellMember(now swim.Time, kind swim.EventKind, id swim.MemberID, flag bool, out *swim.Output) {
	code := NoteMemberJoin
	switch kind {
	case EventMemberJoin:
		n.journalAlive(id)
	case EventMemberLeave:
		code = NoteMemberLeave
		n.count.Leaves++
		n.journalNotAlive(id)
	case EventMemberFailed:
		code = NoteMemberFailed
		n.count.Failures++
		n.journalFailed(id)
	case EventMemberUpdate:
		code = NoteMemberUpdate
	case EventMemberReap:
		code = NoteNone // said by who reaps: it depends on why
		n.count.Reaps++
	}
	if code != NoteNone {
		n.note(out, swim.Note{Level: swim.Info, Code: code, Member: id})
	}
	if n.coalescesMembers() {
		n.coalesceMember(now, kind, id, flag)
		return
	}
	n.tell(swim.Event{Kind: kind, Members: n.holdIDs(id), Flag: flag})
}

// holdIDs returns a slice of members that stays until the next call into this node.
func (n *Node) holdIDs(ids ...swim.MemberID) []swim.MemberID {
	at := len(n.ids)
	n.ids = append(n.ids, ids...)
	return n.ids[at:len(n.ids):len(n.ids)]
}

// Self returns this node as a member.
func (n *Node) Self() Member {
	m, _ := n.ByID(n.self)
	return m
}

// ByID returns the member with this ID, also one that has just been reaped, as long as the
// events of the call that told so may be read.
func (n *Node) ByID(id swim.MemberID) (Member, bool) {
	r := n.table.at(id)
	if r.status == StatusNone {
		return Member{}, false
	}
	v, ok := n.swim.View(id)
	if !ok {
		return Member{}, false
	}
	return Member{
		ID:       id,
		Name:     n.roster.Name(id),
		Addr:     v.Addr,
		Tags:     n.tagsOf(id, v.Meta),
		Status:   r.status,
		Versions: v.Versions,
	}, true
}

// Member returns the member of this name, if it is listed.
func (n *Node) Member(name string) (Member, bool) {
	id := n.lookup([]byte(name))
	if !n.table.at(id).known() {
		return Member{}, false
	}
	return n.ByID(id)
}

// Members appends all members to dst, sorted by name.
func (n *Node) Members(dst []Member) []Member {
	return slices.AppendSeq(slices.Grow(dst, n.table.len()), n.All())
}

// All yields what Members returns, one at a time. The node must not be changed meanwhile.
func (n *Node) All() iter.Seq[Member] {
	return func(yield func(Member) bool) {
		for _, id := range n.table.sorted(n.roster) {
			if m, ok := n.ByID(id); ok && !yield(m) {
				return
			}
		}
	}
}

// Len is the number of members that are listed, whatever their status.
func (n *Node) Len() int { return n.table.len() }

// Count is the number of members with this status.
func (n *Node) Count(s Status) int {
	if int(s) >= len(n.table.count) {
		return 0
	}
	return n.table.count[s]
}

// lookup returns the ID of a member that this node has a record of, or swim.NoMember.
func (n *Node) lookup(name []byte) swim.MemberID {
	// Whoever has a status here has a record in the membership: both end with EventForgotten.
	if id := n.roster.Lookup(name); n.table.at(id).status != StatusNone {
		return id
	}
	return swim.NoMember
}

// view returns what the membership knows of id, who has a record.
func (n *Node) view(id swim.MemberID) swim.Member {
	v, _ := n.swim.View(id)
	return v
}
