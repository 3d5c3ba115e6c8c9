package server

import (
	"bytes"
	"context"
	"iter"
	"net"
	"sync"
	"testing"
	"time"

	"serf/agent"
	"serf/agent/rpc"
	"serf/agent/rpc/internal/protocol"
	"serf/agent/survey"
	"serf/swim/history"
	"serf/swim/serf"
	"serf/swim/serf/coord"
)

// fakeAgent answers from its fields. Functions that are nil succeed.
type fakeAgent struct {
	members []serf.Member
	stats   map[string]map[string]string
	coords  map[string]coord.Coordinate
	report  agent.KeyReport
	keysErr error
	history map[string]history.Member
	flaps   history.Flaps
	views   survey.Views
	trips   survey.RoundTrips
	merged  map[string]history.Merged

	surveyErr error

	join      func(ctx context.Context, addrs []string) (int, error)
	leave     func(ctx context.Context) error
	userEvent func(name string) error
	respond   func(id uint64, payload []byte) error
	query     func(q serf.QueryParams) (Feed[agent.Answer], error)
	subscribe func(f func(agent.Event) bool) (Feed[agent.Event], error)
	monitor   func(level string) (Feed[string], error)

	mu    sync.Mutex
	tags  map[string]string
	calls []string // names of the operations, in order
}

func (a *fakeAgent) note(call string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, call)
}

func (a *fakeAgent) AllMembers() (int, iter.Seq[*serf.Member]) {
	return len(a.members), func(yield func(*serf.Member) bool) {
		for i := range a.members {
			if !yield(&a.members[i]) {
				return
			}
		}
	}
}

func (a *fakeAgent) Stats() map[string]map[string]string { return a.stats }

func (a *fakeAgent) Coordinate(_ context.Context, name string) (coord.Coordinate, bool, error) {
	c, ok := a.coords[name]
	return c, ok, nil
}

func (a *fakeAgent) History(name string) (history.Member, bool) {
	h, ok := a.history[name]
	return h, ok
}

func (a *fakeAgent) FlapsAndHealth(context.Context, time.Duration) history.Flaps { return a.flaps }

func (a *fakeAgent) Views(context.Context, time.Duration) (survey.Views, error) {
	return a.views, a.surveyErr
}

func (a *fakeAgent) RoundTrips(context.Context, time.Duration) (survey.RoundTrips, error) {
	return a.trips, a.surveyErr
}

func (a *fakeAgent) HistoryOfAll(_ context.Context, name string, _ time.Duration) (history.Merged, bool, error) {
	m, ok := a.merged[name]
	return m, ok, a.surveyErr
}

func (a *fakeAgent) Join(ctx context.Context, addrs []string, _ bool) (int, error) {
	if a.join == nil {
		return len(addrs), nil
	}
	return a.join(ctx, addrs)
}

func (a *fakeAgent) Leave(ctx context.Context) error {
	a.note("leave")
	if a.leave == nil {
		return nil
	}
	return a.leave(ctx)
}

func (a *fakeAgent) ForceLeave(_ context.Context, name string, prune bool) error {
	a.note("force-leave " + name)
	return nil
}

func (a *fakeAgent) UserEventBefore(_ context.Context, name string, payload []byte, _ bool, before func()) error {
	before()
	a.note("event " + name + " " + string(payload))
	if a.userEvent == nil {
		return nil
	}
	return a.userEvent(name)
}

func (a *fakeAgent) SetTags(_ context.Context, set map[string]string, remove []string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tags == nil {
		a.tags = make(map[string]string)
	}
	for _, k := range remove {
		delete(a.tags, k)
	}
	for k, v := range set {
		a.tags[k] = v
	}
	return nil
}

func (a *fakeAgent) InstallKey(context.Context, []byte) (agent.KeyReport, error) {
	return a.report, a.keysErr
}
func (a *fakeAgent) UseKey(context.Context, []byte) (agent.KeyReport, error) {
	return a.report, a.keysErr
}
func (a *fakeAgent) RemoveKey(context.Context, []byte) (agent.KeyReport, error) {
	return a.report, a.keysErr
}
func (a *fakeAgent) ListKeys(context.Context) (agent.KeyReport, error) { return a.report, a.keysErr }

func (a *fakeAgent) StartQuery(_ context.Context, q serf.QueryParams) (Feed[agent.Answer], error) {
	if a.query == nil {
		return ended[agent.Answer](), nil
	}
	return a.query(q)
}

func (a *fakeAgent) Respond(_ context.Context, id uint64, payload []byte) error {
	if a.respond == nil {
		return serf.ErrNoQuery
	}
	return a.respond(id, payload)
}

