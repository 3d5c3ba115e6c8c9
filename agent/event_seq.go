package agent

import (
	"context"
	"iter"
	"slices"
)

// Events yields the events that filter lets through (nil for all) from the beginning of the loop
// on, until ctx or the agent ends. The loop may take its time, which delays nobody else, and may
// call all methods of the agent: while it is too slow it gets of each member only what it has come
// to, and the oldest user events and queries are dropped, see [Traffic].EventsDropped. filter is as
// in Subscribe.
//
// Config.OnEvent and Config.Subscriptions miss nothing between the start and the loop.
func (a *Agent) Events(ctx context.Context, filter func(Event) bool) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(a.ctx, cancel)()
		t := newTeller(filter, a.log, &a.events)
		a.events.add(t)
		defer a.events.remove(t)
		for e := t.next(ctx); e != nil && yield(e); e = t.next(ctx) {
		}
	}
}

// MemberEvents is Events for the member events of these types, or of all types without any.
func (a *Agent) MemberEvents(ctx context.Context, types ...string) iter.Seq[MemberEvent] {
	return only[MemberEvent](a, ctx, func(e MemberEvent) bool { return among(types, e.Type) })
}

// UserEvents is Events for the user events of these names, or of all names without any.
func (a *Agent) UserEvents(ctx context.Context, names ...string) iter.Seq[UserEvent] {
	return only[UserEvent](a, ctx, func(e UserEvent) bool { return among(names, e.Name) })
}

// Queries is Events for the queries of these names, or of all names without any. The loop answers
// with Respond: members that ask wait for that.
func (a *Agent) Queries(ctx context.Context, names ...string) iter.Seq[QueryEvent] {
	return only[QueryEvent](a, ctx, func(e QueryEvent) bool { return among(names, e.Name) })
}

func among(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }

// only yields the events of one type that want lets through.
func only[T Event](a *Agent, ctx context.Context, want func(T) bool) iter.Seq[T] {
	filter := func(e Event) bool {
		x, is := e.(T)
		return is && want(x)
	}
	return func(yield func(T) bool) {
		for e := range a.Events(ctx, filter) {
			if !yield(e.(T)) {
				return
			}
		}
	}
}

// All yields the subscription's events until it ends, as Err then says, or ctx ends.
func (s *Subscription) All(ctx context.Context) iter.Seq[Event] { return received(ctx, s.c) }

// received yields what comes from c, until that is closed or ctx ends.
func received[T any](ctx context.Context, c <-chan T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for ctx.Err() == nil {
			select {
			case v, open := <-c:
				if !open || !yield(v) {
					return
				}
			case <-ctx.Done():
			}
		}
	}
}

// callOnEvent calls Config.OnEvent until the agent ends.
func (a *Agent) callOnEvent() {
	for e := a.teller.next(a.ctx); e != nil; e = a.teller.next(a.ctx) {
		a.conf.OnEvent(a.ctx, e)
	}
}
