package agent

import (
	"cmp"
	"context"
	"iter"
	"maps"

	"serf/swim"
)

// Members returns copies of all members, sorted by name, this one included. They are up to date:
// whoever has read an event about a member finds the change here.
func (a *Agent) Members() []Member {
	v := a.memberView()
	list := make([]Member, 0, v.len)
	for m := range v.all {
		list = append(list, *m)
	}
	return list
}

// AllMembers returns the number of members, and yields them in the order of Members without
// copying: they are shared and must not be changed. They never change by themselves.
func (a *Agent) AllMembers() (n int, all iter.Seq[*Member]) {
	v := a.memberView()
	return v.len, v.all
}

// EachMember is AllMembers with what is known of where each member is; nil if nothing is.
func (a *Agent) EachMember() (n int, all iter.Seq2[*Member, *Location]) {
	v := a.memberView()
	return v.len, v.each
}

// Member returns a copy of the member of that name, and whether there is one.
func (a *Agent) Member(name string) (m Member, ok bool) {
	e := a.memberView().find(name)
	if e == nil {
		return Member{}, false
	}
	return e.member, true
}

// Self returns a copy of this member.
func (a *Agent) Self() Member {
	return a.memberView().self
}

// Digest returns a digest of the members that are alive or leaving: equal for agents that agree on
// them.
func (a *Agent) Digest() Digest { return a.memberView().digest }

// Join contacts addresses (IP, IP:port, name or name:port; a name may stand for several) and
// exchanges the whole state with each. It returns how many answered, and an error if there were
// addresses and none did. A member of this one's name counts, too: one of the two quits after the
// vote that follows, see Done. Without replay, past events are not delivered.
func (a *Agent) Join(ctx context.Context, addrs []string, replay bool) (n int, err error) {
	a.log.Infof("agent", "joining: %v replay: %v", addrs, replay)
	n, err = a.join(ctx, addrs, replay)
	if n > 0 {
		a.log.Infof("agent", "joined: %d nodes", n)
	}
	if err != nil {
		a.log.Warnf("agent", "error joining: %v", err)
	}
	return n, err
}

// Leave tells the others that this member leaves, and returns when they had time to hear it: about
// Serf.LeavePropagateDelay, or Serf.BroadcastTimeout longer if nobody can be told. A ctx that has
// ended, such as that of the signal that stops the program, leaves nothing. The agent still runs,
// and should be shut down. A second call waits for the first, or returns its result.
func (a *Agent) Leave(ctx context.Context) error {
	r, err := a.operate(ctx, func(now swim.Time, result chan<- opResult) {
		l := &a.loop
		if l.left != nil {
			result <- *l.left
			return
		}
		l.wait(l.node.Leave(now, &l.out), result)
	})
	return cmp.Or(err, r.err)
}

// ForceLeave turns a failed member into one that left; with prune it is also removed from the list.
func (a *Agent) ForceLeave(ctx context.Context, name string, prune bool) error {
	suffix := ""
	if prune {
		suffix = " (prune)"
	}
	a.log.Infof("agent", "Force leaving node%s: %s", suffix, name)
	err := a.try(ctx, func(now swim.Time) error {
		return a.loop.node.ForceLeave(now, name, prune, &a.loop.out)
	})
	if err != nil {
		a.log.Warnf("agent", "failed to remove node%s: %v", suffix, err)
	}
	return err
}

// UserEvent fires an event at all members. With coalesce, receivers may drop it for a newer one of
// the same name. While the node has no room for it, the call waits for up to 30 s, in the order of
// the calls, and then fails with serf.ErrBusy.
func (a *Agent) UserEvent(ctx context.Context, name string, payload []byte, coalesce bool) error {
	return a.UserEventBefore(ctx, name, payload, coalesce, func() {})
}

