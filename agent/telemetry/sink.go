package telemetry

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"serf/agent"
	"serf/internal/std"
)

const (
	// pendingMax bounds the lines that wait for a server, in bytes; further ones are dropped and
	// counted. It is enough for minutes of an ordinary agent.
	pendingMax = 256 << 10
	// packetMax is the largest packet for statsd, in bytes: Ethernet and tunnels carry it in one
	// piece.
	packetMax = 1400
	// retryWait is the pause before another attempt to reach a server.
	retryWait = 5 * time.Second
	// dialTimeout and writeTimeout are for servers that hang.
	dialTimeout  = 5 * time.Second
	writeTimeout = 5 * time.Second
	// closeWait bounds how long the last lines may take.
	closeWait = 500 * time.Millisecond
)

// sink sends lines to one server, and reconnects when the connection is lost.
type sink struct {
	name, network, addr string
	log                 *agent.Log
	dial                func(ctx context.Context, network, addr string) (net.Conn, error)
	wake                chan struct{} // capacity 1: there is something to send

	mu      sync.Mutex
	pending []byte // whole lines
	dropped uint64 // lines, since takeDropped
}

func newSink(name, network, addr string, log *agent.Log) *sink {
	return &sink{name: name, network: network, addr: addr, log: log,
		dial: new(net.Dialer).DialContext, wake: make(chan struct{}, 1)}
}

// queue keeps a line until flush, or drops it.
func (s *sink) queue(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending)+len(line) > pendingMax {
		s.dropped++
		return
	}
	s.pending = append(s.pending, line...)
}

// flush wakes the goroutine that sends.
func (s *sink) flush() { std.Wake(s.wake) }

// takeDropped returns how many lines were dropped since the last call.
func (s *sink) takeDropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.dropped
	s.dropped = 0
	return n
}

// run is the goroutine that sends, until ctx ends.
func (s *sink) run(ctx context.Context) {
	for {
		err := s.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		s.log.Repeatf(slog.LevelWarn, "agent", "telemetry "+s.name,
			"Failed to send metrics to %s, trying again every %v: %v", s.name, retryWait, err)
		if !std.Sleep(ctx, retryWait) {
			return
		}
	}
}

// serve connects and sends until something fails or ctx ends.
func (s *sink) serve(ctx context.Context) error {
	dialCtx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := s.dial(dialCtx, s.network, s.addr)
	if err != nil {
		return err
	}
	// The servers never send anything, but a read notices immediately that one has gone.
	gone := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		if err == nil {
			err = io.EOF
		}
		gone <- err
		close(gone)
	}()
	err = s.feed(ctx, conn, gone)
	conn.Close()
	for range gone { // until the reader has ended
	}
	return err
}

// feed sends what comes until the server is gone or ctx ends.
func (s *sink) feed(ctx context.Context, conn net.Conn, gone <-chan error) error {
	// Shortens a write that is under way.
	stop := context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Now().Add(closeWait)) })
	defer stop()
	for {
		select {
		case err := <-gone:
			return err
		case <-ctx.Done():
			conn.SetWriteDeadline(time.Now().Add(closeWait))
			return s.send(conn)
		case <-s.wake:
		}
		conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if ctx.Err() != nil {
			continue // the deadline may have replaced the shorter one
		}
		if err := s.send(conn); err != nil {
			return err
		}
	}
}

// send sends everything that waits. What a failure leaves over is lost and counted: a part may have
// arrived.
func (s *sink) send(conn net.Conn) error {
	s.mu.Lock()
	lines := s.pending
	s.pending = nil
	s.mu.Unlock()
	for len(lines) > 0 {
		part := lines
		if s.network == "udp" {
			part = firstLines(lines, packetMax)
		}
		if _, err := conn.Write(part); err != nil {
			s.mu.Lock()
			s.dropped += uint64(bytes.Count(lines, []byte("\n")))
			s.mu.Unlock()
			return err
		}
		lines = lines[len(part):]
	}
	return nil
}

// firstLines returns as many whole lines as limit has room for, at least one.
func firstLines(lines []byte, limit int) []byte {
	if len(lines) <= limit {
		return lines
	}
	if end := bytes.LastIndexByte(lines[:limit], '\n'); end >= 0 {
		return lines[:end+1]
	}
	return lines[:bytes.IndexByte(lines, '\n')+1]
}
