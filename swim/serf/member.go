package serf

import (
	"iter"
	"net/netip"
	"slices"
	"time"

	"serf/swim"
	"serf/swim/history"
)

// Status of a member, as Serf lists it. Conflict answers carry the number.
type Status uint8

// What a member's status can be. StatusNone is that of names that no member has.
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

// present tells whether a member with this status is here.
func (s Status) present() bool { return s == StatusAlive || s == StatusLeaving }

// Member is a copy of what this node knows about a member.
type Member struct {
	ID       swim.MemberID
	Name     string
	Addr     netip.AddrPort
	Tags     map[string]string // shared, read-only
	Status   Status
	Versions Versions
}

// Versions are the protocol versions that a member gossips: least, greatest and current one of the
// membership protocol, then of Serf's.
type Versions [6]byte

// VersionRange are the versions of one protocol.
type VersionRange struct{ Min, Max, Current uint8 }

// Membership returns the versions of the membership protocol.
func (v Versions) Membership() VersionRange { return VersionRange{v[0], v[1], v[2]} }

// Serf returns the versions of Serf's protocol.
func (v Versions) Serf() VersionRange { return VersionRange{v[3], v[4], v[5]} }

// restartWindow is how soon after an update a join intent proves a restart: a member that only sets
// its tags sends no intent, one that starts sends both together.
const restartWindow = 5 * time.Second

// flapTime is how soon after its failure a member must be back to count as flapping.
const flapTime = time.Minute

// becomeAlive handles that the membership considers id alive.
func (n *Node) becomeAlive(now swim.Time, id swim.MemberID, out *swim.Output) {
	was := n.table.at(id)
	if was.known() && was.status != StatusFailed && was.status != StatusLeft {
		return
	}
	status := StatusAlive
	r := n.table.edit(id)
	if !was.known() {
		if it, ok := n.intents.take(now, n.roster.Name(id)); ok && it.time > r.statusTime {
			n.table.setTime(id, n.roster.Name(id), it.time)
			if it.leave && id != n.self {
				status = StatusLeaving
				r.marks |= it.marks()
			}
		}
	} else {
		r.marks &^= markPrune
	}
	n.table.set(id, n.roster.Name(id), status, now)
	if status == StatusLeaving {
		n.swim.Record(now, id, history.Leaving, history.Leave)
	}
	n.tags.forget(id)
	n.lost.remove(n.roster.Name(id))
	n.count.Joins++
	if was.known() && was.status == StatusFailed && now.Sub(was.changed) < flapTime {
		n.count.Flaps++
	}
	for _, q := range n.queries {
		n.expect(q, id)
	}
	n.emitMember(now, EventMemberJoin, id, was.known(), out)
}

// becomeGone handles that the membership considers id dead, or that id itself said that it left.
//
// A member that says so has left even if its leave intent never arrived. Stock nodes call that a
// failure, and go on trying to reconnect.
func (n *Node) becomeGone(now swim.Time, id swim.MemberID, left bool, out *swim.Output) {
	was := n.table.at(id)
	if !was.known() || was.status == StatusLeft || was.status == StatusFailed && !left {
		return
	}
	status, kind := StatusFailed, EventMemberFailed
	if left || was.status == StatusLeaving {
		status, kind = StatusLeft, EventMemberLeave
	}
	n.table.set(id, n.roster.Name(id), status, now)
	if status == StatusLeft {
		n.swim.Record(now, id, history.Left, history.Leave)
	}
	n.emitMember(now, kind, id, false, out)
	n.settleMember(now, id)
	if was.marks&markPrune != 0 && status == StatusLeft {
		n.reapMember(now, id, NoteMemberReapForced, out)
	}
}

// handleUpdated handles that id, alive, changed its metadata, versions or address.
func (n *Node) handleUpdated(now swim.Time, id swim.MemberID, moved bool, out *swim.Output) {
	if !n.table.at(id).known() {
		return
	}
	n.stopLeaving(now, id) // a leaving member updates nothing
	n.tags.forget(id)
	r := n.table.edit(id)
	r.changed = now
	r.marks |= markUpdated
	n.count.Updates++
	if moved && id != n.self {
		r.marks &^= markUpdated // reported as a restart here, and only here
		n.noteRestart(id, out)
		n.journalAlive(id)
	}
	n.emitMember(now, EventMemberUpdate, id, moved && id != n.self, out)
}

