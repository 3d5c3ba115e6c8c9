package agent

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"serf/agent/handler"
	"serf/internal/eventfilter"
	"serf/swim"
	"serf/swim/serf"
)

// scriptGrace is how long scripts may go on after the agent has stopped, before they are killed.
const scriptGrace = time.Second

// newRunner returns the runner of this agent's event handlers.
func (a *Agent) newRunner() *handler.Runner {
	r := handler.New(handler.Config{
		Self: func() (string, map[string]string) { return a.conf.Name, *a.tags.Load() },
		Log: func(level slog.Level, format string, args ...any) {
			a.log.Logf(level, "agent", format, args...)
		},
		RPC:     a.conf.HandlerRPC,
		Timeout: a.conf.HandlerTimeout,
		Observe: a.conf.ObserveHandler,
	})
	r.Set(a.conf.Handlers)
	return r
}

// SetHandlers replaces the event handlers. Those that are removed still get the events that came
// before.
func (a *Agent) SetHandlers(handlers []handler.Handler) {
	a.runner.Set(handlers)
	a.handlers.Store(&handlers)
}

// SetHandlerTimeout replaces Config.HandlerTimeout for scripts that start from now on.
func (a *Agent) SetHandlerTimeout(d time.Duration) {
	a.runner.SetTimeout(cmp.Or(d, handler.DefaultTimeout))
}

// HandlerStats returns the counts of the event handlers; once the agent has stopped, the final
// ones.
func (a *Agent) HandlerStats() handler.Stats { return a.runner.Stats() }

// handlerSection is the "handlers" section of Stats: totals, and a line for each handler.
func handlerSection(s handler.Stats, now time.Time) map[string]string {
	section := texts(map[string]any{
		"waiting":   s.Waiting,
		"running":   s.Running,
		"runs":      s.Total.Runs,
		"failed":    s.Total.Failed,
		"timed_out": s.Total.TimedOut,
		"dropped":   s.Total.Dropped,
		"merged":    s.Total.Coalesced,
	})
	for i := range s.Handlers {
		h := &s.Handlers[i]
		key := h.Handler
		for n := 2; section[key] != ""; n++ { // several handlers may be identical
			key = fmt.Sprintf("%s (%d)", h.Handler, n)
		}
		doing := "idle"
		if !h.Began.IsZero() {
			doing = fmt.Sprintf("running for %v", now.Sub(h.Began).Round(time.Millisecond))
		}
		section[key] = fmt.Sprintf("%s, %d waiting, %d runs, %d failed, %d timed out, %d dropped",
			doing, h.Waiting, h.Runs, h.Failed, h.TimedOut, h.Dropped)
	}
	return section
}

// handlerStats is the section event_handlers of Stats: "filter:name" -> script.
func (a *Agent) handlerStats() map[string]string {
	section := make(map[string]string)
	for _, h := range *a.handlers.Load() {
		for _, f := range h.Filters {
			key := f.Kind + ":" + f.Name
			if other, taken := section[key]; taken {
				section[key] = other + ", " + h.Script
				continue
			}
			section[key] = h.Script
		}
	}
	return section
}

// runScripts passes e to the event handlers, without waiting for them.
func (a *Agent) runScripts(e Event) {
	switch e := e.(type) {
	case MemberEvent:
		a.runner.Handle(handler.Event{Kind: e.Type, Members: scriptMembers(e.Members)})
	case UserEvent:
		a.runner.Handle(handler.Event{Kind: eventfilter.User, Name: e.Name, Payload: e.Payload,
			LTime: e.LTime})
	case QueryEvent:
		respond := func(output []byte) error {
			return a.Respond(context.Background(), e.ID, output)
		}
		h := handler.Event{Kind: eventfilter.Query, Name: e.Name, Payload: e.Payload,
			LTime: e.LTime, Respond: respond}
		// A subscriber may answer, too: then only the query's time-out ends it.
		if !a.events.wants(QueryEvent{Name: e.Name}) {
			h.Unanswered = func() { a.decline(e.ID) }
		}
		a.runner.Handle(h)
	}
}

// decline tells the asking member that nobody here will answer. A failure doesn't matter: the query
// is over then.
func (a *Agent) decline(id uint64) {
	_ = a.try(context.Background(), func(now swim.Time) error {
		return a.loop.node.Decline(now, swim.OpID(id), &a.loop.out)
	})
}

// listener tells the node which queries may be answered here. The node calls it on the loop.
type listener struct{ a *Agent }

// WantsQuery implements serf.Listener: it is true if a handler runs for such a query, or a
// subscription lets it through.
func (l listener) WantsQuery(name []byte) bool {
	query := QueryEvent{Name: string(name)}
	for _, h := range *l.a.handlers.Load() {
		if h.Filters.Match(eventfilter.Query, query.Name) {
			return true
		}
	}
	return l.a.events.wants(query)
}

func scriptMembers(members []serf.Member) []handler.Member {
	out := make([]handler.Member, len(members))
	for i := range members {
		m := &members[i]
		out[i] = handler.Member{Name: m.Name, Addr: m.Addr.Addr(), Tags: m.Tags}
	}
	return out
}

// closeScripts stops the runner within grace, and logs what was lost by that.
func (a *Agent) closeScripts(grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if a.runner.Close(ctx) == nil {
		return
	}
	s := a.runner.Stats()
	a.log.Warnf("agent",
		"Event handlers didn't end within %v; scripts killed: %d, events lost that waited: %d%s",
		grace, s.Total.Killed, s.Total.Lost, losses(s.Handlers))
}

// losses names the handlers that lost events or had scripts killed.
func losses(handlers []handler.HandlerStats) string {
	var names []string
	for i := range handlers {
		if h := &handlers[i]; h.Killed+h.Lost > 0 {
			names = append(names,
				fmt.Sprintf("'%s' killed %d, lost %d", h.Handler, h.Killed, h.Lost))
		}
	}
	if names == nil { // only handlers of a former configuration did
		return ""
	}
	return "; " + strings.Join(names, "; ")
}
