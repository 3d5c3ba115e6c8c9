// Package http serves an agent to browsers, curl and programs: who is a member, what happens, why,
// and how the agent is. docs/http.md describes the endpoints, openapi.json their shapes.
//
// [Serve] serves it as the command serf does; package nethttp makes a handler of net/http of it.
// What reads is answered from views that the agent publishes anyway, and events are encoded once,
// for all streams: the agent never waits for a client.
package http

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"serf/agent"
	"serf/agent/survey"
	"serf/internal/http1"
)

// Limits of what clients may hold open or send.
const (
	// streamsMax bounds the streams of events, each of which costs some 20 KB.
	streamsMax = 64
	// pollsMax bounds the requests that wait for a change, queriesMax those that wait for answers
	// to a query.
	pollsMax, queriesMax = 64, 64
	// bodyMax is the largest body in bytes: a query has up to 60 KiB.
	bodyMax = 64 << 10
)

// Options are the settings of a Handler.
type Options struct {
	// Token, if set, is what clients have to send as "Authorization: Bearer TOKEN". Health checks,
	// the description of the API and static pages are served without it.
	Token string
	// OpenReads makes reading possible without the token, which then guards writing alone.
	OpenReads bool
	// Write allows requests that change something. Without a Token, whoever can connect may send
	// them.
	Write bool
	// Host reports whether the handler may be asked for under a name or an address, in lower case
	// and without port. It is always reached as localhost and at loopback addresses. Any other Host
	// is refused, as pages that make a browser believe that this is theirs send one.
	Host func(host string) bool
	// Origins are the origins whose pages may use the handler, such as "https://ops.example.com".
	Origins []string

	// Metrics answers at /metrics; nil if there are none.
	Metrics http1.Handler
	// Version, Profile and Label are shown to clients.
	Version, Profile, Label string
	// SetTags sets the agent's tags; nil means the agent's own method.
	SetTags func(ctx context.Context, set map[string]string, del []string) error

	now func() time.Time // of tests; nil: time.Now
}

// A Handler serves one agent. It needs no closing: it ends with the agent.
type Handler struct {
	agent *agent.Agent
	o     Options
	log   *eventLog
	views recent[survey.Views]
	// latencies is the map of members, which stays from answer to answer.
	latencies latencyMap
	origins   map[string]bool

	changes                 recent[map[string]int] // of members' states
	accusers                accusersHealth
	questions               pace
	streams, polls, queries room
	counts                  counters
}

// New returns a handler for an agent. The error is about Origins.
func New(a *agent.Agent, o Options) (*Handler, error) {
	if o.now == nil {
		o.now = time.Now
	}
	if o.SetTags == nil {
		o.SetTags = a.SetTags
	}
	h := &Handler{
		agent: a, o: o, origins: make(map[string]bool),
		streams: room{most: streamsMax}, polls: room{most: pollsMax},
		queries: room{most: queriesMax},
	}
	for _, origin := range o.Origins {
		if !http1.IsOrigin(origin) {
			return nil, fmt.Errorf("origin %q, want scheme://host or scheme://host:port, one origin "+
				"each", origin)
		}
		h.origins[origin] = true
	}
	h.log = followEvents(a, &h.counts.lost, o.now)
	return h, nil
}

// Serve answers a request.
func (h *Handler) Serve(w http1.ResponseWriter, r *http1.Request) {
	h.counts.requests.Add(1)
	set := w.Header().Set
	set("Cache-Control", "no-store")
	set("X-Content-Type-Options", "nosniff")
	set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'") // it is no page
	set("Referrer-Policy", "no-referrer")
	set("Cross-Origin-Resource-Policy", "same-origin")
	if !h.knownHost(r.Host) {
		refuse(w, &h.counts.hosts, http1.StatusMisdirectedRequest,
			"this agent isn't reached as %q: use its address or localhost", r.Host)
		return
	}
	if h.allowOrigin(w, r) {
		return // a browser asked whether it may ask
	}
	rt, allowed := find(r)
	if rt == nil {
		h.counts.unknown.Add(1)
		if allowed == "" {
			fail(w, http1.StatusNotFound, "there is nothing at %q", r.URL.Path)
			return
		}
		set("Allow", allowed)
		fail(w, http1.StatusMethodNotAllowed, "%q takes %s only", r.URL.Path, allowed)
		return
	}
	if h.admit(w, r, rt) {
		rt.serve(h, w, r)
	}
}

// Questions to all agents about one member can't be shared as those about views are, and each makes
// every agent send up to a packet: questionsBurst may come at once, and then one in questionPause.
const (
	questionsBurst = 8
	questionPause  = time.Second
)

// pace limits how often something happens.
type pace struct {
	mu   sync.Mutex
	next time.Time // from which on the whole burst is there again
}

// enter takes a turn; it reports false if it comes too early.
func (p *pace) enter(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next.Before(now) {
		p.next = now
	}
	if p.next.Sub(now) > (questionsBurst-1)*questionPause {
		return false
	}
	p.next = p.next.Add(questionPause)
	return true
}

// room is a number of places.
type room struct {
	most  int
	taken atomic.Int64
}

// enter takes a place; it reports false if there is none.
func (r *room) enter() bool {
	if r.taken.Add(1) > int64(r.most) {
		r.taken.Add(-1)
		return false
	}
	return true
}

func (r *room) leave() { r.taken.Add(-1) }

// enter takes a place in a room or answers that there is none.
func (h *Handler) enter(w http1.ResponseWriter, r *room, what string) bool {
	if r.enter() {
		return true
	}
	h.refuseForNow(w, "%d %s are open, the limit", r.most, what)
	return false
}

// refuseForNow answers that there is no room at the moment.
func (h *Handler) refuseForNow(w http1.ResponseWriter, format string, args ...any) {
	w.Header().Set("Retry-After", "1")
	refuse(w, &h.counts.full, http1.StatusServiceUnavailable, format, args...)
}
