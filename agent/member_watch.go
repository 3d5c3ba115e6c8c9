package agent

import (
	"context"
	"iter"

	"serf/internal/std"
)

// WatchMembers yields the members, as Members does: at once, and again when some joined, left,
// failed, changed or are no longer listed. Nothing waits for the caller: what happens while it is
// busy is yielded at once afterwards, so that it may miss a state, but never the last one. The end
// is that of ctx or of the agent, or comes at once where Subscribe finds too many subscriptions.
func (a *Agent) WatchMembers(ctx context.Context) iter.Seq[[]Member] {
	return func(yield func([]Member) bool) {
		w := &memberWatch{changed: make(chan struct{}, 1), owner: &a.events}
		a.events.add(w)
		defer a.events.remove(w)
		for ctx.Err() == nil && yield(a.Members()) {
			select {
			case _, open := <-w.changed:
				if !open {
					return
				}
			case <-ctx.Done():
			}
		}
	}
}

// memberWatch is a subscriber that wants to know only that there was an event about members. The
// lock of its fanout guards it.
type memberWatch struct {
	changed chan struct{} // capacity 1: closed at the end
	owner   *fanout
}

func (w *memberWatch) wants(e Event) bool {
	_, ok := e.(MemberEvent)
	return ok
}

func (w *memberWatch) offer(Event) bool {
	std.Wake(w.changed)
	return true
}

func (w *memberWatch) end(error) *fanout {
	close(w.changed)
	return w.owner
}