// maybeRestarted handles a newer join intent of a live member. Shortly after an update it proves
// that the update was a restart, which is reported as a second update.
func (n *Node) maybeRestarted(now swim.Time, id swim.MemberID, out *swim.Output) {
	r := n.table.at(id)
	if id == n.self || r.marks&markUpdated == 0 || now.Sub(r.changed) > restartWindow {
		return
	}
	n.table.edit(id).marks &^= markUpdated
	n.noteRestart(id, out)
	n.emitMember(now, EventMemberUpdate, id, true, out)
}

// stopLeaving handles evidence that id stays, although an intent said that it leaves.
func (n *Node) stopLeaving(now swim.Time, id swim.MemberID) {
	if id == n.self || n.table.at(id).status != StatusLeaving {
		return
	}
	n.table.set(id, n.roster.Name(id), StatusAlive, now)
	n.swim.Record(now, id, history.Alive, history.Stayed)
	n.table.edit(id).marks &^= markPrune
}

func (n *Node) noteRestart(id swim.MemberID, out *swim.Output) {
	n.count.Restarts++
	n.note(out, swim.Info, NoteMemberRestarted, swim.Note{Member: id})
}

// handleForgotten drops everything about id, which the membership has forgotten: its ID may be
// reused.
func (n *Node) handleForgotten(now swim.Time, id swim.MemberID, out *swim.Output) {
	if n.table.at(id).known() {
		n.emitMember(now, EventMemberReap, id, false, out)
	}
	n.gossip.intents.Remove(uint64(id))
	n.gossip.recount()
	n.coords.forget(id)
	n.conflict.forgetRivals(id)
	n.tags.forget(id)
	n.table.drop(id, n.roster.Name(id))
	n.call.emit(swim.Event{Kind: swim.EventForgotten, Member: id})
}

// emitMember is the one place that reports a change of a member: to the log, to the snapshot, and
// to users, at once or coalesced.
func (n *Node) emitMember(
	now swim.Time, kind swim.EventKind, id swim.MemberID, flag bool, out *swim.Output,
) {
	var code swim.NoteCode
	switch kind {
	case EventMemberJoin:
		code = NoteMemberJoin
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
		n.count.Reaps++ // the caller notes why
	}
	if code != 0 {
		n.note(out, swim.Info, code, swim.Note{Member: id})
	}
	if n.cfg.coalescesMembers() {
		n.coalesceMember(now, kind, id, flag)
		return
	}
	n.call.emit(swim.Event{Kind: kind, Members: n.call.holdID(id), Flag: flag})
}

// Self returns this node as a member.
func (n *Node) Self() Member {
	m, _ := n.ByID(n.self)
	return m
}

// ByID returns the member with this ID. A member that is being reaped is known until the next call,
// so that the event about it can be read.
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

// Member returns the listed member of this name.
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

// All yields what Members returns. The node must not be changed meanwhile.
func (n *Node) All() iter.Seq[Member] {
	return func(yield func(Member) bool) {
		for _, id := range n.table.sorted(n.roster) {
			if m, ok := n.ByID(id); ok && !yield(m) {
				return
			}
		}
	}
}

// Len is the number of listed members, whatever their status.
func (n *Node) Len() int { return n.table.len() }

// Count is the number of listed members with this status.
func (n *Node) Count(s Status) int {
	if int(s) >= len(n.table.count) {
		return 0
	}
	return n.table.count[s]
}

// lookup returns the ID of a member that this node has a record of, or swim.NoMember.
func (n *Node) lookup(name []byte) swim.MemberID {
	// A member with a status here has a record in the membership: EventForgotten ends both.
	if id := n.roster.Lookup(name); n.table.at(id).status != StatusNone {
		return id
	}
	return swim.NoMember
}

// view returns what the membership knows about id, which must have a record.
func (n *Node) view(id swim.MemberID) swim.Member {
	v, _ := n.swim.View(id)
	return v
}
