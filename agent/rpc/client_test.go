package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A call that was given up is still answered some time; the answer, body included, must not be
// taken for something else.
func TestAbandonedCallsAreSkipped(t *testing.T) {
	release := make(chan struct{})
	a := &fakeAgent{
		join:    func(context.Context, []string) (int, error) { <-release; return 1, nil },
		members: []Member{{Name: "a"}},
	}
	_, l := startServer(t, a, ServerOptions{})
	c := connect(t, l, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := c.Join(ctx, []string{"x"}, false); err != context.Canceled || n != 0 {
		t.Fatalf("%d, %v; want 0, %v", n, err, context.Canceled)
	}
	close(release)
	for range 100 {
		if m, err := c.Members(t.Context()); err != nil || len(m) != 1 {
			t.Fatalf("afterwards: %v, %v", m, err)
		}
	}
}

func TestStopEndsStream(t *testing.T) {
	events := newFeed[Event](8)
	a := &fakeAgent{subscribe: func(Filter) (Feed[Event], error) { return events, nil }}
	_, l := startServer(t, a, ServerOptions{})
	c := connect(t, l, "")
	s, err := c.Stream(t.Context(), "*")
	if err != nil {
		t.Fatal(err)
	}
	events.c <- Event{Type: UserEvent, Name: "one"}
	if e, err := s.Next(t.Context()); err != nil || e.Name != "one" {
		t.Fatalf("%+v, %v", e, err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(t.Context()); err != io.EOF {
		t.Errorf("after Stop: %v, want EOF", err)
	}
	<-events.closed
}

func TestNextLosesNothingWhenItsContextEnds(t *testing.T) {
	events := newFeed[Event](8)
	a := &fakeAgent{subscribe: func(Filter) (Feed[Event], error) { return events, nil }}
	_, l := startServer(t, a, ServerOptions{})
	s, err := connect(t, l, "").Stream(t.Context(), "*")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Next(ctx); err != context.Canceled {
		t.Fatal(err)
	}
	events.c <- Event{Type: UserEvent, Name: "one"}
	if e, err := s.Next(t.Context()); err != nil || e.Name != "one" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestRefusedStreams(t *testing.T) {
	_, l := startServer(t, &fakeAgent{}, ServerOptions{})
	c := connect(t, l, "")
	if _, err := c.Stream(t.Context(), "nonsense"); err != error(RemoteError(textInvalidFilter)) {
		t.Errorf("bad filter: %v", err)
	}
	if _, err := c.Monitor(t.Context(), "info"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Monitor(t.Context(), "info"); err != error(RemoteError(textMonitorExists)) {
		t.Errorf("second monitor: %v", err)
	}
}

// A stream that isn't read ends by itself and holds up nothing else on the connection.
func TestStreamThatFallsBehindEnds(t *testing.T) {
	for _, more := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			lines := newFeed[string](backlogMax + more)
			for range backlogMax + more {
				lines.c <- "x"
			}
			a := &fakeAgent{monitor: func(string) (Feed[string], error) { return lines, nil }}
			_, l := startServer(t, a, ServerOptions{})
			c := connect(t, l, "")
			s, err := c.Monitor(t.Context(), "info")
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if err := c.UserEvent(t.Context(), "x", nil, false); err != nil {
				t.Errorf("another request: %v", err)
			}
			for range backlogMax {
				if _, err := s.Next(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			lines.c <- "last"
			line, err := s.Next(t.Context())
			if behind := more > 0; behind != (err == ErrBehind) || !behind && line != "last" {
				t.Errorf("%d lines too many: %q, %v", more, line, err)
			}
		})
	}
}

// When the connection breaks everybody hears of it.
func TestBrokenConnectionEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &fakeAgent{join: func(ctx context.Context, _ []string) (int, error) { <-ctx.Done(); return 0, ctx.Err() }}
		srv, l := startServer(t, a, ServerOptions{})
		c := connect(t, l, "")
		s, err := c.Stream(t.Context(), "*")
		if err != nil {
			t.Fatal(err)
		}
		joined := make(chan error, 1)
		go func() {
			_, err := c.Join(t.Context(), nil, false)
			joined <- err
		}()
		synctest.Wait()
		srv.Close()
		for what, err := range map[string]error{"join": <-joined, "next": nextErr(s), "call": c.UserEvent(t.Context(), "x", nil, false)} {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: %v, want %v", what, err, io.ErrUnexpectedEOF)
			}
		}
	})
}

func nextErr[T any](s *Stream[T]) error {
	_, err := s.Next(context.Background())
	return err
}

