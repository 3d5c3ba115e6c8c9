package http

import (
	"net/http"
	"sync"
	"time"

	"serf/agent"
	"serf/swim/history"
)

const (
	// flapsDefault is how far GET /v1/flaps looks back, and flapsMost how far it can.
	flapsDefault, flapsMost = time.Hour, 30 * 24 * time.Hour
	// recent is how far the counts of changes in a list of members go back.
	recent = time.Hour
	// recentFor is how long such counts are used: taking them goes through the whole history.
	recentFor = time.Second
)

// historyAnswer is what GET /v1/members/NAME/history returns.
type historyAnswer struct {
	Index string `json:"index"`
	agent.MemberHistory
}

func (h *Handler) serveHistory(w http.ResponseWriter, r *http.Request) {
	if !parameters(r).done(w) {
		return
	}
	a := historyAnswer{Index: h.log.index()}
	var known bool
	if a.MemberHistory, known = h.agent.History(r.PathValue("name")); !known {
		fail(w, http.StatusNotFound, "nothing is known of a member %q", r.PathValue("name"))
		return
	}
	if a.Changes == nil {
		a.Changes = []history.Change{}
	}
	answer(w, http.StatusOK, &a)
}

func (h *Handler) serveFlaps(w http.ResponseWriter, r *http.Request) {
	p := parameters(r)
	since := p.duration("since", flapsDefault, flapsMost)
	if !p.done(w) {
		return
	}
	f := h.agent.Flaps(since)
	if f.Members == nil {
		f.Members = []history.Flapper{}
	}
	if f.Accusers == nil {
		f.Accusers = []history.Accuser{}
	}
	answer(w, http.StatusOK, &f)
}

// recentChanges counts the changes of members' states, so that many lists cost the agent's loop no
// more than one.
type recentChanges struct {
	mu     sync.Mutex
	at     time.Time
	counts map[string]int // read-only
}

// recently returns how often each member's state changed lately.
func (h *Handler) recently() map[string]int {
	c := &h.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := h.o.now(); c.counts == nil || now.Sub(c.at) >= recentFor {
		c.at, c.counts = now, h.agent.ChangeCounts(recent)
	}
	return c.counts
}
