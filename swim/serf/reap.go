package serf

import (
	"net/netip"
	"slices"
	"time"

	"serf/swim"
	"serf/swim/history"
)

const (
	// leavingMax is how long a member that answers probes is considered leaving: longer than a
	// departure takes with default timeouts. If it is still alive then, it stays, or was force-left
	// by mistake.
	leavingMax = 15 * time.Second
	// forgetMin is the least time that the membership keeps a reaped member, so that gossip under
	// way can't revive it.
	forgetMin = time.Minute
	// lostMax bounds the failed members that are tried even after they were reaped: enough to find
	// the other side of a partition, which then knows the rest.
	lostMax = 128
	// lostKeep is for how long. Addresses are reused: after days another process may be there.
	lostKeep = 72 * time.Hour
)

// reap takes members off the list that have been gone for long, and forgets those that were reaped
// long ago.
func (n *Node) reap(now swim.Time, out *swim.Output) {
	n.intents.expire(now)
	n.lost.expire(now)
	n.inbound.expire(now)
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
		case r.status == StatusFailed && age > n.listedFor(id, n.cfg.ReconnectTimeout):
			n.lost.add(lostMember{n.roster.Name(id), n.view(id).Addr, now})
			n.reapMember(now, id, NoteMemberReap, out)
		case r.status == StatusLeft && id != n.self && age > n.listedFor(id, n.cfg.TombstoneTimeout):
			n.reapMember(now, id, NoteMemberReap, out)
		}
	}
}

// listedFor returns how long id, which is gone, stays on the list: d unless the configuration
// decides otherwise for this member.
func (n *Node) listedFor(id swim.MemberID, d time.Duration) time.Duration {
	if n.cfg.ListedFor == nil {
		return d
	}
	m, _ := n.ByID(id)
	return n.cfg.ListedFor(m, d)
}

// reapMember takes id off the list, with a note of this code.
func (n *Node) reapMember(now swim.Time, id swim.MemberID, code swim.NoteCode, out *swim.Output) {
	n.note(out, swim.Info, code, swim.Note{Member: id})
	n.emitMember(now, EventMemberReap, id, false, out)
	n.coords.forget(id)
	n.table.reap(id, n.roster.Name(id), now)
	cause := history.Reap
	if code == NoteMemberReapForced {
		cause = history.ForceLeave
	}
	n.swim.Record(now, id, history.Reaped, cause)
}

// reconnect tries one failed member, with a probability such that the live members together try
// each failed one about once per interval. Reaped ones are tried too: a partition may outlast the
// reconnect timeout.
func (n *Node) reconnect(now swim.Time, out *swim.Output) {
	failed := n.table.count[StatusFailed]
	gone := failed + len(n.lost.list)
	live := max(n.table.count[StatusAlive]+n.table.count[StatusLeaving], 1)
	if gone == 0 || n.leave.phase != leaveNone ||
		n.swim.RandomFloat()*float64(live) >= float64(gone) {
		return
	}
	pick := n.swim.Random(gone)
	n.count.Reconnects++
	if pick >= failed {
		l := n.lost.list[pick-failed]
		n.note(out, swim.Info, NoteReconnectLost, swim.Note{From: l.addr, Text: l.name})
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
			n.note(out, swim.Info, NoteReconnect, swim.Note{Member: id})
			n.swim.PushPull(now, id, out)
			return
		}
		pick--
	}
}

// lost are members that had failed when they were reaped.
type lost struct {
	list []lostMember // oldest first
	op   swim.OpID    // of the running attempt
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
