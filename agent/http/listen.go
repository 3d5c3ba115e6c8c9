package http

import (
	"crypto/x509"
	"iter"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"

	"serf/internal/http1"
)

// Logger is where a server logs. *agent.Log is one.
type Logger interface {
	Repeatf(level slog.Level, component, key, format string, args ...any)
}

// component marks this package's log lines.
const component = "agent.http"

// A Server serves a Handler on a listener of its own, with a limit on everything that a client may
// send or leave unread.
type Server struct {
	*http1.Server // its Counters are part of ours
	h             *Handler
}

// Serve starts a server of h on ln, which it takes over. The caller has to close it. What was
// refused and cut off is in the agent's statistics from then on, in section http.
func Serve(ln net.Listener, h *Handler, log Logger) *Server {
	s := &Server{h: h}
	s.Server = http1.Serve(ln, h, http1.Options{
		Panicked: func(value any, stack []byte) {
			log.Repeatf(slog.LevelError, component, "panic", "BUG: a request failed: %v\n%s", value,
				stack)
		},
		AcceptFailed: func(err error) {
			log.Repeatf(slog.LevelWarn, component, "accept",
				"Failed to accept clients, trying again: %v", err)
		},
	})
	h.agent.AddStats("http", s.stats)
	return s
}

// HostOf is an [Options.Host] for a listener on addr: its address, or any if it listens on all of
// the host's, and the names of its present certificate. cert returns nil if there is none.
func HostOf(addr netip.Addr, cert func() *x509.Certificate) func(host string) bool {
	return func(host string) bool {
		if c := cert(); c != nil && c.VerifyHostname(host) == nil {
			return true
		}
		ip, err := netip.ParseAddr(host)
		return err == nil && (addr.IsUnspecified() || ip == addr.Unmap().WithZone(""))
	}
}

// counters count what a Handler did and refused.
type counters struct {
	requests, unknown                            atomic.Uint64
	hosts, origins, tokens, writes, full, bodies atomic.Uint64
	cut, gaps, lost                              atomic.Uint64
}

// Counters count since the start of a server or handler. Those of a handler know nothing of
// connections.
type Counters struct {
	Connections, Streams, Polls, Queries int    // open now
	Accepted                             uint64 // connections
	Requests                             uint64 // that could be read
	// Dropped has what was refused, cut off or lost, by reason: the names of section http of the
	// agent's statistics.
	Dropped iter.Seq2[string, uint64]
}

// Counters returns the present counts.
func (s *Server) Counters() Counters {
	c := s.Server.Counters()
	counts := s.h.counters(&c)
	counts.Connections, counts.Accepted = c.Open, c.Accepted
	return counts
}

// Counters returns the present counts of a handler that another server serves.
func (h *Handler) Counters() Counters { return h.counters(nil) }

// counters are those of the handler, with the reasons of its server, if it is given.
func (h *Handler) counters(s *http1.Counters) Counters {
	list := reasons
	if s == nil {
		list = reasons[serverReasons:]
	}
	return Counters{
		Streams: int(h.streams.taken.Load()), Polls: int(h.polls.taken.Load()),
		Queries: int(h.queries.taken.Load()), Requests: h.counts.requests.Load(),
		Dropped: func(yield func(string, uint64) bool) {
			for i := range list {
				if r := &list[i]; !yield(r.name, r.of(&h.counts, s)) {
					return
				}
			}
		},
	}
}

// reasons are those of Counters.Dropped. docs/http.md says what each means.
var reasons = []struct {
	name string
	of   func(h *counters, s *http1.Counters) uint64
}{
	{"connections_refused", func(_ *counters, s *http1.Counters) uint64 { return s.Refused }},
	{"bad_requests", func(_ *counters, s *http1.Counters) uint64 { return s.Bad }},
	{"headers_too_large", func(_ *counters, s *http1.Counters) uint64 { return s.TooLarge }},
	{"timed_out", func(_ *counters, s *http1.Counters) uint64 { return s.TimedOut }},
	{"cut_off", func(_ *counters, s *http1.Counters) uint64 { return s.CutOff }},
	{"panics", func(_ *counters, s *http1.Counters) uint64 { return s.Panics }},
	// From here on the handler's.
	{"unknown", func(h *counters, _ *http1.Counters) uint64 { return h.unknown.Load() }},
	{"refused_host", func(h *counters, _ *http1.Counters) uint64 { return h.hosts.Load() }},
	{"refused_origin", func(h *counters, _ *http1.Counters) uint64 { return h.origins.Load() }},
	{"refused_token", func(h *counters, _ *http1.Counters) uint64 { return h.tokens.Load() }},
	{"refused_write", func(h *counters, _ *http1.Counters) uint64 { return h.writes.Load() }},
	{"refused_full", func(h *counters, _ *http1.Counters) uint64 { return h.full.Load() }},
	{"refused_body", func(h *counters, _ *http1.Counters) uint64 { return h.bodies.Load() }},
	{"streams_cut_off", func(h *counters, _ *http1.Counters) uint64 { return h.cut.Load() }},
	{"stream_gaps", func(h *counters, _ *http1.Counters) uint64 { return h.gaps.Load() }},
	{"events_lost", func(h *counters, _ *http1.Counters) uint64 { return h.lost.Load() }},
}

// serverReasons is how many of the reasons are a server's, the first ones.
const serverReasons = 6

// stats returns the counts as the agent's statistics have them.
func (s *Server) stats() map[string]string {
	c := s.Counters()
	stats := map[string]string{
		"connections":          strconv.Itoa(c.Connections),
		"connections_accepted": strconv.FormatUint(c.Accepted, 10),
		"polls":                strconv.Itoa(c.Polls),
		"queries":              strconv.Itoa(c.Queries),
		"requests":             strconv.FormatUint(c.Requests, 10),
		"streams":              strconv.Itoa(c.Streams),
	}
	for reason, n := range c.Dropped {
		stats[reason] = strconv.FormatUint(n, 10)
	}
	return stats
}
