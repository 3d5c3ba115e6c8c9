package serf

import (
	"net/netip"
	"slices"
	"time"

	"serf/swim"
)

const (
	// leavingMax is how long a member that answers probes is believed to be leaving:
	// longer than a departure with default times takes. Whoever is alive after that
	// stays, or was force-left by mistake (F17).
	leavingMax = 15 * time.Second
	// forgetMin is how long at least the membership remembers a reaped member, so that gossip still
	// under way doesn't bring it back.
	forgetMin = time.Minute
	// lostMax bounds the failed members that are tried even after they have been reaped: enough to
	// find the other side of a partition, which then knows the rest.
	lostMax = 128
	// lostKeep is how long. Addresses are reused: who hasn't been there for days may be
	// somebody else.
	lostKeep = 72 * time.Hour
)

// reap takes members off the list that have been gone for long, and cleans up
// after those that were.
func (n *Node) reap(now swim.Time, out *swim.Output) {
	n.intents.expire(now)
	n.lost.expire(now)
	n.expireQuestions(now)
	if n.table.quiet() {
		return
	}
	forgetAfter := max(forgetMin, 2*n.cfg.GossipToTheDead, 2*n.cfg.CoalescePeriod)
	for id, r := range n.table.own {
		switch age := now.Sub(r.changed); {
		case r.marks&markReaped != 0:
			if age > forgetAfter && !n.coalesce.holds(id) && n.swim.Forget(now, id) {
				n.handleForgotten(now, id, out)
			}
		case r.status == StatusLeaving && age > leavingMax:
			n.stopLeaving(now, id)
		case r.status == StatusFailed && age > n.cfg.ReconnectTimeout:
			n.lost.add(lostMember{n.roster.Name(id), n.view(id).Addr, now})
			n.reapMember(now, id, NoteMemberReap, out)
		case r.status == StatusLeft && age > n.cfg.TombstoneTimeout && id != n.self:
			n.reapMember(now, id, NoteMemberReap, out)
		}
	}
}

// reapMember takes id off the list, and says so with the note of that code.
func (n *Node) reapMember(now swim.Time, id swim.MemberID, code swim.NoteCode, out *swim.Output) {
	n.note(out, swim.Note{Level: swim.Info, Code: code, Member: id})
	n.tellMember(now, EventMemberReap, id, false, out)
	n.coords.forget(id)
	n.table.reap(id, now)
}

// reconnect tries one failed member, so often that over all live members each failed
// one is tried about once an interval. Those reaped are tried as well: a
// partition may outlast the reconnect timeout (F14).
func (n *Node) reconnect(now swim.Time, out *swim.Output) {
	failed := n.table.count[StatusFailed]
	gone := failed + len(n.lost.list)
	live := max(n.table.count[StatusAlive]+n.table.count[StatusLeaving], 1)
	if gone == 0 || n.leave.phase != leaveNot || n.swim.RandomFloat()*float64(live) >= float64(gone) {
		return
	}
	pick := n.swim.Random(gone)
	n.count.Reconnects++
	if pick >= failed {
		l := n.lost.list[pick-failed]
		n.note(out, swim.Note{Level: swim.Info, Code: NoteReconnectLost, From: l.addr, Text: l.name})
		if n.lost.op == 0 {
			n.lost.op = n.swim.Join(now, []netip.AddrPort{l.addr}, out)
		}
		return
	}
	for _, id := range n.table.sorted(n.roster) {
		if n.table.at(id).status != StatusFailed {
			continue
		}
		if pick == 0 {
			n.note(out, swim.Note{Level: swim.Info, Code: NoteReconnect, Member: id})
			n.swim.PushPull(now, id, out)
			return
		}
		pick--
	}
}

// lost are members that had failed when they were reaped.
type lost struct {
	list []lostMember // oldest first
	op   swim.OpID    // of the attempt that runs
}

type lostMember struct {
	name string
	addr netip.AddrPort
	at   swim.Time
}

// add remembers m, and forgets the oldest at the limit.
func (l *lost) add(m lostMember) {
	l.remove(m.name)
	if len(l.list) >= lostMax {
		l.list = slices.Delete(l.list, 0, 1)
	}
	l.list = append(l.list, m)
}

func (l *lost) remove(name string) {
	l.list = slices.DeleteFunc(l.list, func(m lostMember) bool { return m.name == name })
}

func (l *lost) expire(now swim.Time) {
	l.list = slices.DeleteFunc(l.list, func(m lostMember) bool { return now >= m.at.Add(lostKeep) })
}
