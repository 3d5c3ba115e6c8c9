package http

import (
	"context"
	"fmt"
	"time"

	"serf/internal/http1"
	"serf/swim/serf"
)

// checkTimeout is how long the agent's loop may take to answer before it counts as stuck. A turn
// takes a millisecond at most.
const checkTimeout = time.Second

// agentAnswer is what GET /v1/agent returns.
type agentAnswer struct {
	Name      string            `json:"name"`
	Addr      string            `json:"addr"`
	Port      uint16            `json:"port"`
	Version   string            `json:"version,omitempty"`
	Protocol  uint8             `json:"protocol"`
	Label     string            `json:"label,omitempty"`
	Profile   string            `json:"profile,omitempty"`
	Epoch     string            `json:"epoch"`
	Started   string            `json:"started"`
	UptimeS   float64           `json:"uptime_s"`
	Time      string            `json:"time"`
	Health    int               `json:"health"`
	Encrypted bool              `json:"encrypted"`
	Writable  bool              `json:"writable"`
	Auth      bool              `json:"auth"`
	Tags      map[string]string `json:"tags"`
	Index     string            `json:"index"`
	View      viewAnswer        `json:"view"`
	Queues    queuesAnswer      `json:"queues"`
}

// viewAnswer says what this agent considers the cluster to be.
type viewAnswer struct {
	Digest  string `json:"digest"`
	Members int    `json:"members"`
	Alive   int    `json:"alive"`
	Leaving int    `json:"leaving"`
	Failed  int    `json:"failed"`
	Left    int    `json:"left"`
}

// queuesAnswer counts the messages that wait to be gossiped, and own events that wait for a time.
type queuesAnswer struct {
	Intent  int `json:"intent"`
	Event   int `json:"event"`
	Query   int `json:"query"`
	Backlog int `json:"backlog"`
}

func (h *Handler) serveAgent(w http1.ResponseWriter, r *http1.Request) {
	if !parameters(r).done(w) {
		return
	}
	index := h.log.index()
	s, running := h.agent.NodeStats()
	if !running {
		fail(w, http1.StatusServiceUnavailable, "the agent has stopped")
		return
	}
	self, now := h.agent.Self(), h.o.now()
	answer(w, http1.StatusOK, &agentAnswer{
		Name: self.Name, Addr: self.Addr.Addr().String(), Port: self.Addr.Port(),
		Version: h.o.Version, Protocol: protocolOf(&self), Label: h.o.Label, Profile: h.o.Profile,
		Epoch: h.log.epoch, Started: formatTime(h.agent.Started()),
		UptimeS: now.Sub(h.agent.Started()).Round(time.Millisecond).Seconds(),
		Time:    formatTime(now), Health: s.Health, Encrypted: s.Encrypted, Writable: h.o.Write,
		Auth: h.o.Token != "" && !h.o.OpenReads, Tags: tagsOf(&self), Index: index,
		View: viewAnswer{Digest: s.Digest.String(), Members: s.Members, Alive: s.Alive,
			Leaving: s.Leaving, Failed: s.Failed, Left: s.Left},
		Queues: queuesAnswer{Intent: s.IntentQueue, Event: s.EventQueue, Query: s.QueryQueue,
			Backlog: s.Backlog},
	})
}

func (h *Handler) serveStats(w http1.ResponseWriter, r *http1.Request) {
	if parameters(r).done(w) {
		answer(w, http1.StatusOK, h.agent.Stats())
	}
}

// healthAnswer is what GET /healthz and /readyz return.
type healthAnswer struct {
	Status  string   `json:"status"` // "ok" or "unavailable"
	Reasons []string `json:"reasons,omitempty"`
}

func answerHealth(w http1.ResponseWriter, reasons []string) {
	if len(reasons) == 0 {
		answer(w, http1.StatusOK, healthAnswer{Status: "ok"})
		return
	}
	answer(w, http1.StatusServiceUnavailable, healthAnswer{Status: "unavailable", Reasons: reasons})
}

// serveHealth tells whether the agent's loop answers.
func (h *Handler) serveHealth(w http1.ResponseWriter, r *http1.Request) {
	if parameters(r).done(w) {
		answerHealth(w, h.stuck(r.Context()))
	}
}

func (h *Handler) stuck(ctx context.Context) (reasons []string) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	switch err := h.agent.Check(ctx); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return []string{fmt.Sprintf("the agent's loop didn't answer within %v", checkTimeout)}
	default:
		return []string{err.Error()}
	}
}

// serveReady tells whether the agent takes part in a cluster of as many living members as asked
// for.
func (h *Handler) serveReady(w http1.ResponseWriter, r *http1.Request) {
	p := parameters(r)
	want := p.number("members", 1, 1<<20)
	if !p.done(w) {
		return
	}
	reasons := h.stuck(r.Context())
	if len(reasons) > 0 {
		answerHealth(w, reasons) // there is nobody to ask for more
		return
	}
	s, _ := h.agent.NodeStats()
	if s.Alive < want {
		reasons = append(reasons, fmt.Sprintf("%d alive, want %d members", s.Alive, want))
	}
	if status := h.agent.Self().Status; status != serf.StatusAlive {
		reasons = append(reasons, "this member is "+status.String())
	}
	answerHealth(w, reasons)
}

// serveMetrics answers GET /metrics.
func (h *Handler) serveMetrics(w http1.ResponseWriter, r *http1.Request) {
	if h.o.Metrics == nil {
		fail(w, http1.StatusNotFound, "this agent's metrics aren't served")
		return
	}
	h.o.Metrics.Serve(w, r)
}
