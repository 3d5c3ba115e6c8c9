package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent"
	"serf/agent/rpc"
	"serf/agent/rpc/internal/protocol"
	"serf/swim/serf"
)

func TestFirstMustComeHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the server lingers
		_, l := startServer(t, &fakeAgent{}, Options{})
		r := dialRaw(t, l)
		r.ask(protocol.CmdEvent, 7, &protocol.EventRequest{Name: "x"}, protocol.TextHandshakeRequired)
		r.wantClosed()
	})
}

func TestHandshake(t *testing.T) {
	_, l := startServer(t, &fakeAgent{}, Options{})
	r := dialRaw(t, l)
	r.ask(protocol.CmdHandshake, 1, &protocol.HandshakeRequest{Version: 2}, protocol.TextUnsupportedVersion)
	r.ask(protocol.CmdHandshake, 2, &protocol.HandshakeRequest{Version: 0}, protocol.TextUnsupportedVersion)
	r.ask(protocol.CmdHandshake, 3, &protocol.HandshakeRequest{Version: 1}, "")
	r.ask(protocol.CmdHandshake, 4, &protocol.HandshakeRequest{Version: 1}, protocol.TextDuplicateHandshake)
}

// The body of a request that is refused without auth is read, so that the next request is
// understood.
func TestRefusedRequestsAreReadWhole(t *testing.T) {
	a := &fakeAgent{}
	_, l := startServer(t, a, Options{AuthKey: "k"})
	r := dialRaw(t, l)
	r.greet()
	bodies := map[string]any{
		protocol.CmdEvent: &protocol.EventRequest{Name: "x"}, protocol.CmdForceLeave: &protocol.ForceLeaveRequest{}, protocol.CmdJoin: &protocol.JoinRequest{},
		protocol.CmdMembersFiltered: &protocol.MembersFilteredRequest{}, protocol.CmdTags: &protocol.TagsRequest{}, protocol.CmdStream: &protocol.StreamRequest{},
		protocol.CmdMonitor: &protocol.MonitorRequest{}, protocol.CmdStop: &protocol.StopRequest{}, protocol.CmdQuery: &protocol.QueryRequest{}, protocol.CmdRespond: &protocol.RespondRequest{},
		protocol.CmdInstallKey: &protocol.KeyRequest{}, protocol.CmdUseKey: &protocol.KeyRequest{}, protocol.CmdRemoveKey: &protocol.KeyRequest{},
		protocol.CmdHistory: &protocol.HistoryRequest{}, protocol.CmdFlaps: &protocol.FlapsRequest{},
		protocol.CmdViews: &protocol.ViewsRequest{}, protocol.CmdHistoryAll: &protocol.HistoryAllRequest{},
		protocol.CmdRoundTrips: &protocol.RoundTripsRequest{},
		protocol.CmdCoordinate: &protocol.CoordinateRequest{}, protocol.CmdMembers: nil, protocol.CmdLeave: nil, protocol.CmdListKeys: nil, protocol.CmdStats: nil,
	}
	seq := uint64(10)
	for name := range commandTable { // order-free: none may have an effect
		if name != protocol.CmdHandshake && name != protocol.CmdAuth {
			seq++
			r.ask(name, seq, bodies[name], protocol.TextAuthRequired)
		}
	}
	r.ask(protocol.CmdAuth, 90, &protocol.AuthRequest{AuthKey: "wrong"}, protocol.TextInvalidToken)
	r.ask(protocol.CmdEvent, 91, &protocol.EventRequest{Name: "x"}, protocol.TextAuthRequired)
	if len(a.calls) > 0 {
		t.Fatalf("done without auth: %v", a.calls)
	}
	r.ask(protocol.CmdAuth, 92, &protocol.AuthRequest{AuthKey: "k"}, "")
	r.ask(protocol.CmdEvent, 93, &protocol.EventRequest{Name: "x"}, "")
}

func TestUnknownCommandEndsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the server lingers
		_, l := startServer(t, &fakeAgent{}, Options{})
		r := dialRaw(t, l)
		r.greet()
		r.ask("nonsense", 2, nil, protocol.TextUnsupportedCommand)
		r.wantClosed()
	})
}

func TestBodyOfAnotherShapeEndsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the server lingers
		_, l := startServer(t, &fakeAgent{}, Options{})
		r := dialRaw(t, l)
		r.greet()
		r.tell(protocol.CmdEvent, 2, "a string")
		var h protocol.ResponseHeader
		r.read(&h)
		if h.Seq != 2 || !strings.HasPrefix(h.Error, "Invalid request: ") {
			t.Errorf("answer %+v", h)
		}
		r.wantClosed()
	})
}

// The answer to an invalid filter has a body: clients wait for one.
func TestBadMemberFilterIsAnswered(t *testing.T) {
	_, l := startServer(t, &fakeAgent{members: []serf.Member{{Name: "a"}}}, Options{})
	c := connect(t, l, "")
	for _, f := range []rpc.MemberFilter{
		{Name: "("},
		{Status: "["},
		{Tags: map[string]string{"role": "*"}},
		{Name: strings.Repeat("x", 1025)},
	} {
		var remote rpc.RemoteError
		if _, err := c.MembersFiltered(t.Context(), f); !errors.As(err, &remote) {
			t.Errorf("%.40v: error %v, want one from the agent", f, err)
		}
	}
	if m, err := c.MembersFiltered(t.Context(), rpc.MemberFilter{Name: strings.Repeat("x", 1024)}); err != nil || len(m) != 0 {
		t.Errorf("a pattern at the limit: %v, %v", m, err)
	}
	if m, err := c.Members(t.Context()); err != nil || len(m) != 1 {
		t.Errorf("connection unusable afterwards: %v, %v", m, err)
	}
}

// A slow join delays no other request, and is answered when it is done.
func TestWaitingRequestsBlockNobody(t *testing.T) {
	release := make(chan struct{})
	a := &fakeAgent{join: func(context.Context, []string) (int, error) { <-release; return 3, nil }}
	_, l := startServer(t, a, Options{})
	r := dialRaw(t, l)
	r.greet()
	r.tell(protocol.CmdJoin, 2, &protocol.JoinRequest{Existing: []string{"x"}})
	r.ask(protocol.CmdEvent, 3, &protocol.EventRequest{Name: "meanwhile"}, "")
	close(release)
	r.want(2, "")
	var j protocol.JoinResponse
	if r.read(&j); j.Num != 3 {
		t.Errorf("joined %d, want 3", j.Num)
	}
}

// Beyond waitingMax a connection's requests aren't read, which doesn't affect other connections.
func TestWaitingRequestsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		release := make(chan struct{})
		a := &fakeAgent{join: func(context.Context, []string) (int, error) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			<-release
			mu.Lock()
			running--
			mu.Unlock()
			return 1, nil
		}}
		_, l := startServer(t, a, Options{})
		r := dialRaw(t, l)
		r.greet()
		const n = waitingMax + 10
		go func() {
			for i := range uint64(n) {
				r.nc.Write(protocol.Append(nil, &protocol.RequestHeader{Command: protocol.CmdJoin, Seq: 10 + i}, &protocol.JoinRequest{}))
			}
		}()
		synctest.Wait()
		if most != waitingMax {
			t.Fatalf("%d joins at a time, want %d", most, waitingMax)
		}
		other := dialRaw(t, l)
		other.greet()
		close(release)
		for range n {
			var h protocol.ResponseHeader
			var j protocol.JoinResponse
			r.read(&h)
			r.read(&j)
		}
	})
}

func TestStreams(t *testing.T) {
	events := newFeed[agent.Event](8)
	var filter func(agent.Event) bool
	a := &fakeAgent{subscribe: func(f func(agent.Event) bool) (Feed[agent.Event], error) { filter = f; return events, nil }}
	_, l := startServer(t, a, Options{})
	r := dialRaw(t, l)
	r.greet()
	r.ask(protocol.CmdStream, 2, &protocol.StreamRequest{Type: "user:deploy,nonsense"}, protocol.TextInvalidFilter)
	r.ask(protocol.CmdStream, 3, &protocol.StreamRequest{Type: "user:deploy"}, "")
	r.ask(protocol.CmdStream, 3, &protocol.StreamRequest{Type: "*"}, protocol.TextStreamExists)
	if !filter(agent.UserEvent{Name: "deploy"}) || filter(agent.UserEvent{Name: "other"}) {
		t.Error("the filter isn't the one asked for")
	}
	events.c <- agent.UserEvent{Name: "deploy", LTime: 5}
	r.want(3, "")
	var rec userEventRecord
	if r.read(&rec); rec.Event != "user" || rec.Name != "deploy" || rec.LTime != 5 {
		t.Errorf("record %+v", rec)
	}
	r.ask(protocol.CmdStop, 4, &protocol.StopRequest{Stop: 3}, "")
	events.c <- agent.UserEvent{Name: "unwanted"}
	r.ask(protocol.CmdStop, 5, &protocol.StopRequest{Stop: 99}, "")
}

