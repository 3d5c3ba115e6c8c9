package agent

import (
	"time"

	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
)

// MemberHistory is what this agent knows of how a member's state came about.
type MemberHistory = history.Member

// History returns the last changes of a member's state; ok is false if nothing is known of that
// name. A member that is no longer listed may still have a history.
func (a *Agent) History(name string) (h MemberHistory, ok bool) {
	h = MemberHistory{Name: name, AsSeenBy: a.conf.Name, Status: serf.StatusNone.String()}
	listed := false
	a.read(func() {
		h.Changes, h.Dropped = a.loop.history.Member(name)
		var m Member
		if m, listed = a.loop.node.Member(name); listed {
			h.Status = m.Status.String()
		}
	})
	if h.Changes == nil {
		h.Changes = []history.Change{}
	}
	for i := range h.Changes {
		c := &h.Changes[i]
		c.Time = a.stamp(c.At)
		c.Text = c.Words(name, h.AsSeenBy)
	}
	return h, listed || len(h.Changes) > 0
}

// Flaps returns who changed most within the last since, who accused others most, and who answers
// over TCP only.
func (a *Agent) Flaps(since time.Duration) (f history.Flaps) {
	a.read(func() {
		now := time.Duration(a.driver.Now())
		f = a.loop.history.Flaps(now-since, now, a.conf.Name, a.loop.node.Swim().Health())
		f.AddTCPOnly(a.loop.tcpOnly.since(swim.Time(now-since), a.nameOf),
			a.loop.node.Stats().Alive-1)
	})
	for i := range f.TCPOnly {
		f.TCPOnly[i].Last = a.stamp(f.TCPOnly[i].At)
	}
	for i := range f.Members {
		f.Members[i].Last = a.stamp(f.Members[i].At)
	}
	return f
}

// ChangeCounts returns how often each member's state changed within the last since. Members that
// didn't change are left out.
func (a *Agent) ChangeCounts(since time.Duration) (counts map[string]int) {
	a.read(func() {
		counts = a.loop.history.Counts(time.Duration(a.driver.Now()) - since)
	})
	return counts
}

// stamp is the wall-clock time of a reading of the node's clock.
func (a *Agent) stamp(at time.Duration) history.Stamp {
	return history.Stamp{Time: a.driver.WallTime(swim.Time(at))}
}
