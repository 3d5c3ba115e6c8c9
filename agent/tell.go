package agent

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"serf/internal/std"
	"serf/wire"
)

// toldLimits bound what waits for a slow Config.OnEvent, or a slow loop over Agent.Events.
type toldLimits struct {
	// events and bytes are of user events and queries: beyond them the oldest is dropped, since
	// whoever asked an old query is gone first.
	events, bytes int
	// members is how many members may be in the member events that wait before all but each
	// member's last event are left out.
	members int
	// names is how many members may wait even so.
	names int
}

var told = toldLimits{events: 1 << 14, bytes: 16 << 20, members: 1 << 12, names: wire.NodeStatesMax}

// teller keeps events for a consumer that may block.
type teller struct {
	filter func(Event) bool // nil for all
	log    *Log
	owner  *fanout
	limits toldLimits
	ready  chan struct{} // capacity 1: there is something for next to see

	mu      sync.Mutex
	events  []Event // oldest first
	members int     // in the member events
	compact int     // how many members are too many; it grows with what can't be left out
	others  int     // user events and queries
	bytes   int     // of their names and payloads
	ended   bool
}

func newTeller(filter func(Event) bool, log *Log, owner *fanout) *teller {
	return &teller{filter: filter, log: log, owner: owner, limits: told,
		ready: make(chan struct{}, 1), compact: told.members}
}

// next waits for the next event. It is nil once ctx or the teller has ended.
func (t *teller) next(ctx context.Context) Event {
	for ctx.Err() == nil {
		if e, ended := t.take(); e != nil || ended {
			return e
		}
		select {
		case <-t.ready:
		case <-ctx.Done():
		}
	}
	return nil
}

// take removes the oldest event; nil if there is none. ended says that none will come.
func (t *teller) take() (e Event, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) == 0 {
		return nil, t.ended
	}
	e = t.events[0]
	t.events[0] = nil // don't pin it
	t.events = t.events[1:]
	t.count(e, -1)
	return e, false
}

func (t *teller) wants(e Event) bool { return t.filter == nil || t.filter(e) }

func (t *teller) offer(e Event) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return true
	}
	t.events = append(t.events, e)
	t.count(e, 1)
	for t.others > t.limits.events || t.bytes > t.limits.bytes && t.others > 1 {
		t.dropOldest(false)
	}
	if t.members > t.compact {
		t.leaveOutOutdated()
	}
	std.Wake(t.ready)
	return true
}

func (t *teller) end(error) *fanout {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended, t.events = true, nil
	std.Wake(t.ready)
	return t.owner
}

// count adds an event to what waits, or with -1 takes it off.
func (t *teller) count(e Event, n int) {
	switch e := e.(type) {
	case MemberEvent:
		t.members += n * len(e.Members)
		return
	case UserEvent:
		t.bytes += n * (len(e.Name) + len(e.Payload))
	case QueryEvent:
		t.bytes += n * (len(e.Name) + len(e.Payload))
	}
	t.others += n
}

// dropOldest drops the oldest member event, or the oldest of the others.
func (t *teller) dropOldest(member bool) {
	i := slices.IndexFunc(t.events, func(e Event) bool {
		_, is := e.(MemberEvent)
		return is == member
	})
	t.count(t.events[i], -1)
	copy(t.events[1:i+1], t.events[:i]) // mostly nothing
	t.events[0] = nil
	t.events = t.events[1:]
	t.owner.untold.Add(1)
	t.log.Repeatf(slog.LevelWarn, "agent", "untold",
		"dropped an event: %d wait for a consumer that is too slow", len(t.events))
}

// leaveOutOutdated leaves each member's last event only, which says what it has come to.
func (t *teller) leaveOutOutdated() {
	news := gather(t.events)
	kept := t.events[:0:0]
	t.members = 0
	for i, e := range t.events {
		m, ok := e.(MemberEvent)
		if !ok {
			kept = append(kept, e)
			continue
		}
		for _, part := range news.last(i, m) {
			kept = append(kept, part)
			t.members += len(part.Members)
		}
	}
	t.events = kept
	for t.members > t.limits.names {
		t.dropOldest(true)
	}
	t.compact = max(t.limits.members, 2*t.members)
}

// news is what the events that wait say about each member, by name.
type news map[string]*memberNews

type memberNews struct {
	at        int  // index of its last event
	joined    bool // it joined, and didn't go since
	restarted bool
}

func gather(events []Event) news {
	all := make(news)
	for i, e := range events {
		e, ok := e.(MemberEvent)
		if !ok {
			continue
		}
		for j := range e.Members {
			name := e.Members[j].Name
			m := all[name]
			if m == nil {
				m = new(memberNews)
				all[name] = m
			}
			m.at = i
			m.joined = e.Type == MemberJoin || m.joined && e.Type == MemberUpdate
			m.restarted = e.Type == MemberUpdate && (e.Restarted || m.restarted)
		}
	}
	return all
}

// last returns what is left of event i: its members whose last event it is. A member that joined
// and was updated has joined.
func (n news) last(i int, e MemberEvent) (parts []MemberEvent) {
	same := MemberEvent{Type: e.Type, Restarted: e.Restarted}
	joined := MemberEvent{Type: MemberJoin}
	restarted := MemberEvent{Type: MemberUpdate, Restarted: true}
	for _, m := range e.Members {
		to := &same
		switch of := n[m.Name]; {
		case of.at != i:
			continue
		case of.joined:
			to = &joined
		case of.restarted:
			to = &restarted
		}
		to.Members = append(to.Members, m)
	}
	for _, p := range []MemberEvent{same, joined, restarted} {
		if len(p.Members) > 0 {
			parts = append(parts, p)
		}
	}
	return parts
}