func TestMonitor(t *testing.T) {
	a := &fakeAgent{monitor: func(level string) (Feed[string], error) {
		if level != "debug" {
			return nil, errors.New("Unknown log level: " + level)
		}
		return newFeed(0, "line"), nil
	}}
	_, l := startServer(t, a, Options{})
	r := dialRaw(t, l)
	r.greet()
	r.ask(protocol.CmdMonitor, 2, &protocol.MonitorRequest{LogLevel: "loud"}, "Unknown log level: loud")
	for seq := uint64(3); seq < 6; seq++ { // again after each stop
		r.ask(protocol.CmdMonitor, seq, &protocol.MonitorRequest{LogLevel: "debug"}, "")
		r.want(seq, "")
		var rec protocol.LogRecord
		if r.read(&rec); rec.Log != "line" {
			t.Errorf("record %+v", rec)
		}
		r.ask(protocol.CmdMonitor, 90, &protocol.MonitorRequest{LogLevel: "debug"}, protocol.TextMonitorExists)
		r.ask(protocol.CmdStop, 91, &protocol.StopRequest{Stop: seq}, "")
	}
}

func TestStreamsAreLimited(t *testing.T) {
	const most = 64
	_, l := startServer(t, &fakeAgent{}, Options{streams: most})
	r, other := dialRaw(t, l), dialRaw(t, l)
	r.greet()
	other.greet()
	for seq := uint64(100); seq < 100+most; seq++ {
		r.ask(protocol.CmdStream, seq, &protocol.StreamRequest{Type: "*"}, "")
	}
	other.ask(protocol.CmdStream, 2, &protocol.StreamRequest{Type: "*"}, protocol.TextTooManyStreams)
	r.ask(protocol.CmdQuery, 3, &protocol.QueryRequest{Name: "q"}, protocol.TextTooManyStreams)
	r.ask(protocol.CmdStop, 4, &protocol.StopRequest{Stop: 100}, "")
	other.ask(protocol.CmdStream, 5, &protocol.StreamRequest{Type: "*"}, "")
	other.ask(protocol.CmdStop, 6, &protocol.StopRequest{Stop: 5}, "")
	r.ask(protocol.CmdStream, 7, &protocol.StreamRequest{Type: "*"}, "")
}