// UserEventBefore is UserEvent for callers that have to know which later events may be a reaction
// to this one: before is called on the loop when the event is about to go out. It must be quick and
// not call the agent.
func (a *Agent) UserEventBefore(ctx context.Context, name string, payload []byte, coalesce bool,
	before func()) error {
	a.log.Debugf("agent", "Requesting user event send: %s. Coalesced: %v. Payload: %q",
		name, coalesce, payload)
	err := a.fire(ctx, name, payload, coalesce, before)
	if err != nil {
		a.log.Warnf("agent", "failed to send user event: %v", err)
	}
	return err
}

// Respond answers the query of a QueryEvent, once.
func (a *Agent) Respond(ctx context.Context, id uint64, payload []byte) error {
	return a.try(ctx, func(now swim.Time) error {
		return a.loop.node.Respond(now, swim.OpID(id), payload, &a.loop.out)
	})
}

// SetTags sets and deletes tags of this member and tells the others. A tag in both is set.
func (a *Agent) SetTags(ctx context.Context, set map[string]string, del []string) error {
	return a.changeTags(ctx, func(tags map[string]string) map[string]string {
		for _, key := range del {
			delete(tags, key)
		}
		maps.Copy(tags, set)
		return tags
	})
}

// ReplaceTags replaces all tags of this member and tells the others.
func (a *Agent) ReplaceTags(ctx context.Context, tags map[string]string) error {
	next := make(map[string]string, len(tags))
	maps.Copy(next, tags) // the caller keeps its own map
	return a.changeTags(ctx, func(map[string]string) map[string]string { return next })
}

// changeTags replaces this member's tags by what change makes of a copy of them.
func (a *Agent) changeTags(ctx context.Context,
	change func(tags map[string]string) map[string]string) error {
	return a.try(ctx, func(now swim.Time) error {
		tags := maps.Clone(a.loop.node.Tags())
		if tags == nil {
			tags = make(map[string]string)
		}
		tags = change(tags)
		if err := a.loop.node.SetTags(now, tags, &a.loop.out); err != nil {
			return err
		}
		a.tags.Store(&tags)
		return nil
	})
}

// SetZones changes how this member divides the members into zones: see Config.
func (a *Agent) SetZones(ctx context.Context, z Zones) error {
	return a.try(ctx, func(swim.Time) error { return a.loop.node.SetZones(z) })
}

// Tags returns a copy of this member's tags.
func (a *Agent) Tags() map[string]string { return maps.Clone(a.Self().Tags) }

// Coordinate returns the network coordinate of a member; ok is false if it isn't known here.
func (a *Agent) Coordinate(ctx context.Context,
	name string) (c Coordinate, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return Coordinate{}, false, err
	}
	e := a.memberView().find(name)
	if e == nil || e.at == nil {
		return Coordinate{}, false, nil
	}
	return e.at.At, true, nil
}

// Located yields the members whose location is known, sorted by name and shared as those of
// AllMembers. While version stays the same nothing has changed.
func (a *Agent) Located() (version uint64, all iter.Seq2[*Member, *Location]) {
	v := a.memberView()
	return v.changes, func(yield func(*Member, *Location) bool) {
		for m, at := range v.each {
			if at != nil && !yield(m, at) {
				return
			}
		}
	}
}

// try runs f on the loop and returns its error.
func (a *Agent) try(ctx context.Context, f func(now swim.Time) error) error {
	var result error
	err := a.do(ctx, func(now swim.Time) { result = f(now) })
	return cmp.Or(err, result)
}

// operate has begin start an operation on the loop, and waits for its result.
func (a *Agent) operate(
	ctx context.Context, begin func(now swim.Time, result chan<- opResult),
) (opResult, error) {
	result := make(chan opResult, 1)
	if err := a.do(ctx, func(now swim.Time) { begin(now, result) }); err != nil {
		return opResult{}, err
	}
	select {
	case r := <-result:
		return r, nil
	case <-ctx.Done():
		return opResult{}, ctx.Err()
	case <-a.ctx.Done():
		return opResult{}, ErrStopped
	}
}
