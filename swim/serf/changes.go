package serf

import (
	"serf/swim"
	"serf/swim/serf/coord"
)

// TrackChanges notes in c, from now on, which members may have changed in what Listed returns.
func (n *Node) TrackChanges(c *swim.Changes) {
	n.table.changes = c
	n.swim.TrackChanges(c)
}

// Listed returns a member, and its coordinate if that is known; false if this ID is none of a
// listed member.
func (n *Node) Listed(id swim.MemberID) (m Member, at coord.Coordinate, located, ok bool) {
	if !n.table.at(id).known() {
		return Member{}, coord.Coordinate{}, false, false
	}
	if m, ok = n.ByID(id); ok {
		at, located = n.coordinateOf(id)
	}
	return m, at, located, ok
}

// MaxID is the greatest ID that a listed member may have.
func (n *Node) MaxID() swim.MemberID { return swim.MemberID(max(n.table.recs.Len(), 1) - 1) }
