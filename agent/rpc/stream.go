package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"serf/agent/rpc/internal/protocol"
	"serf/internal/std"
)

// backlogMax bounds the records that wait in a client for Next: two for each member of a large
// cluster, or some seconds of a debug log. A stream that falls further behind ends with ErrBehind,
// so that the other streams and calls on the connection need not wait for it.
const backlogMax = 1 << 16

// ErrBehind ends a stream whose records weren't taken fast enough.
var ErrBehind = fmt.Errorf("rpc: stream fell more than %d records behind", backlogMax)

// A Stream is a sequence of records from the agent: events, log lines or the answers to a query.
// Next may be called by one goroutine at a time.
type Stream[T any] struct {
	c   *Client
	seq uint64
	rec decoder[T]

	ready chan struct{} // capacity 1: Next has something to look at
	begun chan error    // capacity 1: the answer to the request

	mu      sync.Mutex
	queue   []T
	err     error // why no more will come; nil as long as more may
	started bool
}

// A decoder decodes a record. last means that it was none, but the mark at the end.
type decoder[T any] func(b []byte) (v T, last bool, err error)

// errNothing is the error of an empty record, which is skipped.
var errNothing = errors.New("empty record")

// Stream starts a stream of events. filter is a comma-separated list of member-join, member-leave,
// member-failed, member-update, member-reap, user, user:NAME, query, query:NAME and *. Queries can
// be answered with Respond.
func (c *Client) Stream(ctx context.Context, filter string) (*Stream[Event], error) {
	return start(ctx, c, protocol.CmdStream, &protocol.StreamRequest{Type: filter}, decodeEvent)
}

// Monitor starts a stream of the agent's log lines of a level (trace, debug, info, warn, err) and
// above, beginning with the last 512. There can be one at a time on a connection.
func (c *Client) Monitor(ctx context.Context, level string) (*Stream[string], error) {
	return start(ctx, c, protocol.CmdMonitor, &protocol.MonitorRequest{LogLevel: level}, decodeLog)
}

// Query starts a query and returns the stream of its answers, which ends with io.EOF when the query
// is over.
func (c *Client) Query(ctx context.Context, q QueryParams) (*Stream[Answer], error) {
	if q.Nodes != nil && len(q.Nodes) == 0 {
		return nil, ErrNoNodes
	}
	req := &protocol.QueryRequest{
		FilterNodes: q.Nodes,
		FilterTags:  q.Tags,
		Name:        q.Name,
		Payload:     q.Payload,
		RelayFactor: q.RelayFactor,
		RequestAck:  q.WantAck,
		Timeout:     int64(q.Timeout),
	}
	return start(ctx, c, protocol.CmdQuery, req, decodeAnswer)
}

func start[T any](
	ctx context.Context, c *Client, name string, req any, d decoder[T],
) (*Stream[T], error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	s := &Stream[T]{c: c, rec: d, ready: make(chan struct{}, 1), begun: make(chan error, 1)}
	seq, err := c.request(name, req, s)
	if err != nil {
		return nil, err
	}
	s.seq = seq
	select {
	case err := <-s.begun:
		if err != nil {
			return nil, err
		}
		return s, nil
	case <-ctx.Done():
		err := context.Cause(ctx)
		s.end(err)
		s.sendStop()
		return nil, err
	}
}

// Next waits for the next record. After the last one the error is io.EOF if the stream has ended or
// was stopped, and otherwise says what happened. If ctx ends first, no record is lost.
func (s *Stream[T]) Next(ctx context.Context) (T, error) {
	for {
		if v, ok, err := s.take(); ok || err != nil {
			return v, err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			var zero T
			return zero, ctx.Err()
		}
	}
}

// take returns the oldest record in the queue, or the error at the end of it.
func (s *Stream[T]) take() (v T, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return v, false, s.err
	}
	v = s.queue[0]
	var zero T
	s.queue[0] = zero // don't pin it
	s.queue = s.queue[1:]
	return v, true, nil
}

// Stop ends the stream, here and at the agent. It may be called again, and concurrently with Next.
func (s *Stream[T]) Stop(ctx context.Context) error {
	s.end(io.EOF)
	return s.c.call(ctx, protocol.CmdStop, &protocol.StopRequest{Stop: s.seq}, nil)
}

// sendStop is Stop without waiting for the agent's answer.
func (s *Stream[T]) sendStop() {
	ignored := &pendingAnswer{done: make(chan error, 1)}
	s.c.request(protocol.CmdStop, &protocol.StopRequest{Stop: s.seq}, ignored)
}

// end makes Next return err after the records that have arrived.
func (s *Stream[T]) end(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	std.Wake(s.ready)
}

// The methods of a receiver. A stream stays registered after Stop, because the agent may have sent
// more records before it received the request.

func (s *Stream[T]) header(text string) (more, last bool) {
	if s.started {
		return true, false
	}
	s.started = true
	s.begin(remoteError(text))
	return false, text != ""
}

func (s *Stream[T]) body(b []byte) (last bool, err error) {
	v, last, err := s.rec(b)
	if err == errNothing {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if last {
		s.end(io.EOF)
		return true, nil
	}
	s.mu.Lock()
	if s.err == nil && len(s.queue) >= backlogMax {
		s.err = ErrBehind
	}
	if s.err == nil {
		s.queue = append(s.queue, v)
	}
	s.mu.Unlock()
	std.Wake(s.ready)
	return false, nil
}

func (s *Stream[T]) fail(err error) {
	s.end(err)
	s.begin(err)
}

// begin reports the answer to start. Only the first call counts: the connection may fail while the
// answer arrives.
func (s *Stream[T]) begin(err error) {
	select {
	case s.begun <- err:
	default:
	}
}

func decodeEvent(b []byte) (e Event, last bool, err error) {
	var r eventRecord
	err = protocol.Parse(b, &r)
	return Event{
		Type:     r.Event,
		Members:  r.Members,
		Name:     r.Name,
		Payload:  r.Payload,
		LTime:    r.LTime,
		Coalesce: r.Coalesce,
		ID:       r.ID,
	}, false, err
}

func decodeLog(b []byte) (line string, last bool, err error) {
	var r protocol.LogRecord
	err = protocol.Parse(b, &r)
	return r.Log, false, err
}

func decodeAnswer(b []byte) (a Answer, last bool, err error) {
	var r protocol.QueryRecord
	if err := protocol.Parse(b, &r); err != nil {
		return Answer{}, false, err
	}
	if r.From == "" && r.Type != protocol.RecordDone {
		return Answer{}, false, errNothing // the original sends some when a query ends
	}
	switch r.Type {
	case protocol.RecordAck:
		return Answer{From: r.From, Ack: true}, false, nil
	case protocol.RecordResponse:
		return Answer{From: r.From, Payload: r.Payload}, false, nil
	case protocol.RecordDone:
		return Answer{}, true, nil
	}
	return Answer{}, false, fmt.Errorf("query record of type %q", r.Type)
}
