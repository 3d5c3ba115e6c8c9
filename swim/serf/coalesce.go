package serf

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"serf/lamport"
	"serf/swim"
)

// coalescer collects events for a while, so that many become few (spec 3.5).
type coalescer struct {
	members  []memberChange // one a member, by when it was first heard of
	byMember map[swim.MemberID]int
	membersQ window

	events  []heldEvent
	newest  map[string]lamport.Time // of each name
	eventsQ window
}

// heldEventsMax bounds the user events that are held back; with more they're told early.
const heldEventsMax = 4096

type memberChange struct {
	id   swim.MemberID
	kind swim.EventKind
	flag bool
}

type heldEvent struct {
	time          lamport.Time
	name, payload []byte
}

// window is the time of one collection: it ends when it has been quiet, and anyway
// at end.
type window struct{ end swim.Time }

// extend returns when the window is to be closed, given news at now.
func (w *window) extend(now swim.Time, period, quiet time.Duration) swim.Time {
	if w.end == 0 {
		w.end = now.Add(period)
	}
	return min(w.end, now.Add(quiet))
}

func (n *Node) coalescesMembers() bool { return n.cfg.CoalescePeriod > 0 && n.cfg.QuiescentPeriod > 0 }

func (n *Node) coalescesEvents() bool {
	return n.cfg.UserCoalescePeriod > 0 && n.cfg.UserQuiescentPeriod > 0
}

// coalesceMember holds a change back. It replaces an earlier one of the same member.
func (n *Node) coalesceMember(now swim.Time, kind swim.EventKind, id swim.MemberID, flag bool) {
	c := &n.coalesce
	n.arm(dutyMembersTold, c.membersQ.extend(now, n.cfg.CoalescePeriod, n.cfg.QuiescentPeriod))
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
	// An update just after a join must not hide it from who never heard of the member,
	// and a restart just told must not get lost.
	if kind == EventMemberUpdate && ch.kind == EventMemberJoin {
		ch.flag = ch.flag || flag
		return
	}
	*ch = memberChange{id, kind, flag || ch.flag && ch.kind == kind}
}

// holds tells whether a change of id waits to be told. After a standstill it may have waited for so long that
// the member is due to be forgotten: it mustn't be, before whoever is told can ask who it was.
func (c *coalescer) holds(id swim.MemberID) bool {
	_, held := c.byMember[id]
	return held
}

// tellCoalescedMembers ends a collection: one event for each kind, with all its members
// by name. Who would be reported as what it was reported last is left out.
func (n *Node) tellCoalescedMembers() {
	c := &n.coalesce
	n.arm(dutyMembersTold, swim.Never)
	slices.SortFunc(c.members, func(a, b memberChange) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(n.roster.Name(a.id), n.roster.Name(b.id)))
	})
	for rest := c.members; len(rest) > 0; {
		kind, at, flag := rest[0].kind, len(n.ids), false
		for ; len(rest) > 0 && rest[0].kind == kind; rest = rest[1:] {
			if r := n.table.edit(rest[0].id); kind != EventMemberUpdate {
				if r.told == kind {
					n.count.Coalesced++
					continue
				}
				r.told = kind // an update leaves open whether it is there
			}
			flag = flag || rest[0].flag
			n.ids = append(n.ids, rest[0].id)
		}
		if ids := n.ids[at:len(n.ids):len(n.ids)]; len(ids) > 0 {
			n.tell(swim.Event{Kind: kind, Members: ids, Flag: flag})
		}
	}
	c.members, c.byMember, c.membersQ = nil, nil, window{}
}

// FlushCoalesced tells at once what is held back to be coalesced: for who is about to stop this node.
func (n *Node) FlushCoalesced(now swim.Time, out *swim.Output) {
	n.begin(out)
	n.tellCoalescedMembers()
	n.tellCoalescedEvents()
	n.finish(now, out)
}

// coalesceEvent holds a user event back.
func (n *Node) coalesceEvent(now swim.Time, t lamport.Time, name, payload []byte) {
	c := &n.coalesce
	if len(c.events) >= heldEventsMax {
		n.tellCoalescedEvents()
	}
	n.arm(dutyEventsTold, c.eventsQ.extend(now, n.cfg.UserCoalescePeriod, n.cfg.UserQuiescentPeriod))
	if c.newest == nil {
		c.newest = make(map[string]lamport.Time)
	}
	if newest, ok := c.newest[string(name)]; ok && t < newest {
		n.count.Coalesced++
		return
	}
	c.newest[string(name)] = t
	c.events = append(c.events, heldEvent{t, slices.Clone(name), slices.Clone(payload)})
}

// tellCoalescedEvents ends a collection: of each name only the newest are told, in
// the order of their times.
func (n *Node) tellCoalescedEvents() {
	c := &n.coalesce
	n.arm(dutyEventsTold, swim.Never)
	slices.SortStableFunc(c.events, func(a, b heldEvent) int { return cmp.Compare(a.time, b.time) })
	for _, e := range c.events {
		if e.time < c.newest[string(e.name)] {
			n.count.Coalesced++
			continue
		}
		n.tell(swim.Event{Kind: EventUserEvent, LTime: uint64(e.time), Name: e.name, Data: e.payload, Flag: true})
	}
	c.events, c.newest, c.eventsQ = nil, nil, window{}
}
