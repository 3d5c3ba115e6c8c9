package rpc

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"serf/agent/rpc/internal/protocol"
)

const (
	// DefaultTimeout is what Options.Timeout is if left zero.
	DefaultTimeout = 10 * time.Second
	// handshakeTimeout bounds the handshake in that case. An agent answers at once; anything else
	// may never answer.
	handshakeTimeout = 4 * time.Second
)

// unexpectedMax is how many bytes of something that is no answer are shown in the error.
const unexpectedMax = 20

// ErrNeedlessKey means that a key was given to an agent that has none.
var ErrNeedlessKey = errors.New("the agent has no RPC key, so none can be given")

// ErrClosed is returned by the methods of a client after Close.
var ErrClosed = errors.New("rpc: client closed")

// RemoteError is the error that the agent answered a request with.
type RemoteError string

func (e RemoteError) Error() string { return string(e) }

// Answers of an agent to a client that has to send a key, or has sent a wrong one, and to a filter
// of events that it doesn't understand: no use to ask the same again.
const (
	ErrAuthRequired  = RemoteError(protocol.TextAuthRequired)
	ErrInvalidToken  = RemoteError(protocol.TextInvalidToken)
	ErrInvalidFilter = RemoteError(protocol.TextInvalidFilter)
)

// ErrNoNodes means that a query has a list of members, which is empty.
var ErrNoNodes = errors.New("the list of members to ask is empty: nil means all")

// Options are the settings of a client. The zero value is usable.
type Options struct {
	// AuthKey is sent after the handshake, unless it is empty. An agent that has a key refuses
	// everything else until then.
	AuthKey string
	// Timeout bounds connecting, with handshake and auth, and how long the agent may take to read a
	// request. Zero means DefaultTimeout. The time for an answer is bounded by the context of each
	// call and by AnswerTimeout.
	Timeout time.Duration
	// AnswerTimeout is how long the agent may take to answer a request, or to begin a stream. Zero
	// means no limit.
	AnswerTimeout time.Duration
	// TLS is for an address tls://host:port; [TLSFiles] makes one. Nil trusts the authorities that
	// this system does.
	TLS *tls.Config
}

// A Client is a connection to an agent. Its methods may be called concurrently.
//
// A method whose context is done returns at once; the agent may still carry out the request. When
// the connection breaks, all calls and streams end with the reason. A client doesn't reconnect.
type Client struct {
	nc      net.Conn
	in      *protocol.Reader // of the reader goroutine
	timeout time.Duration
	answer  time.Duration // Options.AnswerTimeout
	done    chan struct{} // closed when the reader goroutine has ended

	writing sync.Mutex

	mu    sync.Mutex
	seq   uint64
	calls map[uint64]receiver
	err   error // why the connection ended
}

// A receiver takes what arrives under one Seq. Its methods are called on the reader goroutine and
// must not wait.
type receiver interface {
	// header takes the next header. more means that a body follows, last that nothing follows.
	header(text string) (more, last bool)
	// body takes a body, valid until it returns. An error ends the connection.
	body(b []byte) (last bool, err error)
	// fail is called if the connection ends before the last header or body.
	fail(err error)
}

func (o *Options) timeout() time.Duration {
	if o.Timeout <= 0 {
		return DefaultTimeout
	}
	return o.Timeout
}

// NewClient is Dial for an existing connection. It takes over nc, and closes it on failure.
func NewClient(ctx context.Context, nc net.Conn, o Options) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	c := &Client{
		nc:      nc,
		in:      protocol.NewReader(nc, protocol.AnswerLimits),
		timeout: o.timeout(),
		answer:  o.AnswerTimeout,
		done:    make(chan struct{}),
		calls:   make(map[uint64]receiver),
	}
	go c.read()
	if err := c.greet(ctx, &o); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) greet(ctx context.Context, o *Options) error {
	if o.Timeout <= 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
	}
	hello := &protocol.HandshakeRequest{Version: protocol.Version}
	if err := c.call(ctx, protocol.CmdHandshake, hello, nil); err != nil {
		return c.handshakeFailure(err)
	}
	if o.AuthKey == "" {
		return nil
	}
	err := c.call(ctx, protocol.CmdAuth, &protocol.AuthRequest{AuthKey: o.AuthKey}, nil)
	if errors.Is(err, ErrInvalidToken) && c.isOpen(ctx) {
		return ErrNeedlessKey
	}
	return err
}

// isOpen reports whether the agent answers without a key. Stopping a stream that doesn't exist
// changes nothing.
func (c *Client) isOpen(ctx context.Context) bool {
	return !errors.Is(c.call(ctx, protocol.CmdStop, &protocol.StopRequest{}, nil), ErrAuthRequired)
}

// handshakeFailure explains why a handshake failed: something else may be listening there.
func (c *Client) handshakeFailure(err error) error {
	var strange *notAnAnswerError
	why := err.Error()
	switch {
	case errors.As(err, &strange):
		why = "no agent's RPC is there: it sends " + strange.what()
	case errors.Is(err, io.ErrUnexpectedEOF):
		why = "it hangs up. Is that the agent's RPC port, and not the one for gossip, or for TLS?"
	case errors.Is(err, context.DeadlineExceeded):
		why = "no answer in time. Is that an agent's RPC port?"
	}
	return &handshakeError{fmt.Sprintf("handshake with %v: %s", c.nc.RemoteAddr(), why), err}
}

// handshakeError explains err.
type handshakeError struct {
	text string
	err  error
}

