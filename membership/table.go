package membership

import (
	"bytes"
	"slices"
	"sync"
)

// table is what the node knows of the members, for readers, and the events that wait to be read.
// The loop writes it; both change together, so that whoever has fallen behind finds out what it
// missed.
type table struct {
	mu      sync.RWMutex
	members []*Member // by name; those that failed or left included, as long as they are remembered
	living  int
	self    string
	changed chan struct{} // closed, and replaced, when something has changed; nil: nobody waits
	queues  []*eventQueue
	merged  uint64 // events that were summed up, because too many waited
}

// find returns the place of name in members; t.mu is held.
func (t *table) find(name string) (i int, found bool) {
	return slices.BinarySearchFunc(t.members, name, byName)
}

// get returns what is known of a member.
func (t *table) get(name string) (Member, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if i, ok := t.find(name); ok {
		return *t.members[i], true
	}
	return Member{}, false
}

// list returns the members for which ok holds, by name.
func (t *table) list(ok func(*Member) bool) []Member {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]Member, 0, len(t.members))
	for _, m := range t.members {
		if ok(m) {
			all = append(all, *m)
		}
	}
	return all
}

// set records what is known of a member now, and tells the queues; kind 0 is told to nobody.
func (t *table) set(m *Member, kind EventKind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.find(m.Name)
	var before *Member
	if kind == Left && (!ok || !t.members[i].State.Living()) {
		kind = 0 // it was gone already
	}
	if ok {
		before = t.members[i]
		if bytes.Equal(before.Meta, m.Meta) {
			m.Meta = before.Meta
		} else {
			m.Meta = bytes.Clone(m.Meta)
		}
		if before.State.Living() {
			t.living--
		}
		t.members[i] = m
	} else {
		m.Meta = bytes.Clone(m.Meta)
		t.members = slices.Insert(t.members, i, m)
	}
	if m.State.Living() {
		t.living++
	}
	t.notify()
	if kind != 0 {
		t.tell(Event{Kind: kind, Member: *m}, before)
	}
}

// remove forgets a member, which is gone.
func (t *table) remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, ok := t.find(name); ok {
		t.members = slices.Delete(t.members, i, i+1)
		t.notify()
	}
}

// conflict tells the queues of a claim to a member's name.
func (t *table) conflict(name string, rival *Member) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, ok := t.find(name); ok {
		t.tell(Event{Kind: Conflict, Member: *t.members[i], Rival: rival}, t.members[i])
	}
}

// tell adds an event to the queues; t.mu is held. before is what was known of its member, or nil.
func (t *table) tell(e Event, before *Member) {
	for _, q := range t.queues {
		if !q.add(e) {
			t.merged++
			q.fallBehind(t, e.Member.Name, before)
		}
	}
}

// notify wakes the watchers; t.mu is held.
func (t *table) notify() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// watch returns the living members, and what is closed when something has changed since.
func (t *table) watch() ([]Member, <-chan struct{}) {
	t.mu.Lock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	changed := t.changed
	t.mu.Unlock()
	// A change in between is read already, and reported once too often.
	return t.list(isLiving), changed
}

func isLiving(m *Member) bool { return m.State.Living() }
