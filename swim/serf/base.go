package serf

import (
	"iter"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// Base is what all members know of a cluster that has run for long: see swim.Base. They joined one
// after the other, and nothing has happened since. Coordinates aren't part of it: each node has to
// find out where it is.
//
// A Base doesn't change. Several goroutines may use it at once.
type Base struct {
	swim  *swim.Base
	table table
	clock lamport.Time // the members' clock
}

// NewBase returns a base of members with these configurations, all alive since now: what they say
// about themselves counts. Their IDs are 1, 2 and so on, in this order. The configurations are
// borrowed; the error joins those of all members. zoneTag is the Tag of the Zones of those that have one.
//
//	base, err := serf.NewBase(now, zoneTag, configs)
//	roster := base.NewRoster()             // one a goroutine
//	s := serf.Simulation{Warm: base, Roster: roster}
//	n, err := serf.NewSimulated(now, c, s, &out) // each node
func NewBase(now swim.Time, zoneTag string, members iter.Seq[*Config]) (*Base, error) {
	var failed error
	below, err := swim.NewBase(now, zonesByTag(zoneTag), func(yield func(swim.Identity) bool) {
		for c := range members {
			var who swim.Identity
			if who, failed = c.identity(); failed != nil || !yield(who) {
				return
			}
		}
	})
	if failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	b := &Base{swim: below, clock: 1}
	for id := swim.MemberID(1); int(id) <= below.Len(); id++ {
		b.table.set(id, below.Name(id), StatusAlive, now)
		b.table.setTime(id, below.Name(id), b.clock)
		b.clock++
	}
	b.table.recs.Seal(func(buf []byte, i int, r record) []byte {
		if !r.known() {
			return buf
		}
		return wire.AppendStatusLTime(buf, below.Name(swim.MemberID(i)), uint64(r.joinTime()))
	}, func(i int, r record) uint64 {
		return r.hash(swim.HashName(below.Name(swim.MemberID(i))))
	})
	return b, nil
}

// Len is the number of members.
func (b *Base) Len() int { return b.swim.Len() }

// NewRoster returns a roster for the nodes of one goroutine that start with b. Every member has the
// same ID in each.
func (b *Base) NewRoster() *swim.Roster { return b.swim.NewRoster() }

// membership is the base of the layer below; nil without a base.
func (b *Base) membership() *swim.Base {
	if b == nil {
		return nil
	}
	return b.swim
}

// identity is what a member with this configuration says about itself.
func (c *Config) identity() (swim.Identity, error) {
	meta, err := encodeTags(c.protocol(), c.Tags)
	return swim.Identity{Name: c.Name, Addr: c.Addr, Meta: meta, Versions: c.versions()}, err
}

// startWarm starts with what the base knows at this layer.
func (n *Node) startWarm() {
	b := n.cfg.sim.Warm
	t := &b.table
	n.table = table{recs: t.recs.Fork(), count: t.count, digest: t.digest, root: t.root}
	n.memberClock.Sync(b.clock)
	n.eventClock.Sync(1)
	n.queryClock.Sync(1)
	n.journal.wroteMember = b.clock - 1
}