func TestClosedClient(t *testing.T) {
	_, l := startServer(t, &fakeAgent{}, ServerOptions{})
	c := connect(t, l, "")
	s, err := c.Stream(t.Context(), "*")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	c.Close()
	if _, err := c.Members(t.Context()); err != ErrClosed {
		t.Errorf("call: %v, want %v", err, ErrClosed)
	}
	if err := nextErr(s); err != ErrClosed {
		t.Errorf("stream: %v, want %v", err, ErrClosed)
	}
}

// An agent that accepts and says nothing doesn't hold a client for ever.
func TestMuteAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, _ := net.Pipe()
		start := time.Now()
		if _, err := NewClient(t.Context(), nc, Options{Timeout: 3 * time.Second}); err == nil {
			t.Fatal("no error")
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("gave up after %v, want 3s", d)
		}
	})
}

// What isn't an agent is told from one that is, with its address, and in a time that nobody minds.
func TestSomebodyElseListens(t *testing.T) {
	for _, tt := range []struct {
		name, says, want string
		after            time.Duration
	}{
		{"web server", "HTTP/1.0 400 Bad request\r\n", "no agent's RPC is there: it sends what a web server does", 0},
		{"mail server", "220 mail.example.org ESMTP\r\n", `no agent's RPC is there: it sends "220 mail.example.org"`, 0},
		{"no value", "\xc1 and more than is shown", `no agent's RPC is there: it sends "\xc1 and more than is s"`, 0},
		{"gossip", "", "it hangs up. Is that the agent's RPC port, and not the one for gossip?", 0},
		{"mute", "", "no answer in time. Is that an agent's RPC port?", handshakeTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nc, other := net.Pipe()
				defer other.Close()
				go func() {
					splitOne(other)
					if tt.after == 0 {
						other.Write([]byte(tt.says))
						other.Close()
					}
				}()
				start := time.Now()
				_, err := NewClient(t.Context(), nc, Options{})
				if want := "handshake with pipe: " + tt.want; err == nil || err.Error() != want {
					t.Errorf("%v, want %s", err, want)
				}
				if d := time.Since(start); d != tt.after {
					t.Errorf("after %v, want %v", d, tt.after)
				}
			})
		})
	}
}

func TestNeedlessKey(t *testing.T) {
	_, open := startServer(t, &fakeAgent{}, ServerOptions{})
	if _, err := NewClient(t.Context(), open.dial(), Options{AuthKey: "key"}); err != ErrNeedlessKey {
		t.Errorf("an agent without a key: %v, want %v", err, ErrNeedlessKey)
	}
	_, guarded := startServer(t, &fakeAgent{}, ServerOptions{AuthKey: "other"})
	if _, err := NewClient(t.Context(), guarded.dial(), Options{AuthKey: "key"}); err != error(ErrInvalidToken) {
		t.Errorf("an agent with another key: %v, want %v", err, ErrInvalidToken)
	}
}

// AnswerTimeout bounds calls and the beginning of streams, and nothing after it.
func TestAnswerTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := newFeed[Event](1)
		a := &fakeAgent{
			join:      func(ctx context.Context, _ []string) (int, error) { <-ctx.Done(); return 0, ctx.Err() },
			subscribe: func(Filter) (Feed[Event], error) { return events, nil },
		}
		_, l := startServer(t, a, ServerOptions{})
		c, err := NewClient(t.Context(), l.dial(), Options{AnswerTimeout: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s, err := c.Stream(t.Context(), "*")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = c.Join(t.Context(), []string{"x"}, false)
		if d := time.Since(start); err == nil || err.Error() != "no answer within 3s: context deadline exceeded" || d != 3*time.Second {
			t.Errorf("%v after %v", err, d)
		}
		time.Sleep(time.Minute)
		events.c <- Event{Type: UserEvent, Name: "late"}
		if e, err := s.Next(t.Context()); err != nil || e.Name != "late" {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

func TestAnswerTimeoutOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nc, agent := net.Pipe()
		defer agent.Close()
		go func() {
			splitOne(agent)
			agent.Write(appendValues(nil, &responseHeader{Seq: 1}))
			io.Copy(io.Discard, agent) // and nothing more is answered
		}()
		c, err := NewClient(t.Context(), nc, Options{AnswerTimeout: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		_, err = c.Monitor(t.Context(), "info")
		if d := time.Since(start); err == nil || err.Error() != "no answer within 3s: context deadline exceeded" || d != 3*time.Second {
			t.Errorf("%v after %v", err, d)
		}
	})
}

func TestAnswerToNobodyEndsConnection(t *testing.T) {
	nc, agent := net.Pipe()
	defer agent.Close()
	go func() {
		splitOne(agent)
		agent.Write(appendValues(nil, &responseHeader{Seq: 99}))
	}()
	if _, err := NewClient(t.Context(), nc, Options{}); err == nil {
		t.Error("no error")
	}
}

// splitOne takes a request off a connection.
func splitOne(nc net.Conn) {
	r := newValueReader(nc, requestLimits)
	r.next()
	r.next()
}
