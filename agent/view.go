package agent

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"serf/swim"
	"serf/swim/serf"
	"serf/swim/serf/coord"
)

// views has what the node knows for readers outside of the loop. The loop publishes a view when one
// is asked for and the last is outdated: as long as nothing changes a reader is answered without
// the loop, and when nobody asks the loop makes no views.
//
// A call of the agent that changes something returns after the change was counted, and so does
// whatever tells of one: an event, or the answer to a query. Whoever asks then sees the change.
type views struct {
	current atomic.Pointer[view]
	members atomic.Uint64 // how many changes of members there were
	inputs  atomic.Uint64 // how many inputs the node had, each of which may change its figures

	// The rest is the loop's.
	changes swim.Changes
	draft   *view           // of the next view, if one is being made
	todo    []swim.MemberID // to be looked at for it
}

// viewStep is how many members the loop looks at for a view before it turns to something else: that
// takes some 100 µs. Only a first view, and one after very many changes, takes more than one step.
const viewStep = 256

// view is what the node knew at one moment. It never changes, and may be kept and shared. It takes
// some 90 bytes for a member, and 90 more for a coordinate. Views share the pages in which they are
// alike, so the memory is that of one, and a page for each member that has changed since a view
// that somebody keeps. Readers that the agent serves keep theirs while they write an answer.
type view struct {
	inputs, changes uint64 // of views, when this was made

	pages []*viewPage // by MemberID
	len   int         // listed members
	self  serf.Member
	names *nameOrder

	stats      serf.Stats
	membership swim.Counters
	above      serf.Counters
}

// viewPageLen is how many members a page has: of those the one that changed and its neighbours are
// copied, 80 bytes each.
const viewPageLen = 32

type viewPage [viewPageLen]viewEntry

// viewEntry is a member, the zero one if none with its ID is listed.
type viewEntry struct {
	member serf.Member
	at     *coord.Coordinate // nil if it isn't known
}

// nameOrder is the listed members by name. Views of the same members share it, and the first reader
// sorts.
type nameOrder struct {
	once sync.Once
	ids  []swim.MemberID
}

// count is called by the loop after each input, before anybody hears what came of it.
func (v *views) count() {
	v.inputs.Add(1)
	v.members.Store(v.changes.Count())
}

// memberView returns a view of the members as they are now.
func (a *Agent) memberView() *view {
	if v := a.views.current.Load(); v != nil && v.changes == a.views.members.Load() {
		return v
	}
	return a.publishView()
}

// statsView returns a view of the node's figures as they are now.
func (a *Agent) statsView() *view {
	if v := a.views.current.Load(); v != nil && v.inputs == a.views.inputs.Load() {
		return v
	}
	return a.publishView()
}

// publishView has the loop make a view, step by step.
func (a *Agent) publishView() (v *view) {
	for v == nil {
		a.read(func() { v = a.views.step(a.loop.node) })
	}
	return v
}

// step goes on with the next view, and returns it when it is published. Readers share the draft:
// those who ask at the same time are done at the same time.
func (v *views) step(n *serf.Node) *view {
	if v.draft == nil {
		v.draft = &view{names: new(nameOrder)}
		if last := v.current.Load(); last != nil {
			*v.draft = *last
			v.draft.pages = slices.Clone(last.pages)
		}
	}
	if len(v.todo) == 0 {
		v.todo = v.takeChanges(n)
	}
	now := min(len(v.todo), viewStep)
	v.lookAgain(n, v.todo[:now])
	if v.todo = v.todo[now:]; len(v.todo) > 0 {
		return nil
	}
	if v.todo = v.takeChanges(n); len(v.todo) > viewStep {
		return nil
	}
	v.lookAgain(n, v.todo)
	return v.publish(n)
}

// takeChanges returns the members that have changed since the last call.
func (v *views) takeChanges(n *serf.Node) []swim.MemberID {
	ids, listed := v.changes.Take()
	if listed {
		return slices.Clone(ids)
	}
	all := make([]swim.MemberID, n.MaxID()+1)
	for id := range all {
		all[id] = swim.MemberID(id)
	}
	return all
}

// publish publishes the draft, in which all members are as they are now.
func (v *views) publish(n *serf.Node) *view {
	next := v.draft
	v.draft, v.todo = nil, nil
	next.len, next.self = n.Len(), n.Self()
	next.stats, next.membership, next.above = n.Stats(), *n.Swim().Counters(), *n.Counters()
	next.changes, next.inputs = v.changes.Count(), v.inputs.Load()
	v.members.Store(next.changes)
	v.current.Store(next)
	return next
}

// lookAgain takes over into the draft what the node knows of some members. It changes no page that
// the last view has.
func (v *views) lookAgain(n *serf.Node, ids []swim.MemberID) {
	last, d := v.current.Load(), v.draft
	if last == nil {
		last = new(view)
	}
	for _, id := range ids {
		p := int(id) / viewPageLen
		for len(d.pages) <= p {
			d.pages = append(d.pages, new(viewPage))
		}
		if p < len(last.pages) && d.pages[p] == last.pages[p] {
			page := *last.pages[p]
			d.pages[p] = &page
		}
		e := d.entry(id)
		was := e.member
		e.lookAgain(n, id)
		sameName := was.Name == e.member.Name && listed(&was) == listed(&e.member)
		if !sameName && d.names == last.names {
			d.names = new(nameOrder)
		}
	}
}

// lookAgain takes over what the node knows of the member.
func (e *viewEntry) lookAgain(n *serf.Node, id swim.MemberID) {
	m, at, located, _ := n.Listed(id)
	e.member = m
	switch {
	case !located:
		e.at = nil
	case e.at == nil || *e.at != at:
		e.at = &at
	}
}

func listed(m *serf.Member) bool { return m.Status != serf.StatusNone }

func (v *view) entry(id swim.MemberID) *viewEntry { return &v.pages[id/viewPageLen][id%viewPageLen] }

// sorted returns the IDs of all listed members in the order of their names.
func (v *view) sorted() []swim.MemberID {
	v.names.once.Do(func() {
		ids := make([]swim.MemberID, 0, v.len)
		for _, page := range v.pages {
			for i := range page {
				if m := &page[i].member; listed(m) {
					ids = append(ids, m.ID)
				}
			}
		}
		slices.SortFunc(ids, func(a, b swim.MemberID) int {
			return strings.Compare(v.entry(a).member.Name, v.entry(b).member.Name)
		})
		v.names.ids = ids
	})
	return v.names.ids
}

// find returns the member of a name, or nil.
func (v *view) find(name string) *viewEntry {
	ids := v.sorted()
	i, ok := slices.BinarySearchFunc(ids, name, func(id swim.MemberID, name string) int {
		return strings.Compare(v.entry(id).member.Name, name)
	})
	if !ok {
		return nil
	}
	return v.entry(ids[i])
}

// all yields the members by name.
func (v *view) all(yield func(*serf.Member) bool) {
	for _, id := range v.sorted() {
		if !yield(&v.entry(id).member) {
			return
		}
	}
}
