// Package http1 serves HTTP/1.1, with a limit on everything that a client can make it hold or wait
// for. Handlers look as those of net/http do, and package nethttp has that serve them, too.
//
// net/http would do, but is a megabyte of a program whose handlers gain nothing from it: its server
// brings HTTP/2 along, and its types alone a proxy's settings and tables of Unicode. Lines, headers
// and targets are parsed by net/textproto and net/url; a test compares what is made of them with
// net/http.
package http1

import (
	"cmp"
	"context"
	"net"
	"sync"
	"time"

	"serf/internal/accept"
	"serf/internal/std"
)

// Limits and time-outs of a connection, for those of Options that are zero.
const (
	connsDefault   = 256
	headerDefault  = 16 << 10         // bytes: tokens and names are short
	requestDefault = 10 * time.Second // for a header, or a body: clients send both at once
	idleDefault    = 2 * time.Minute  // pages ask every few seconds, scrapers every minute
	writeDefault   = 10 * time.Second // for a piece of writeMax
)

// writeMax is how many bytes one write may have, so that whoever reads at all is in time.
const writeMax = 64 << 10

// Options limit what clients may do. Zero values mean the defaults.
type Options struct {
	Conns   int           // at one time; further ones are hung up on
	Header  int           // bytes of a request's line and header
	Request time.Duration // from the first byte of a request to the end of its header, and its body
	Idle    time.Duration // between two requests
	Write   time.Duration // until a client has taken the next 64 KiB
	// Panicked is called with what a handler panicked with, and where. Its client is hung up on.
	Panicked func(value any, stack []byte)
	// AcceptFailed is called when no connection can be accepted, once until it works again.
	AcceptFailed func(error)
}

// A Server serves one listener.
type Server struct {
	handler Handler
	o       Options
	ln      net.Listener

	ctx    context.Context // of all requests; done when the server closes
	cancel context.CancelFunc
	wg     sync.WaitGroup // accept and the connections

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool

	counts std.Guarded[Counters] // all but Open
}

// Counters count since the start of a server.
type Counters struct {
	Open     int    // connections now
	Accepted uint64 // connections
	Refused  uint64 // connections, because there were too many
	Requests uint64 // that reached the handler
	Bad      uint64 // requests that made no sense, TLS that failed, connections that broke
	TooLarge uint64 // requests whose header is too large
	TimedOut uint64 // requests that began and didn't arrive in time
	CutOff   uint64 // connections of clients that didn't read
	Panics   uint64 // of handlers
}

// Serve starts a server of h on ln, which it takes over. The caller has to close it.
func Serve(ln net.Listener, h Handler, o Options) *Server {
	o.Conns, o.Header = cmp.Or(o.Conns, connsDefault), cmp.Or(o.Header, headerDefault)
	o.Request, o.Idle = cmp.Or(o.Request, requestDefault), cmp.Or(o.Idle, idleDefault)
	o.Write = cmp.Or(o.Write, writeDefault)
	if o.AcceptFailed == nil {
		o.AcceptFailed = func(error) {}
	}
	s := &Server{handler: h, o: o, ln: ln, conns: make(map[*conn]struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(func() { accept.Loop(s.ctx, ln, s.admit, s.o.AcceptFailed) })
	return s
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Counters returns the server's counters.
func (s *Server) Counters() Counters {
	c := s.counts.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Open = len(s.conns)
	return c
}

// Close hangs up on all clients, ends the contexts of their requests, and returns when all
// goroutines of the server have ended. It may be called again.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns { // order-free: all are closed
		accept.HangUp(c.nc)
	}
	s.mu.Unlock()
	s.cancel()
	s.ln.Close()
	s.wg.Wait()
}

// admit starts to serve a connection, if there is room for it.
func (s *Server) admit(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		nc.Close()
		return
	}
	if len(s.conns) >= s.o.Conns {
		nc.Close()
		s.counts.Change(func(c *Counters) { c.Refused++ })
		return
	}
	c := newConn(s, nc)
	s.conns[c] = struct{}{}
	s.counts.Change(func(c *Counters) { c.Accepted++ })
	s.wg.Go(c.serve)
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}
