package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"serf/agent/rpc/internal/protocol"
	"serf/internal/accept"
)

const (
	// greetTimeout is how long a client may take for handshake and auth.
	greetTimeout = 10 * time.Second

	// writeTimeout is how long a client may take to read writeStep bytes. One that doesn't is cut
	// off; until then only its own requests and streams wait for it.
	writeTimeout = 10 * time.Second
	writeStep    = 64 << 10

	// lingerTimeout is how long the server reads, and discards, what a client still sends after an
	// answer that ends the connection. Closing at once would reset the connection, and the client
	// might lose the answer.
	lingerTimeout = time.Second

	// waitingMax bounds the requests of one connection that wait for the cluster. Further requests
	// are not read until one of them is done.
	waitingMax = 64

	// batchMax is about how many bytes of records go into one write when a stream has several
	// records ready.
	batchMax = 16 << 10
)

// A conn is one client. Its reader goroutine (serve) owns greeted and authed, and answers requests
// that don't have to wait. Streams, and requests that wait, have goroutines of their own.
type conn struct {
	s      *Server
	nc     net.Conn
	in     *protocol.Reader
	ctx    context.Context // done when the connection ends
	cancel context.CancelFunc

	greeted, authed bool
	turn            *turn // of the present request; nil if another goroutine answers it

	waiting chan struct{}  // one element for each request that waits; capacity waitingMax
	work    sync.WaitGroup // waiting requests and streams

	mu        sync.Mutex
	streams   map[uint64]*stream // by Seq of the request
	monitored bool

	numbers queryNumbers
	turns   turns

	// writing holds an element while a goroutine writes. It isn't a mutex, so that testing/synctest
	// considers goroutines idle that wait for it.
	writing chan struct{}
	broken  bool // a write failed; guarded by writing
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{
		s:       s,
		nc:      nc,
		in:      protocol.NewReader(nc, protocol.RequestLimits),
		authed:  s.o.AuthKey == "",
		waiting: make(chan struct{}, waitingMax),
		streams: make(map[uint64]*stream),
		writing: make(chan struct{}, 1),
	}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	return c
}

// hangUp ends the connection from any goroutine; serve does the rest.
func (c *conn) hangUp() {
	c.cancel()
	accept.HangUp(c.nc)
}

// peer is who the client is, for the log. One at a Unix socket has no address of its own, but a
// process and a user.
func (c *conn) peer() string {
	unix, ok := c.nc.(*net.UnixConn)
	if !ok {
		return c.nc.RemoteAddr().String()
	}
	return unix.LocalAddr().String() + processOf(unix)
}

// serve reads and answers requests until the connection ends, and returns when all of its
// goroutines have ended.
func (c *conn) serve() {
	defer c.s.forget(c)
	c.nc.SetReadDeadline(time.Now().Add(greetTimeout))
	err := c.serveRequests()
	if c.ctx.Err() == nil && !isHangUp(err) {
		c.s.o.Log.Warnf(component, "Closing connection of client %v: %v", c.peer(), err)
	}
	if errors.Is(err, errRefused) {
		accept.Linger(c.nc, c.nc, int64(protocol.RequestLimits.Bytes), lingerTimeout)
	}
	c.hangUp()
	c.closeStreams()
	c.work.Wait()
}

// isHangUp reports whether a client left in an orderly way, or was none: health checks connect and
// hang up, or reset. One that says by TLS what it doesn't like does neither.
func isHangUp(err error) bool {
	var op *net.OpError
	return err == io.EOF || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) ||
		errors.As(err, &op) && !op.Timeout() && op.Op != tlsAlert
}

// tlsAlert is the operation that failed if the client sent an alert of TLS.
const tlsAlert = "remote error"

// errRefused ends a connection after its last answer.
var errRefused = errors.New("refused")

// serveRequests returns why the connection can't go on.
func (c *conn) serveRequests() error {
	bare := false // the last request should have had no body
	for {
		h, err := c.header()
		if bare && (h.Command == "" && err == nil || errors.Is(err, errNoHeader)) {
			// Some clients send a body with each request; this one isn't needed.
			bare = false
			continue
		}
		if err != nil {
			return err
		}
		c.s.requests.add(h.Command)
		cmd, known := commandTable[h.Command]
		if !known {
			// Whether a body follows isn't known, so nor is where the next request begins.
			c.reply(h.Seq, protocol.TextUnsupportedCommand)
			return errRefused
		}
		// The body is read even if the request is refused: the next value has to be a header.
		var body []byte
		if bare = !cmd.body; cmd.body {
			if body, err = c.in.NextBody(); err != nil {
				return err
			}
		}
		if err := c.handle(cmd, h, body); err != nil {
			return err
		}
	}
}

// errNoHeader means that a value begins no request.
var errNoHeader = errors.New("not the header of a request")

// header reads the next header.
func (c *conn) header() (h protocol.RequestHeader, err error) {
	b, err := c.in.Next()
	if err != nil {
		return h, err
	}
	if err := protocol.Parse(b, &h); err != nil {
		return h, fmt.Errorf("%w: %w", errNoHeader, err)
	}
	return h, nil
}

func (c *conn) handle(cmd command, h protocol.RequestHeader, body []byte) error {
	switch {
	case h.Command == protocol.CmdHandshake:
	case !c.greeted:
		c.reply(h.Seq, protocol.TextHandshakeRequired)
		return errRefused
	case h.Command == protocol.CmdAuth:
	case !c.authed:
		c.reply(h.Seq, protocol.TextAuthRequired)
		return nil
	}
	c.turn = c.turns.begin()
	err := cmd.handle(c, h.Seq, body)
	if c.turn != nil {
		c.turns.end(c.turn)
	}
	if err != nil {
		return err
	}
	if c.greeted && c.authed {
		c.nc.SetReadDeadline(time.Time{})
	}
	return nil
}

// wait runs f, which may wait for the cluster, on a goroutine of its own. If too many are running
// it waits for one of them. The request has been answered when f returns.
func (c *conn) wait(f func()) {
	select {
	case c.waiting <- struct{}{}:
	case <-c.ctx.Done():
		return
	}
	turn := c.turn
	c.turn = nil
	c.work.Go(func() {
		defer func() { <-c.waiting }()
		defer c.turns.end(turn)
		f()
	})
}

// reply answers a request, with a text if it was refused, and with a body if the answer has one.
func (c *conn) reply(seq uint64, text string, body ...any) {
	values := append([]any{&protocol.ResponseHeader{Error: text, Seq: seq}}, body...)
	c.send(protocol.Append(nil, values...))
}

// replyError is reply for the error of an operation, nil if it succeeded.
func (c *conn) replyError(seq uint64, err error, body ...any) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	c.reply(seq, text, body...)
}

// send writes b and reports whether the client took it. If it doesn't in time, the connection ends.
func (c *conn) send(b []byte) bool { return c.sendPieces(slices.Values([][]byte{b})) }

// sendPieces is send for an answer in pieces, between which nothing else is sent.
func (c *conn) sendPieces(pieces iter.Seq[[]byte]) bool {
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	for b := range pieces {
		for step := range slices.Chunk(b, writeStep) {
			if c.broken {
				return false
			}
			c.write(step)
		}
	}
	return !c.broken
}

// write writes up to writeStep bytes, or breaks the connection.
func (c *conn) write(b []byte) {
	c.nc.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := c.nc.Write(b)
	if err == nil {
		return
	}
	c.broken = true
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.s.cutOff.Add(1)
		c.s.o.Log.Warnf(component, "Client %v cut off: it hasn't read for %v",
			c.peer(), writeTimeout)
	}
	c.hangUp()
}