// A query that is over makes room for another.
func TestQueriesEnd(t *testing.T) {
	const most = 10
	_, l := startServer(t, &fakeAgent{}, Options{streams: most})
	c := connect(t, l, "")
	for range most + 1 {
		if _, err := allAnswers(t.Context(), c, rpc.QueryParams{Name: "q"}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRespond(t *testing.T) {
	const id = 1 << 60
	var got string
	a := &fakeAgent{
		subscribe: func(func(agent.Event) bool) (Feed[agent.Event], error) {
			return newFeed[agent.Event](0, agent.QueryEvent{ID: id}), nil
		},
		respond: func(to uint64, payload []byte) error {
			if to != id || got != "" {
				return serf.ErrNoQuery
			}
			got = string(payload)
			return nil
		},
	}
	_, l := startServer(t, a, Options{})
	c := connect(t, l, "")
	s, err := c.Stream(t.Context(), "query")
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Respond(t.Context(), e.ID, []byte("yes")); err != nil || got != "yes" {
		t.Errorf("error %v, payload %q", err, got)
	}
	for what, id := range map[string]uint64{"again": e.ID, "never asked": e.ID + 1} {
		if err := c.Respond(t.Context(), id, []byte("x")); err == nil || err.Error() != protocol.TextNoSuchQuery {
			t.Errorf("%s: error %v, want %q", what, err, protocol.TextNoSuchQuery)
		}
	}
}

func TestQueryNumbers(t *testing.T) {
	var q queryNumbers
	const n = queryNumbersMax + 10
	for i := range uint64(n) {
		if got := q.add(1000 + i); got != i+1 {
			t.Fatalf("query %d has number %d", i, got)
		}
	}
	for number, want := range map[uint64]uint64{0: 0, n - queryNumbersMax: 0, n - queryNumbersMax + 1: 1000 + n - queryNumbersMax, n: 1000 + n - 1, n + 1: 0} {
		if id, ok := q.find(number); id != want || ok != (want != 0) {
			t.Errorf("number %d: %d, %t; want %d", number, id, ok, want)
		}
	}
	if len(q.ids) != queryNumbersMax {
		t.Errorf("%d kept, limit %d", len(q.ids), queryNumbersMax)
	}
}

// The agent stops after the client was told that it left.
func TestLeaveIsAnsweredFirst(t *testing.T) {
	left := make(chan struct{})
	a := &fakeAgent{leave: func(context.Context) error { return errors.New("leave timed out") }}
	_, l := startServer(t, a, Options{Left: func() { close(left) }})
	r := dialRaw(t, l)
	r.greet()
	r.tell(protocol.CmdLeave, 2, nil)
	select {
	case <-left:
		t.Fatal("stopping before the answer was read")
	default:
	}
	r.want(2, "leave timed out")
	<-left
}

// A leave continues if the client hangs up, a join doesn't.
func TestHangUpCancelsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		joined, left := make(chan error, 1), make(chan error, 1)
		a := &fakeAgent{
			join: func(ctx context.Context, _ []string) (int, error) {
				<-ctx.Done()
				joined <- ctx.Err()
				return 0, ctx.Err()
			},
			leave: func(ctx context.Context) error { <-ctx.Done(); left <- ctx.Err(); return ctx.Err() },
		}
		s, l := startServer(t, a, Options{})
		r := dialRaw(t, l)
		r.greet()
		r.tell(protocol.CmdJoin, 2, &protocol.JoinRequest{})
		r.tell(protocol.CmdLeave, 3, nil)
		r.nc.Close()
		synctest.Wait()
		if len(joined) != 1 || len(left) != 0 {
			t.Errorf("join ended: %d, leave ended: %d; want 1, 0", len(joined), len(left))
		}
		s.Close()
		if len(left) != 1 {
			t.Error("Close didn't end the leave")
		}
	})
}

// A client that stops reading is cut off after writeTimeout, with one log line. Until then neither
// other clients nor the feeds of its streams wait.
func TestClientThatDoesNotReadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := newFeed[string](4)
		events := newFeed[agent.Event](4)
		a := &fakeAgent{
			monitor:   func(string) (Feed[string], error) { return lines, nil },
			subscribe: func(func(agent.Event) bool) (Feed[agent.Event], error) { return events, nil },
		}
		log := &recordedLog{}
		s, l := startServer(t, a, Options{Log: log})
		mute := dialRaw(t, l)
		mute.greet()
		mute.ask(protocol.CmdMonitor, 2, &protocol.MonitorRequest{LogLevel: "trace"}, "")
		mute.ask(protocol.CmdStream, 3, &protocol.StreamRequest{Type: "*"}, "")
		lines.c <- "first"
		events.c <- agent.UserEvent{}
		synctest.Wait()

		start := time.Now()
		connect(t, l, "").UserEvent(t.Context(), "x", nil, false)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("another client waited %v", waited)
		}
		time.Sleep(writeTimeout - time.Nanosecond)
		synctest.Wait()
		if s.Counters().CutOff != 0 {
			t.Error("cut off too early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := s.Counters().CutOff; got != 1 {
			t.Errorf("%d clients cut off, want 1", got)
		}
		if n := log.count("cut off"); n != 1 {
			t.Errorf("%d log lines about it, want 1:\n%s", n, log)
		}
		<-lines.closed
		<-events.closed
	})
}

// A stream that ends because its client was too slow for the agent must not look complete.
func TestClientWhoseEventsWereCutIsCutOff(t *testing.T) {
	a := &fakeAgent{subscribe: func(func(agent.Event) bool) (Feed[agent.Event], error) {
		return ended[agent.Event](agent.UserEvent{Name: "last"}), nil
	}}
	s, l := startServer(t, a, Options{})
	r := dialRaw(t, l)
	r.greet()
	r.ask(protocol.CmdStream, 2, &protocol.StreamRequest{Type: "*"}, "")
	r.want(2, "")
	var rec userEventRecord
	r.read(&rec)
	r.wantClosed()
	if s.Counters().CutOff != 1 {
		t.Error("not counted")
	}
}

func TestSlowGreetingIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l := startServer(t, &fakeAgent{}, Options{AuthKey: "k"})
		r := dialRaw(t, l)
		r.greet()
		good := connect(t, l, "k")
		start := time.Now()
		r.wantClosed()
		if d := time.Since(start); d != greetTimeout {
			t.Errorf("closed after %v, want %v", d, greetTimeout)
		}
		time.Sleep(time.Hour)
		if err := good.UserEvent(t.Context(), "x", nil, false); err != nil {
			t.Errorf("a client that was greeted, after an hour: %v", err)
		}
	})
}

func TestConnectionsAreLimited(t *testing.T) {
	const most = 10
	log := &recordedLog{}
	s, l := startServer(t, &fakeAgent{}, Options{conns: most, Log: log})
	var first *rawClient
	for range most {
		r := dialRaw(t, l)
		if first == nil {
			first = r
		}
	}
	for range 3 {
		dialRaw(t, l).wantClosed()
	}
	if c := s.Counters(); c.Accepted != most || c.Refused != 3 {
		t.Errorf("%d accepted, %d refused", c.Accepted, c.Refused)
	}
	if log.count("Refused client") != 1 {
		t.Errorf("refusals are to be told once, in\n%s", log)
	}
	first.greet()
}

func TestOversizedRequests(t *testing.T) {
	body := func(n int) []byte {
		return protocol.Append(nil, &protocol.RequestHeader{Command: protocol.CmdEvent, Seq: 2}, &protocol.EventRequest{Payload: make([]byte, n)})
	}
	overhead := len(protocol.Append(nil, &protocol.EventRequest{Payload: make([]byte, protocol.RequestLimits.Bytes/2)})) - protocol.RequestLimits.Bytes/2
	for _, tt := range []struct {
		name     string
		request  []byte
		answered bool
	}{
		{"at the limit", body(protocol.RequestLimits.Bytes - overhead), true},
		{"over the limit", body(protocol.RequestLimits.Bytes - overhead + 1), false},
		{"a string that claims 4 GB", []byte{0xdb, 0xff, 0xff, 0xff, 0xff}, false},
		{"a map that claims 4 G entries", []byte{0xdf, 0xff, 0xff, 0xff, 0xff}, false},
		{"deep nesting", bytes.Repeat([]byte{0x91}, 1000), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, l := startServer(t, &fakeAgent{}, Options{})
			r := dialRaw(t, l)
			r.greet()
			go r.nc.Write(tt.request)
			if !tt.answered {
				r.wantClosed()
				return
			}
			r.want(2, "")
		})
	}
}

// Close ends everything, and no goroutine is left when it returns.
func TestCloseWaitsForEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		a := &fakeAgent{
			join:  func(ctx context.Context, _ []string) (int, error) { <-ctx.Done(); return 0, ctx.Err() },
			query: func(serf.QueryParams) (Feed[agent.Answer], error) { return newFeed[agent.Answer](1), nil },
		}
		s, l := startServer(t, a, Options{})
		r := dialRaw(t, l)
		r.greet()
		r.ask(protocol.CmdStream, 2, &protocol.StreamRequest{Type: "*"}, "")
		r.ask(protocol.CmdMonitor, 3, &protocol.MonitorRequest{LogLevel: "info"}, "")
		r.ask(protocol.CmdQuery, 4, &protocol.QueryRequest{}, "")
		r.tell(protocol.CmdJoin, 5, &protocol.JoinRequest{})
		dialRaw(t, l) // and one that says nothing
		s.Close()
		s.Close()
	})
}

// failingListener fails to accept a few times before it works.
type failingListener struct {
	*memListener
	failures int
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, errors.New("too many open files")
	}
	return l.memListener.Accept()
}

func TestAcceptIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failingListener{memListener: newMemListener(), failures: 20}
		log := &recordedLog{}
		s := Serve(l, &fakeAgent{}, Options{Log: log})
		defer s.Close()
		dialRaw(t, l.memListener).greet()
		if n := log.count("Failed to accept"); n != 1 {
			t.Errorf("%d log lines, want 1", n)
		}
	})
}

// recordedLog keeps what a server logs.
type recordedLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *recordedLog) Infof(component, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, component+": "+fmt.Sprintf(format, args...))
}

func (l *recordedLog) Warnf(component, format string, args ...any) {
	l.Infof(component, format, args...)
}

func (l *recordedLog) count(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

func (l *recordedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}
