package http

import (
	"context"
	"sync"
	"time"

	"serf/agent/survey"
	"serf/internal/http1"
)

// viewsAge is how old an answer to /v1/views may be: each is a query to all agents, however many
// clients want to know.
const viewsAge = 5 * time.Second

// viewsTimeout is how long an agent may take to answer before it counts as silent.
const viewsTimeout = 2 * time.Second

// viewsTaken keeps what the agents of the cluster last said about their views.
type viewsTaken struct {
	mu    sync.Mutex // held while the agents are asked: others wait for the same answer
	at    time.Time
	views survey.Views
}

// take returns what agents said at most viewsAge before now.
func (t *viewsTaken) take(
	now func() time.Time, ask func() (survey.Views, error),
) (survey.Views, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.at.IsZero() && now().Sub(t.at) < viewsAge {
		return t.views, nil
	}
	views, err := ask()
	if err != nil {
		return survey.Views{}, err
	}
	t.views, t.at = views, now()
	return views, nil
}

// serveViews asks all agents whether they agree.
func (h *Handler) serveViews(w http1.ResponseWriter, r *http1.Request) {
	if !parameters(r).done(w) || !h.enter(w, &h.queries, "queries") {
		return
	}
	defer h.queries.leave()
	views, err := h.views.take(h.o.now, func() (survey.Views, error) {
		// The answer is for others, too, so it doesn't end with this request.
		return h.agent.Views(context.WithoutCancel(r.Context()), viewsTimeout)
	})
	if err != nil {
		fail(w, http1.StatusServiceUnavailable, "the agents can't be asked: %v", err)
		return
	}
	answer(w, http1.StatusOK, &views)
}
