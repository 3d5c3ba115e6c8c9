package http

import (
	"context"
	"sync"
	"time"

	"serf/agent"
	"serf/internal/http1"
	"serf/swim"
	"serf/swim/history"
)

const (
	// flapsDefault is how far GET /v1/flaps looks back, and flapsMost how far it can.
	flapsDefault, flapsMost = time.Hour, 30 * 24 * time.Hour
	// changesSince is how far the counts of changes in a list of members go back.
	changesSince = time.Hour
	// changesAge is how long such counts are used: taking them goes through the whole history.
	changesAge = time.Second
)

// historyAnswer is what GET /v1/members/NAME/history returns.
type historyAnswer struct {
	Index string `json:"index"`
	agent.MemberHistory
}

// historyOfAll is what it returns with all=true.
type historyOfAll struct {
	Index string `json:"index"`
	history.Merged
}

func (h *Handler) serveHistory(w http1.ResponseWriter, r *http1.Request) {
	p := parameters(r)
	all := p.flag("all", false)
	if !p.done(w) {
		return
	}
	if all {
		h.serveHistoryOfAll(w, r)
		return
	}
	a := historyAnswer{Index: h.log.index()}
	var known bool
	if a.MemberHistory, known = h.agent.History(r.PathValue("name")); !known {
		fail(w, http1.StatusNotFound, "nothing is known of a member %q", r.PathValue("name"))
		return
	}
	answer(w, http1.StatusOK, &a)
}

// serveHistoryOfAll asks all agents what they know.
func (h *Handler) serveHistoryOfAll(w http1.ResponseWriter, r *http1.Request) {
	if !h.enter(w, &h.queries, "queries") {
		return
	}
	defer h.queries.leave()
	name := r.PathValue("name")
	if len(name) > swim.NameMax {
		fail(w, http1.StatusNotFound, "no member has a name of %d bytes", len(name))
		return
	}
	if !h.questions.enter(h.o.now()) {
		h.refuseForNow(w, "all agents are asked about one member each second, no more")
		return
	}
	a := historyOfAll{Index: h.log.index()}
	var known bool
	var err error
	switch a.Merged, known, err = h.agent.HistoryOfAll(r.Context(), name, viewsTimeout); {
	case err != nil:
		fail(w, http1.StatusServiceUnavailable, "the agents can't be asked: %v", err)
		return
	case !known:
		fail(w, http1.StatusNotFound, "no agent knows anything of a member %q", name)
		return
	}
	answer(w, http1.StatusOK, &a)
}

// accusersHealth is what the agents that accused others last said about their health.
type accusersHealth struct {
	mu     sync.Mutex // held while they are asked; nobody waits for it
	at     time.Time
	scores map[string]int
}

// take returns the flaps with the health of accusers: they are asked once in viewsAge at most.
// Whoever comes while they are being asked gets the plain answer.
func (c *accusersHealth) take(
	now func() time.Time, plain, ask func() history.Flaps,
) history.Flaps {
	if !c.mu.TryLock() {
		return plain()
	}
	defer c.mu.Unlock()
	if c.scores != nil && now().Sub(c.at) < viewsAge {
		f := plain()
		f.SetHealth(c.scores)
		return f
	}
	f := ask()
	c.at, c.scores = now(), make(map[string]int)
	for _, a := range f.Accusers {
		if a.Health != nil {
			c.scores[a.Name] = *a.Health
		}
	}
	return f
}

func (h *Handler) serveFlaps(w http1.ResponseWriter, r *http1.Request) {
	p := parameters(r)
	since := p.duration("since", flapsDefault, flapsMost)
	if since == 0 {
		p.complain("since", "0", "more than 0")
	}
	if !p.done(w) {
		return
	}
	f := h.accusers.take(h.o.now, func() history.Flaps { return h.agent.Flaps(since) },
		func() history.Flaps {
			// The scores are for others, too, so asking doesn't end with this request.
			return h.agent.FlapsAndHealth(context.WithoutCancel(r.Context()), since)
		})
	answer(w, http1.StatusOK, &f)
}

// recently returns how often each member's state changed lately, to be read only. Many lists cost
// the agent's loop no more than one.
func (h *Handler) recently() map[string]int {
	counts, _ := h.changes.take(h.o.now, changesAge, func() (map[string]int, error) {
		return h.agent.ChangeCounts(changesSince), nil
	})
	return counts
}
