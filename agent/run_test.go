package agent

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"serf/swim"
	"serf/swim/serf"
)

func TestRunLeavesWhenItsContextEnds(t *testing.T) {
	for name, f := range map[string]func(context.Context, *Agent) error{
		"without a function": nil,
		"the function waits": func(ctx context.Context, _ *Agent) error { <-ctx.Done(); return ctx.Err() },
		"it says that it was cut short": func(ctx context.Context, a *Agent) error {
			for range a.Events(ctx, nil) {
			}
			return nil
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newMemNetwork()
			other := begin(t, memConfig(n, "b", 2))
			c := memConfig(n, "a", 1)
			c.Join.Retry = []string{other.Addr().String()}
			ctx, cancel := context.WithCancel(background)
			ended := make(chan error)
			go func() { ended <- Run(ctx, c, f) }()
			wantMembers(t, other, 2)
			synctest.Wait() // until the answer to the join is there: it leaves those whom it knows
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if m, _ := other.Member("a"); m.Status != StatusLeft {
				t.Errorf("%s: %v, want that it has left", name, m.Status)
			}
		})
	}
}

func TestRunEndsWithItsFunctionOrAgent(t *testing.T) {
	own, lost := errors.New("own"), errors.New("lost 1 to 2")
	for _, tt := range []struct {
		f    func(ctx context.Context, a *Agent) error
		want error
	}{
		{func(context.Context, *Agent) error { return nil }, nil},
		{func(context.Context, *Agent) error { return own }, own},
		{func(ctx context.Context, a *Agent) error {
			a.do(ctx, func(swim.Time) { a.handleEvent(&swim.Event{Kind: serf.EventShutdown, Err: lost}) })
			<-ctx.Done()
			return ctx.Err()
		}, lost},
	} {
		synctest.Test(t, func(t *testing.T) {
			err := Run(background, memConfig(newMemNetwork(), "a", 1), tt.f)
			if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	if err := Run(background, Config{Protocol: 9}, nil); err == nil {
		t.Error("runs with what Validate refuses")
	}
}

func TestWaitAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		if err := a.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it runs: %v", err)
		}
		for range 2 {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := a.Wait(background); err != nil {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestCloseSaysWhyTheAgentHadStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := begin(t, memConfig(newMemNetwork(), "a", 1))
		lost := errors.New("lost 1 to 2")
		a.do(background, func(swim.Time) { a.handleEvent(&swim.Event{Kind: serf.EventShutdown, Err: lost}) })
		if err := a.Wait(background); !errors.Is(err, lost) {
			t.Error("Wait:", err)
		}
		if err := a.Close(); !errors.Is(err, lost) {
			t.Error("Close:", err)
		}
	})
}