func (e *handshakeError) Error() string { return e.text }
func (e *handshakeError) Unwrap() error { return e.err }

// notAnAnswerError is that something else came in place of an answer.
type notAnAnswerError struct {
	start []byte // of what came, at most unexpectedMax bytes
	err   error
}

func (e *notAnAnswerError) Error() string { return e.err.Error() }
func (e *notAnAnswerError) Unwrap() error { return e.err }

// what describes what came.
func (e *notAnAnswerError) what() string {
	if bytes.HasPrefix(e.start, []byte("HTTP/")) {
		return "what a web server does"
	}
	if bytes.HasPrefix(e.start, tlsAlert) {
		return "TLS. Is its address tls://host:port?"
	}
	return fmt.Sprintf("%q", e.start)
}

// Close hangs up. All calls and streams end. It may be called again.
func (c *Client) Close() error {
	c.fail(ErrClosed)
	<-c.done
	return nil
}

// fail ends the connection for a reason, unless it has ended already.
func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	c.nc.Close()
	for _, r := range c.calls { // in any order: each fails once
		r.fail(err)
	}
	clear(c.calls)
}

// read is the reader goroutine.
func (c *Client) read() {
	defer close(c.done)
	for {
		if err := c.readMessage(); err != nil {
			if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("the agent closed the connection: %w", io.ErrUnexpectedEOF)
			}
			c.fail(err)
			return
		}
	}
}

func (c *Client) readMessage() error {
	b, err := c.in.Next()
	if errors.Is(err, protocol.ErrMalformed) {
		err = &notAnAnswerError{c.in.Arrived(unexpectedMax), err}
	}
	if err != nil {
		return err
	}
	var h protocol.ResponseHeader
	if err := protocol.Parse(b, &h); err != nil {
		return &notAnAnswerError{c.in.Arrived(unexpectedMax), fmt.Errorf("answer header: %w", err)}
	}
	c.mu.Lock()
	r := c.calls[h.Seq]
	c.mu.Unlock()
	if r == nil {
		return fmt.Errorf("answer to a request %d that isn't pending", h.Seq)
	}
	more, last := r.header(h.Error)
	if more {
		if b, err = c.in.NextBody(); err != nil {
			return err
		}
		if last, err = r.body(b); err != nil {
			return fmt.Errorf("answer body: %w", err)
		}
	}
	if last {
		c.mu.Lock()
		delete(c.calls, h.Seq)
		c.mu.Unlock()
	}
	return nil
}

// request sends a command with its body, if any. What comes back goes to r. If it returns an error,
// r gets nothing.
func (c *Client) request(name string, body any, r receiver) (seq uint64, err error) {
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return 0, c.err
	}
	c.seq++
	seq = c.seq
	c.calls[seq] = r
	c.mu.Unlock()

	b := protocol.Append(nil, &protocol.RequestHeader{Command: name, Seq: seq})
	if body != nil {
		b = protocol.Append(b, body)
	}
	if err := c.write(b); err != nil {
		c.fail(fmt.Errorf("sending %s: %w", name, err)) // and with it r
	}
	return seq, nil
}

func (c *Client) write(b []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.nc.SetWriteDeadline(time.Now().Add(c.timeout))
	_, err := c.nc.Write(b)
	return err
}

// call makes a request and waits for its answer. The body of the answer, if it has one, goes into
// resp.
func (c *Client) call(ctx context.Context, name string, req, resp any) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	a := &pendingAnswer{resp: resp, done: make(chan error, 1)}
	if _, err := c.request(name, req, a); err != nil {
		return err
	}
	select {
	case err := <-a.done:
		return err
	case <-ctx.Done():
	}
	if !a.abandon() {
		return <-a.done // it has just arrived
	}
	return context.Cause(ctx)
}

// within bounds the time for an answer.
func (c *Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.answer <= 0 {
		return ctx, func() {}
	}
	late := fmt.Errorf("no answer within %v: %w", c.answer, context.DeadlineExceeded)
	return context.WithTimeoutCause(ctx, c.answer, late)
}

// pendingAnswer receives the one answer to a request.
type pendingAnswer struct {
	done chan error // capacity 1

	text string // of the reader goroutine, between header and body

	mu        sync.Mutex
	resp      any // where the body goes; nil if there's none
	abandoned bool
}

// abandon gives up waiting. It returns false if the answer is there. After it, resp is the caller's
// again: the body will still be taken off the stream, but not decoded.
func (a *pendingAnswer) abandon() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.done) > 0 {
		return false
	}
	a.abandoned = true
	return true
}

func (a *pendingAnswer) header(text string) (more, last bool) {
	// An answer that has a body has one even if the command failed, unless the agent refused to
	// look at the command.
	refused := text == protocol.TextAuthRequired || text == protocol.TextHandshakeRequired ||
		text == protocol.TextUnsupportedCommand
	if a.resp == nil || refused {
		a.finish(remoteError(text))
		return false, true
	}
	a.text = text
	return true, false
}

func (a *pendingAnswer) body(b []byte) (last bool, err error) {
	a.mu.Lock()
	if !a.abandoned {
		err = protocol.Parse(b, a.resp)
	}
	a.mu.Unlock()
	if err != nil {
		return false, err
	}
	a.finish(remoteError(a.text))
	return true, nil
}

func (a *pendingAnswer) fail(err error) { a.finish(err) }

func (a *pendingAnswer) finish(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case a.done <- err:
	default: // the connection failed while the answer came
	}
}

func remoteError(text string) error {
	if text == "" {
		return nil
	}
	return RemoteError(text)
}
