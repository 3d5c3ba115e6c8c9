package http

import (
	"crypto/x509"
	"log/slog"
	"maps"
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

// A Server serves a Handler on a listener of its own, with a limit on everything that a client may
// send or leave unread.
type Server struct {
	*http1.Server
	h *Handler
}

// Serve starts a server of h on ln, which it takes over. The caller has to close it. What was
// refused and cut off is in the agent's statistics from then on, in section http.
func Serve(ln net.Listener, h *Handler, log Logger) *Server {
	s := &Server{h: h}
	s.Server = http1.Serve(ln, h, http1.Options{Panicked: func(value any, stack []byte) {
		log.Repeatf(slog.LevelError, "agent.http", "panic", "BUG: a request failed: %v\n%s", value,
			stack)
	}})
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

// stats returns the counts of the server and its handler, by name.
func (s *Server) stats() map[string]string {
	c := s.Server.Counters()
	stats := map[string]string{"connections": strconv.Itoa(c.Open)}
	for name, n := range map[string]uint64{
		"connections_accepted": c.Accepted,
		"connections_refused":  c.Refused,
		"bad_requests":         c.Bad,
		"headers_too_large":    c.TooLarge,
		"timed_out":            c.TimedOut,
		"cut_off":              c.CutOff,
		"panics":               c.Panics,
	} {
		stats[name] = strconv.FormatUint(n, 10)
	}
	maps.Copy(stats, s.h.Counters())
	return stats
}

// counters count what a Handler did and refused.
type counters struct {
	requests, unknown                            atomic.Uint64
	hosts, origins, tokens, writes, full, bodies atomic.Uint64
	cut, gaps, lost                              atomic.Uint64
}

// Counters returns what the handler counts, by name: requests, and those refused by reason; streams
// now, those that were cut off because nobody read them and those that resumed too late.
func (h *Handler) Counters() map[string]string {
	c := &h.counts
	counts := map[string]string{
		"streams": strconv.FormatInt(h.streams.taken.Load(), 10),
		"polls":   strconv.FormatInt(h.polls.taken.Load(), 10),
	}
	for name, n := range map[string]*atomic.Uint64{
		"requests":        &c.requests,
		"unknown":         &c.unknown,
		"refused_host":    &c.hosts,
		"refused_origin":  &c.origins,
		"refused_token":   &c.tokens,
		"refused_write":   &c.writes,
		"refused_full":    &c.full,
		"refused_body":    &c.bodies,
		"streams_cut_off": &c.cut,
		"stream_gaps":     &c.gaps,
		"events_lost":     &c.lost,
	} {
		counts[name] = strconv.FormatUint(n.Load(), 10)
	}
	return counts
}
