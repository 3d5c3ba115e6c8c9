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

// recent keeps the last answer to a question that costs the agent much.
type recent[T any] struct {
	mu     sync.Mutex // held while it is asked: others wait for the same answer
	at     time.Time
	answer T
}

// take returns an answer that is younger than age, of now if need be.
func (r *recent[T]) take(
	now func() time.Time, age time.Duration, ask func() (T, error),
) (T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && now().Sub(r.at) < age {
		return r.answer, nil
	}
	answer, err := ask()
	if err == nil {
		r.answer, r.at = answer, now()
	}
	return answer, err
}

// serveViews asks all agents whether they agree.
func (h *Handler) serveViews(w http1.ResponseWriter, r *http1.Request) {
	if !parameters(r).done(w) || !h.enter(w, &h.queries, "queries") {
		return
	}
	defer h.queries.leave()
	views, err := h.views.take(h.o.now, viewsAge, func() (survey.Views, error) {
		// The answer is for others, too, so it doesn't end with this request.
		return h.agent.Views(context.WithoutCancel(r.Context()), viewsTimeout)
	})
	if err != nil {
		fail(w, http1.StatusServiceUnavailable, "the agents can't be asked: %v", err)
		return
	}
	answer(w, http1.StatusOK, &views)
}
