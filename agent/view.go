package agent

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"serf/swim"
	"serf/swim/serf"
)

// views publishes the node's state to readers outside the loop. The loop makes a view when a reader
// asks for one and the last is outdated: while nothing changes readers are answered without the
// loop, and while nobody asks the loop makes no views.
//
// A call of the agent that changes something returns after the change was counted, and so does
// anything that reports it: an event, or the answer to a query. Whoever asks after that sees the
// change.
type views struct {
	current atomic.Pointer[view]
	members atomic.Uint64 // how many changes of members there were
	inputs  atomic.Uint64 // how many inputs the node had, each of which may change its figures

	// The rest is owned by the loop.
	changes swim.Changes
	draft   *view           // of the next view, if one is being made
	todo    []swim.MemberID // to be looked at for it
}

// viewStep is how many members the loop copies into a view before it turns to other inputs, which
// takes some 100 µs. Only a first view, and one after very many changes, takes more than one step.
const viewStep = 256

// view is the node's state at one moment. It never changes, and may be kept and shared. It takes
// some 90 bytes per member, and 90 more with a coordinate. Views share the pages that are equal, so
// their memory is that of one view and a page for each member that has changed since the oldest
// view in use. RPC connections keep a view while they write an answer.
type view struct {
	inputs, changes uint64 // of views, when this was made

	pages  []*viewPage // by MemberID
	len    int         // listed members
	self   serf.Member
	digest serf.Digest
	names  *nameOrder

	stats      serf.Stats
	membership swim.Counters
	above      serf.Counters
}

// viewPageLen is the number of members in a page, which is copied when one of them changes: 80
// bytes each.
const viewPageLen = 32

type viewPage [viewPageLen]viewEntry

// viewEntry is a member; the zero value if none with its ID is listed.
type viewEntry struct {
	member serf.Member
	at     *serf.Location // nil if it isn't known
}

// nameOrder is the listed members sorted by name. Views of the same members share it, and the first
// reader sorts it.
type nameOrder struct {
	once sync.Once
	ids  []swim.MemberID
}

// count is called by the loop after each input, before anybody can hear of its effects.
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

// statsView returns a view with the node's current statistics.
func (a *Agent) statsView() *view {
	if v := a.views.current.Load(); v != nil && v.inputs == a.views.inputs.Load() {
		return v
	}
	return a.publishView()
}

// publishView makes the loop build a view, step by step.
func (a *Agent) publishView() (v *view) {
	for v == nil {
		a.read(func() { v = a.views.step(a.loop.node.Node) })
	}
	return v
}

// step continues the next view, and returns it when it is published. Concurrent readers share the
// draft, and get the same view.
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

// publish publishes the draft, in which all members are up to date.
func (v *views) publish(n *serf.Node) *view {
	next := v.draft
	v.draft, v.todo = nil, nil
	next.len, next.self, next.digest = n.Len(), n.Self(), n.Digest()
	next.stats, next.membership, next.above = n.Stats(), *n.Swim().Counters(), *n.Counters()
	next.changes, next.inputs = v.changes.Count(), v.inputs.Load()
	v.members.Store(next.changes)
	v.current.Store(next)
	return next
}

// lookAgain updates members in the draft. It changes no page of the last view.
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

// lookAgain updates the entry from the node.
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

func (v *view) entry(id swim.MemberID) *viewEntry {
	return &v.pages[id/viewPageLen][id%viewPageLen]
}

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
		sort.Slice(ids, func(i, j int) bool {
			return v.entry(ids[i]).member.Name < v.entry(ids[j]).member.Name
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
	v.each(func(m *serf.Member, _ *serf.Location) bool { return yield(m) })
}

// each yields the members by name, and where each is; nil if that isn't known.
func (v *view) each(yield func(*serf.Member, *serf.Location) bool) {
	for _, id := range v.sorted() {
		if e := v.entry(id); !yield(&e.member, e.at) {
			return
		}
	}
}
