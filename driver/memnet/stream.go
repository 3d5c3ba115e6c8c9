package memnet

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"serf/internal/std"
)

// way is one direction between two hosts.
type way struct {
	net      *Network
	from, to netip.Addr
}

func (w way) back() way { return way{w.net, w.to, w.from} }

var errEnded = errors.New("ended")

// wait waits as long as what is sent now is under way: until the link isn't cut, and for its delay.
// If end is closed before, it returns errEnded.
func (w way) wait(end <-chan struct{}) error {
	for {
		w.net.mu.Lock()
		cut, delay, changed := w.net.cut(w.from, w.to), w.net.link(w.from, w.to).Delay, w.net.changed
		w.net.mu.Unlock()
		switch {
		case cut:
			select {
			case <-changed:
			case <-end:
				return errEnded
			}
		case delay <= 0:
			return nil
		default:
			if std.Await(end, delay) {
				return errEnded
			}
			return nil
		}
	}
}

// stream is one end of a stream: that of a pipe, whose writes take as long as the link does.
type stream struct {
	net.Conn
	way           way
	local, remote netip.AddrPort

	mu       sync.Mutex
	end      chan struct{} // closed at the deadline of writes, and by Close
	ended    bool          // end is closed
	closed   bool
	deadline *time.Timer // closes end
}

// newPipe returns both ends of a stream.
func newPipe(n *Network, from, to netip.AddrPort) (here, there *stream) {
	a, b := net.Pipe()
	here = &stream{Conn: a, way: way{n, from.Addr(), to.Addr()}, local: from, remote: to,
		end: make(chan struct{})}
	there = &stream{Conn: b, way: here.way.back(), local: to, remote: from, end: make(chan struct{})}
	return here, there
}

// Write writes b when it has arrived at the other host.
func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	end := s.end
	s.mu.Unlock()
	if err := s.way.wait(end); err != nil {
		return 0, s.opError()
	}
	return s.Conn.Write(b)
}

func (s *stream) opError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := os.ErrDeadlineExceeded
	if s.closed {
		err = net.ErrClosed
	}
	return &net.OpError{Op: "write", Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: err}
}

// SetDeadline sets that of reads and writes.
func (s *stream) SetDeadline(t time.Time) error {
	s.setEnd(t)
	return s.Conn.SetDeadline(t)
}

// SetWriteDeadline sets that of writes.
func (s *stream) SetWriteDeadline(t time.Time) error {
	s.setEnd(t)
	return s.Conn.SetWriteDeadline(t)
}

// setEnd has end closed at t, if that isn't zero.
func (s *stream) setEnd(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.deadline != nil {
		s.deadline.Stop()
		s.deadline = nil
	}
	if s.ended {
		s.end, s.ended = make(chan struct{}), false
	}
	if t.IsZero() {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Until(t), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.deadline == timer { // else another one was set meanwhile
			s.finish()
		}
	})
	s.deadline = timer
}

// finish closes end; s.mu is held.
func (s *stream) finish() {
	if !s.ended {
		s.ended = true
		close(s.end)
	}
}

// Close closes this end. The other one reads io.EOF, at once and whatever the link is like.
func (s *stream) Close() error {
	s.mu.Lock()
	s.closed = true
	if s.deadline != nil {
		s.deadline.Stop()
	}
	s.finish()
	s.mu.Unlock()
	return s.Conn.Close()
}

// LocalAddr is a *net.TCPAddr.
func (s *stream) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(s.local) }

// RemoteAddr is a *net.TCPAddr.
func (s *stream) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.remote) }
