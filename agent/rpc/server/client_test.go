package server

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent"
	"serf/agent/rpc"
	"serf/agent/rpc/internal/protocol"
	"serf/swim/serf"
)

// A call that was abandoned is still answered later. Its answer, with the body, must not be
// mistaken for another.
func TestAbandonedCallsAreSkipped(t *testing.T) {
	release := make(chan struct{})
	a := &fakeAgent{
		join:    func(context.Context, []string) (int, error) { <-release; return 1, nil },
		members: []serf.Member{{Name: "a"}},
	}
	_, l := startServer(t, a, Options{})
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
	events := newFeed[agent.Event](8)
	a := &fakeAgent{subscribe: func(func(agent.Event) bool) (Feed[agent.Event], error) { return events, nil }}
	_, l := startServer(t, a, Options{})
	c := connect(t, l, "")
	s, err := c.Stream(t.Context(), "*")
	if err != nil {
		t.Fatal(err)
	}
	events.c <- agent.UserEvent{Name: "one"}
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
	events := newFeed[agent.Event](8)
	a := &fakeAgent{subscribe: func(func(agent.Event) bool) (Feed[agent.Event], error) { return events, nil }}
	_, l := startServer(t, a, Options{})
	s, err := connect(t, l, "").Stream(t.Context(), "*")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Next(ctx); err != context.Canceled {
		t.Fatal(err)
	}
	events.c <- agent.UserEvent{Name: "one"}
	if e, err := s.Next(t.Context()); err != nil || e.Name != "one" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestRefusedStreams(t *testing.T) {
	_, l := startServer(t, &fakeAgent{}, Options{})
	c := connect(t, l, "")
	if _, err := c.Stream(t.Context(), "nonsense"); err != error(rpc.RemoteError(protocol.TextInvalidFilter)) {
		t.Errorf("bad filter: %v", err)
	}
	if _, err := c.Monitor(t.Context(), "info"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Monitor(t.Context(), "info"); err != error(rpc.RemoteError(protocol.TextMonitorExists)) {
		t.Errorf("second monitor: %v", err)
	}
}

// backlogMax is how many records may wait in a client.
const backlogMax = 1 << 16

// A stream that isn't read ends by itself and delays nothing else on the connection.
func TestStreamThatFallsBehindEnds(t *testing.T) {
	for _, more := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			lines := newFeed[string](backlogMax + more)
			for range backlogMax + more {
				lines.c <- "x"
			}
			a := &fakeAgent{monitor: func(string) (Feed[string], error) { return lines, nil }}
			_, l := startServer(t, a, Options{})
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
			if behind := more > 0; behind != (err == rpc.ErrBehind) || !behind && line != "last" {
				t.Errorf("%d lines too many: %q, %v", more, line, err)
			}
		})
	}
}

// When the connection breaks, all calls and streams end.
func TestBrokenConnectionEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &fakeAgent{join: func(ctx context.Context, _ []string) (int, error) { <-ctx.Done(); return 0, ctx.Err() }}
		srv, l := startServer(t, a, Options{})
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

func nextErr[T any](s *rpc.Stream[T]) error {
	_, err := s.Next(context.Background())
	return err
}

func TestClosedClient(t *testing.T) {
	_, l := startServer(t, &fakeAgent{}, Options{})
	c := connect(t, l, "")
	s, err := c.Stream(t.Context(), "*")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	c.Close()
	if _, err := c.Members(t.Context()); err != rpc.ErrClosed {
		t.Errorf("call: %v, want %v", err, rpc.ErrClosed)
	}
	if err := nextErr(s); err != rpc.ErrClosed {
		t.Errorf("stream: %v, want %v", err, rpc.ErrClosed)
	}
}

func TestNeedlessKey(t *testing.T) {
	_, open := startServer(t, &fakeAgent{}, Options{})
	if _, err := rpc.NewClient(t.Context(), open.dial(), rpc.Options{AuthKey: "key"}); err != rpc.ErrNeedlessKey {
		t.Errorf("an agent without a key: %v, want %v", err, rpc.ErrNeedlessKey)
	}
	_, guarded := startServer(t, &fakeAgent{}, Options{AuthKey: "other"})
	if _, err := rpc.NewClient(t.Context(), guarded.dial(), rpc.Options{AuthKey: "key"}); err != error(rpc.ErrInvalidToken) {
		t.Errorf("an agent with another key: %v, want %v", err, rpc.ErrInvalidToken)
	}
}

// AnswerTimeout bounds calls and the beginning of streams, not what follows.
func TestAnswerTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := newFeed[agent.Event](1)
		a := &fakeAgent{
			join:      func(ctx context.Context, _ []string) (int, error) { <-ctx.Done(); return 0, ctx.Err() },
			subscribe: func(func(agent.Event) bool) (Feed[agent.Event], error) { return events, nil },
		}
		_, l := startServer(t, a, Options{})
		c, err := rpc.NewClient(t.Context(), l.dial(), rpc.Options{AnswerTimeout: 3 * time.Second})
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
		events.c <- agent.UserEvent{Name: "late"}
		if e, err := s.Next(t.Context()); err != nil || e.Name != "late" {
			t.Errorf("%+v, %v", e, err)
		}
	})
}
