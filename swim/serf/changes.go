package serf

import (
	"serf/swim"
	"serf/swim/history"
)

// TrackChanges notes in c, from now on, which members may have changed in what Listed returns.
func (n *Node) TrackChanges(c *swim.Changes) {
	n.table.changes = c
	n.swim.TrackChanges(c)
}

// TrackHistory records in h, from now on, why members change their state, beginning with this
// node's start.
func (n *Node) TrackHistory(now swim.Time, h *history.Log) { n.swim.TrackHistory(now, h) }

// Listed returns the listed member with this ID, and its location if that is known; ok is false if
// there is no such member.
func (n *Node) Listed(id swim.MemberID) (m Member, at Location, located, ok bool) {
	if !n.table.at(id).known() {
		return Member{}, Location{}, false, false
	}
	if m, ok = n.ByID(id); ok {
		at, located = n.location(id)
	}
	return m, at, located, ok
}

// MaxID is the greatest ID that a listed member may have.
func (n *Node) MaxID() swim.MemberID { return swim.MemberID(max(n.table.recs.Len(), 1) - 1) }
