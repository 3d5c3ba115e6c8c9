package membership

import (
	"context"
	"iter"
)

// Events yields what happens from now on, until ctx or the node ends: the members that are there
// already first, as joined. Nothing waits for the caller. One that falls behind by more than a
// thousand events is told what each member has come to instead, so that it misses no member, though
// it may miss that one failed and came back. It may be called any number of times.
func (n *Node) Events(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		q := n.table.subscribe()
		defer n.table.unsubscribe(q)
		for ctx.Err() == nil {
			e, _, ok := n.table.read(q)
			if ok && !yield(e) {
				return
			}
			if ok {
				continue
			}
			select {
			case <-q.wake:
			case <-ctx.Done():
			case <-n.driver.Context().Done():
				return
			}
		}
	}
}

// WatchMembers yields the living members, as Members does: at once, and again when some joined,
// left, failed, changed, became suspect or proved alive, until ctx or the node ends. Nothing waits
// for the caller: what happens while it is busy is yielded at once afterwards, so that it may miss
// a state, but never the last one.
func (n *Node) WatchMembers(ctx context.Context) iter.Seq[[]Member] {
	return func(yield func([]Member) bool) {
		for ctx.Err() == nil {
			members, changed := n.table.watch()
			if !yield(members) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
			case <-n.driver.Context().Done():
				return
			}
		}
	}
}
