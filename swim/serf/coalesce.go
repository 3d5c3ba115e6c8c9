package serf

import (
	"slices"
	"sort"
	"time"

	"serf/lamport"
	"serf/swim"
)

// coalescer collects events for a while, so that many become few.
type coalescer struct {
	members    []memberChange // one per member, in the order of their first changes
	byMember   map[swim.MemberID]int
	membersEnd swim.Time // of the collection, even if it never is quiet; 0 without one

	events    []coalescedEvent
	newest    map[string]lamport.Time // by name
	eventsEnd swim.Time
}

// coalescedEventsMax bounds the user events that are collected; at the limit they are flushed
// early.
const coalescedEventsMax = 4096

type memberChange struct {
	id   swim.MemberID
	kind swim.EventKind
	flag bool
}

type coalescedEvent struct {
	time          lamport.Time
	name, payload []byte
}

// flushAt returns when to flush a collection that got an event now: once it has been quiet for a
// while, or at its end.
func flushAt(now swim.Time, end *swim.Time, period, quiet time.Duration) swim.Time {
	if *end == 0 {
		*end = now.Add(period)
	}
	return min(*end, now.Add(quiet))
}

func (c *Config) coalescesMembers() bool { return c.CoalescePeriod > 0 && c.QuiescentPeriod > 0 }

func (c *Config) coalescesEvents() bool {
	return c.UserCoalescePeriod > 0 && c.UserQuiescentPeriod > 0
}

// coalesceMember collects a change of a member, in place of an earlier one.
func (n *Node) coalesceMember(now swim.Time, kind swim.EventKind, id swim.MemberID, flag bool) {
	c := &n.coalesce
	flush := flushAt(now, &c.membersEnd, n.cfg.CoalescePeriod, n.cfg.QuiescentPeriod)
	n.arm(timerFlushMembers, flush)
	i, ok := c.byMember[id]
	if !ok {
		if c.byMember == nil {
			c.byMember = make(map[swim.MemberID]int)
		}
		c.byMember[id] = len(c.members)
		c.members = append(c.members, memberChange{id, kind, flag})
		return
	}
	n.count.Coalesced++
	ch := &c.members[i]
	// An update right after a join must not hide the join from listeners that never saw the member,
	// nor lose the flag of a restart.
	if kind == EventMemberUpdate && ch.kind == EventMemberJoin {
		ch.flag = ch.flag || flag
		return
	}
	*ch = memberChange{id, kind, flag || ch.flag && ch.kind == kind}
}

// holds says whether a change of id waits. After a pause of the process it may have waited for so
// long that the member is due to be forgotten, which must not happen before the listener could look
// it up.
func (c *coalescer) holds(id swim.MemberID) bool {
	_, held := c.byMember[id]
	return held
}

// flushMembers ends a collection with one event per kind, for its members sorted by name. Members
// whose last event was of the same kind are left out.
func (n *Node) flushMembers() {
	c := &n.coalesce
	n.arm(timerFlushMembers, swim.Never)
	sort.Slice(c.members, func(i, j int) bool {
		a, b := c.members[i], c.members[j]
		if a.kind != b.kind {
			return a.kind < b.kind
		}
		return n.roster.Name(a.id) < n.roster.Name(b.id)
	})
	for rest := c.members; len(rest) > 0; {
		kind, at, flag := rest[0].kind, len(n.call.ids), false
		for ; len(rest) > 0 && rest[0].kind == kind; rest = rest[1:] {
			// An update doesn't say whether the member is there.
			if r := n.table.edit(rest[0].id); kind != EventMemberUpdate {
				if r.lastEmitted == kind {
					n.count.Coalesced++
					continue
				}
				r.lastEmitted = kind
			}
			flag = flag || rest[0].flag
			n.call.ids = append(n.call.ids, rest[0].id)
		}
		if ids := n.call.ids[at:len(n.call.ids):len(n.call.ids)]; len(ids) > 0 {
			n.call.emit(swim.Event{Kind: kind, Members: ids, Flag: flag})
		}
	}
	c.members, c.byMember, c.membersEnd = nil, nil, 0
}

// FlushCoalesced hands out at once what is being coalesced. Call it before stopping this node.
func (n *Node) FlushCoalesced(now swim.Time, out *swim.Output) {
	n.call.begin(out)
	n.flushMembers()
	n.flushUserEvents()
	n.finish(now, out)
}

// coalesceEvent collects a user event.
func (n *Node) coalesceEvent(now swim.Time, t lamport.Time, name, payload []byte) {
	c := &n.coalesce
	if len(c.events) >= coalescedEventsMax {
		n.flushUserEvents()
	}
	flush := flushAt(now, &c.eventsEnd, n.cfg.UserCoalescePeriod, n.cfg.UserQuiescentPeriod)
	n.arm(timerFlushUserEvents, flush)
	if c.newest == nil {
		c.newest = make(map[string]lamport.Time)
	}
	if newest, ok := c.newest[string(name)]; ok && t < newest {
		n.count.Coalesced++
		return
	}
	c.newest[string(name)] = t
	c.events = append(c.events, coalescedEvent{t, slices.Clone(name), slices.Clone(payload)})
}

// flushUserEvents ends a collection with the newest events of each name, in the order of their
// times.
func (n *Node) flushUserEvents() {
	c := &n.coalesce
	n.arm(timerFlushUserEvents, swim.Never)
	sort.SliceStable(c.events, func(i, j int) bool { return c.events[i].time < c.events[j].time })
	for _, e := range c.events {
		if e.time < c.newest[string(e.name)] {
			n.count.Coalesced++
			continue
		}
		n.call.emit(swim.Event{
			Kind: EventUserEvent, LTime: uint64(e.time), Name: e.name, Data: e.payload, Flag: true,
		})
	}
	c.events, c.newest, c.eventsEnd = nil, nil, 0
}
