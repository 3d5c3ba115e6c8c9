package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"serf/internal/accept"
)

const (
	// bufferSize is what a connection reads and writes at a time, in bytes: most requests and
	// answers fit.
	bufferSize = 4 << 10
	// fieldsMax is how many fields a request's header may have: browsers send some 20. Small ones
	// take much more memory than they have bytes, as long as the request lasts.
	fieldsMax = 128
	// lingerMax and lingerTime are how much, and for how long, is still read of a request that was
	// refused: a connection closed before that takes the answer with it.
	lingerMax  = 256 << 10
	lingerTime = 500 * time.Millisecond
)

// conn is one connection. Its goroutine serves one request after the other.
type conn struct {
	s      *Server
	nc     net.Conn
	unread io.LimitedReader // of nc: what a request may still have
	r      *bufio.Reader    // of unread
	w      *bufio.Writer    // of nc, by timedWriter
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{s: s, nc: nc, unread: io.LimitedReader{R: nc}}
	c.r = bufio.NewReaderSize(&c.unread, bufferSize)
	c.w = bufio.NewWriterSize(timedWriter{c}, bufferSize)
	return c
}

func (c *conn) serve() {
	defer c.s.forget(c)
	defer c.nc.Close()
	wait := c.s.o.Request // a client connects to ask at once
	for {
		r, ok := c.next(wait)
		if !ok || !c.answer(r) {
			return
		}
		wait = c.s.o.Idle
	}
}

// next waits for a request to begin, and reads its header. It reports false if the connection is to
// be closed.
func (c *conn) next(wait time.Duration) (*Request, bool) {
	c.unread.N = int64(c.s.o.Header)
	c.nc.SetReadDeadline(time.Now().Add(wait))
	if _, err := c.r.Peek(1); err != nil {
		c.fail(err)
		return nil, false
	}
	c.nc.SetReadDeadline(time.Now().Add(c.s.o.Request))
	r, err := readRequest(c.r)
	switch {
	case err == nil:
		return r, true
	case c.unread.N <= 0, err == errFields:
		c.s.counts.Change(func(c *Counters) { c.TooLarge++ })
		c.refuse(StatusRequestHeaderFieldsTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.s.counts.Change(func(c *Counters) { c.TimedOut++ })
		c.refuse(StatusRequestTimeout)
	case c.s.ctx.Err() != nil:
	case err == errVersion:
		c.s.counts.Change(func(c *Counters) { c.Bad++ })
		c.refuse(StatusHTTPVersionNotSupported)
	default:
		c.s.counts.Change(func(c *Counters) { c.Bad++ })
		c.refuse(StatusBadRequest)
	}
	return nil, false
}

// fail looks at why no request has begun: TLS may have found that the client doesn't speak it.
func (c *conn) fail(err error) {
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &plain) && plain.Conn != nil:
		c.s.counts.Change(func(c *Counters) { c.Bad++ })
		plain.Conn.SetWriteDeadline(time.Now().Add(c.s.o.Write))
		io.WriteString(plain.Conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"+
			"This port speaks TLS: https://\n")
	case err == io.EOF, errors.Is(err, os.ErrDeadlineExceeded), c.s.ctx.Err() != nil:
	default:
		c.s.counts.Change(func(c *Counters) { c.Bad++ })
	}
}

// refuse answers what can't be read as a request, so the connection ends.
func (c *conn) refuse(status int) {
	w := response{c: c, close: true, header: make(Header)}
	w.header.Set("Content-Type", "text/plain; charset=utf-8")
	w.header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	io.WriteString(&w, StatusText(status)+"\n")
	w.finish()
	c.linger()
}

// linger lets the client read the answer before the connection is closed.
func (c *conn) linger() {
	c.unread.N = lingerMax
	accept.Linger(c.nc, c.r, lingerMax, lingerTime)
}

// answer has a request handled, and reports whether another may follow.
func (c *conn) answer(r *Request) (again bool) {
	ctx, cancel := context.WithCancel(c.s.ctx)
	defer cancel()
	r.ctx = ctx
	w := &response{
		c: c, header: make(Header), head: r.Method == "HEAD", plain: r.minor == 0,
		// A body in chunks has no length to check another server's reading of it by.
		close: r.close || r.length == chunked,
	}
	b := &body{Reader: r.Body, c: c, w: w, cancel: cancel}
	b.expected = r.minor > 0 && r.length != 0 &&
		strings.EqualFold(r.Header.Get("Expect"), "100-continue")
	w.request = b
	c.unread.N = math.MaxInt64 // the handler bounds what it reads
	r.Body = b
	if r.length == 0 {
		b.end()
	}
	c.s.counts.Change(func(c *Counters) { c.Requests++ })
	ok := c.handle(w, r)
	b.stopWatching()
	switch {
	case w.status == 0 && ctx.Err() != nil: // the handler gave up: that is no empty answer
		return false
	case !ok || w.finish() != nil:
		return false
	case !b.ended:
		c.linger()
		return false
	}
	return !w.close
}

// handle calls the handler. It reports false if that panicked: then nothing is known of the answer.
func (c *conn) handle(w *response, r *Request) (ok bool) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		c.s.counts.Change(func(c *Counters) { c.Panics++ })
		if c.s.o.Panicked != nil {
			c.s.o.Panicked(v, debug.Stack())
		}
	}()
	c.s.handler.Serve(w, r)
	return true
}

// body is that of a request. When it has been read, the connection is watched until the answer is
// complete: a client that hangs up ends the request's context.
type body struct {
	io.Reader
	c        *conn
	w        *response
	expected bool // the client waits to be asked for it
	ended    bool // it has been read whole

	cancel  context.CancelFunc
	watched sync.WaitGroup
}

func (b *body) Read(p []byte) (int, error) {
	if b.expected {
		b.expected = false
		b.w.askForBody()
	}
	n, err := b.Reader.Read(p)
	switch {
	case err == io.EOF:
		b.end()
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.c.s.counts.Change(func(c *Counters) { c.TimedOut++ })
	}
	return n, err
}

// end begins to watch the connection.
func (b *body) end() {
	if b.ended {
		return
	}
	b.ended = true
	b.c.nc.SetReadDeadline(time.Time{})
	b.watched.Go(func() {
		// A next request that is there already hides the end of the connection until it is read.
		if _, err := b.c.r.Peek(1); err != nil {
			b.cancel()
		}
	})
}

// stopWatching waits until nothing reads from the connection any more.
func (b *body) stopWatching() {
	if b.ended {
		b.c.nc.SetReadDeadline(time.Unix(1, 0)) // in the past
		b.watched.Wait()
	}
}
