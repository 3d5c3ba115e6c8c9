// Package server is an agent's control port: it answers the clients of package rpc, the Serf
// command line and other client libraries on behalf of an agent. The protocol is described there.
package server

import (
	"cmp"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"serf/internal/accept"
)

const (
	// connsMax bounds the clients at one time; further ones are hung up on. Each costs some 20 KB.
	connsMax = 1 << 14
	// streamsMax bounds the streams, monitors and queries of all clients. Each costs some 10 KB.
	streamsMax = 1 << 15
)

// Options are the settings of a server. The zero value serves every client that can connect.
type Options struct {
	// AuthKey is what clients must send in auth before anything else. None if empty.
	AuthKey string
	// Log gets a line for each client that connects or is cut off. Nil means no log.
	Log Logger
	// Left is called after a client's leave was carried out and answered: the agent should stop. It
	// runs on a goroutine that Close waits for, so it must not call Close.
	Left func()
	// SetTags sets the agent's tags; nil means the agent's own method.
	SetTags func(ctx context.Context, set map[string]string, del []string) error

	conns, streams int // limits; 0: connsMax and streamsMax. Tests make them small.
}

// Logger is where a server logs. *agent.Log is one.
type Logger interface {
	Infof(component, format string, args ...any)
	Warnf(component, format string, args ...any)
}

// component marks this package's log lines.
const component = "agent.ipc"

// A Server answers RPC clients on behalf of an agent.
type Server struct {
	agent Agent
	o     Options

	ctx    context.Context // of all requests; done when the server closes
	cancel context.CancelFunc
	wg     sync.WaitGroup // accept and the connections

	mu        sync.Mutex
	listeners []net.Listener
	conns     map[*conn]struct{}
	closed    bool

	streams                   atomic.Int64 // of all clients
	accepted, refused, cutOff atomic.Uint64
	requests                  requests
}

// Counters count since the start of a server.
type Counters struct {
	Accepted uint64 // clients
	Refused  uint64 // clients, because there were too many
	Commands uint64
	CutOff   uint64 // clients that didn't read
}

// Serve starts a server of a on ln, which it takes over. The caller has to close it.
func Serve(ln net.Listener, a Agent, o Options) *Server {
	if o.Log == nil {
		o.Log = discard{}
	}
	if o.SetTags == nil {
		o.SetTags = a.SetTags
	}
	o.conns, o.streams = cmp.Or(o.conns, connsMax), cmp.Or(o.streams, streamsMax)
	s := &Server{agent: a, o: o, conns: make(map[*conn]struct{}),
		requests: newRequests()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.Add(ln)
	return s
}

// Add makes the server serve on ln, too, which it takes over.
func (s *Server) Add(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		ln.Close()
		return
	}
	s.listeners = append(s.listeners, ln)
	s.wg.Go(func() { s.accept(ln) })
}

type discard struct{}

func (discard) Infof(string, string, ...any) {}
func (discard) Warnf(string, string, ...any) {}

// Addr is where the server listens, at first of all.
func (s *Server) Addr() net.Addr { return s.listeners[0].Addr() }

// Counters returns the server's counters.
func (s *Server) Counters() Counters {
	return Counters{
		Accepted: s.accepted.Load(),
		Refused:  s.refused.Load(),
		Commands: s.requests.sum(),
		CutOff:   s.cutOff.Load(),
	}
}

// Close hangs up on all clients, cancels their requests, and returns when all goroutines of the
// server have ended. It may be called again.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns { // order-free: all are closed
		c.hangUp()
	}
	s.mu.Unlock()
	s.cancel()
	var errs []error
	for _, ln := range s.listeners { // none is added any more
		if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	s.wg.Wait()
	return errors.Join(errs...)
}

func (s *Server) accept(ln net.Listener) {
	accept.Loop(s.ctx, ln, s.admit, func(err error) {
		s.o.Log.Warnf(component, "Failed to accept clients, trying again: %v", err)
	})
}

// admit starts to serve a client, if there is room for it.
func (s *Server) admit(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	full := len(s.conns) >= s.o.conns
	if s.closed || full {
		s.mu.Unlock()
		c.hangUp()
		if full && s.refused.Add(1) == 1 {
			const text = "Refused client %v and perhaps more: %d are connected, the limit"
			s.o.Log.Warnf(component, text, c.peer(), s.o.conns)
		}
		return
	}
	s.conns[c] = struct{}{}
	s.wg.Go(c.serve)
	s.mu.Unlock()
	s.accepted.Add(1)
	s.o.Log.Infof(component, "Accepted client: %v", c.peer())
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}