func (a *fakeAgent) StreamEvents(f func(agent.Event) bool) (Feed[agent.Event], error) {
	if a.subscribe == nil {
		return newFeed[agent.Event](1), nil
	}
	return a.subscribe(f)
}

func (a *fakeAgent) Monitor(level string) (Feed[string], error) {
	if a.monitor == nil {
		return newFeed[string](1), nil
	}
	return a.monitor(level)
}

// feed is a Feed of the values that are sent to c, until c is closed or Close is called.
type feed[T any] struct {
	c      chan T
	once   sync.Once
	closed chan struct{}
}

func newFeed[T any](capacity int, values ...T) *feed[T] {
	f := &feed[T]{c: make(chan T, max(capacity, len(values))), closed: make(chan struct{})}
	for _, v := range values {
		f.c <- v
	}
	return f
}

// ended is a feed of values that ends after them.
func ended[T any](values ...T) *feed[T] {
	f := newFeed(0, values...)
	close(f.c)
	return f
}

func (f *feed[T]) Next() (T, bool) {
	select {
	case v, ok := <-f.c:
		return v, ok
	case <-f.closed:
		var zero T
		return zero, false
	}
}

func (f *feed[T]) Len() int { return len(f.c) }
func (f *feed[T]) Close()   { f.once.Do(func() { close(f.closed) }) }

// memListener accepts the server's ends of in-memory connections.
type memListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newMemListener() *memListener {
	return &memListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *memListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *memListener) dial() net.Conn {
	server, client := net.Pipe()
	l.conns <- server
	return client
}

// startServer serves a on memory and closes the server at the end of the test.
func startServer(t testing.TB, a Agent, o Options) (*Server, *memListener) {
	t.Helper()
	l := newMemListener()
	s := Serve(l, a, o)
	t.Cleanup(func() { s.Close() })
	return s, l
}

// connect is a client of a server on memory.
func connect(t testing.TB, l *memListener, key string) *rpc.Client {
	t.Helper()
	c, err := rpc.NewClient(t.Context(), l.dial(), rpc.Options{AuthKey: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A rawClient speaks the protocol by hand.
type rawClient struct {
	t  *testing.T
	nc net.Conn
	in *protocol.Reader
}

func dialRaw(t *testing.T, l *memListener) *rawClient {
	nc := l.dial()
	t.Cleanup(func() { nc.Close() })
	return &rawClient{t: t, nc: nc, in: protocol.NewReader(nc, protocol.AnswerLimits)}
}

// ask sends a request, without a body if that is nil, and expects a header with the error text
// want.
func (r *rawClient) ask(name string, seq uint64, body any, want string) {
	r.t.Helper()
	r.tell(name, seq, body)
	r.want(seq, want)
}

func (r *rawClient) tell(name string, seq uint64, body any) {
	r.t.Helper()
	values := []any{&protocol.RequestHeader{Command: name, Seq: seq}}
	if body != nil {
		values = append(values, body)
	}
	if _, err := r.nc.Write(protocol.Append(nil, values...)); err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
}

func (r *rawClient) want(seq uint64, text string) {
	r.t.Helper()
	var h protocol.ResponseHeader
	r.read(&h)
	if h.Seq != seq || h.Error != text {
		r.t.Fatalf("answer %d %q, want %d %q", h.Seq, h.Error, seq, text)
	}
}

func (r *rawClient) read(v any) {
	r.t.Helper()
	r.nc.SetReadDeadline(time.Now().Add(time.Minute)) // only so that a failure is told
	b, err := r.in.Next()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := decodeValue(b, v); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rawClient) wantClosed() {
	r.t.Helper()
	r.nc.SetReadDeadline(time.Now().Add(time.Minute))
	if b, err := r.in.Next(); err == nil {
		r.t.Fatalf("connection still open, got % x", b)
	}
}

func (r *rawClient) greet() {
	r.t.Helper()
	r.ask(protocol.CmdHandshake, 1, &protocol.HandshakeRequest{Version: 1}, "")
}

// scriptedConn is a connection that reads given bytes and keeps what is sent.
type scriptedConn struct {
	*bytes.Reader
	mu  sync.Mutex
	out bytes.Buffer
}

func (c *scriptedConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(b)
}

func (c *scriptedConn) Read(b []byte) (int, error)       { return c.Reader.Read(b) }
func (c *scriptedConn) Close() error                     { return nil }
func (c *scriptedConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *scriptedConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *scriptedConn) SetDeadline(time.Time) error      { return nil }
func (c *scriptedConn) SetReadDeadline(time.Time) error  { return nil }
func (c *scriptedConn) SetWriteDeadline(time.Time) error { return nil }
