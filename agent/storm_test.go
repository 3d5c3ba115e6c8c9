package agent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
)

// storm calls methods of agents at random, from goroutines and from OnEvent, while agents are closed
// and come back. A deadlock, a goroutine that stays behind or, with -race, a race fails it.
type storm struct {
	t      *testing.T
	net    *memnet.Network
	agents [stormSize]atomic.Pointer[Agent]
	seed   atomic.Uint64
	joins  atomic.Int64 // that worked
}

const stormSize = 6

func (s *storm) rng() *rand.Rand { return rand.New(rand.NewPCG(4, s.seed.Add(1))) }

func (s *storm) start(i int) {
	rng := s.rng()
	c := memConfig(s.net, fmt.Sprint("n", i), i+1)
	c.OnEvent = func(_ context.Context, e Event) {
		a := s.agents[i].Load()
		if a == nil {
			return
		}
		if q, ok := e.(QueryEvent); ok {
			_ = a.Respond(background, q.ID, []byte("answer"))
		}
		if rng.IntN(4) == 0 {
			s.call(a, rng, false)
		}
	}
	a, err := Start(background, c)
	if err != nil {
		s.t.Errorf("start of %d: %v", i, err)
		return
	}
	s.agents[i].Store(a)
}

// call calls one method.
func (s *storm) call(a *Agent, rng *rand.Rand, mayClose bool) {
	ctx, cancel := context.WithTimeout(background, time.Duration(rng.IntN(2000))*time.Millisecond)
	defer cancel()
	switch i := rng.IntN(stormSize); rng.IntN(12) {
	case 0:
		if n, _ := a.Join(ctx, []string{hostAddr(i + 1).String()}, true); n > 0 {
			s.joins.Add(1)
		}
	case 1:
		_ = a.SetTags(ctx, map[string]string{"a": fmt.Sprint(rng.IntN(9))}, nil)
	case 2:
		_ = a.UserEvent(ctx, "event", make([]byte, rng.IntN(400)), rng.IntN(2) == 0)
	case 3:
		if q, err := a.Query(ctx, QueryParams{Name: "query", WantAck: true}); err == nil {
			for range q.All(ctx) {
			}
			if rng.IntN(2) == 0 {
				q.Close()
			}
		}
	case 4:
		_ = a.ForceLeave(ctx, fmt.Sprint("n", i), rng.IntN(2) == 0)
	case 5:
		_, _ = a.Views(ctx, 100*time.Millisecond)
	case 6:
		for range a.Events(ctx, nil) {
		}
	case 7:
		a.Subscribe(1, nil) // nobody reads: it is cut off
	case 8:
		if rng.IntN(8) == 0 {
			_ = a.Leave(ctx)
		}
	case 9:
		if mayClose && rng.IntN(8) == 0 {
			_ = a.Close()
		}
	default:
		_, _, _ = a.Members(), a.Stats(), a.Traffic()
	}
}

func TestStorm(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a minute of calls to all agents")
	}
	synctest.Test(t, func(t *testing.T) {
		s := &storm{t: t, net: memnet.New(memnet.Config{Link: memnet.Link{
			Delay: time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.05,
		}})}
		for i := range stormSize {
			s.start(i)
		}
		ctx, cancel := context.WithTimeout(background, 60*time.Second)
		defer cancel()
		var busy sync.WaitGroup
		for i := range stormSize {
			for range 2 {
				rng := s.rng()
				busy.Go(func() {
					for ctx.Err() == nil {
						s.call(s.agents[i].Load(), rng, true)
						time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond)
					}
				})
			}
			busy.Go(func() { // it comes back
				for ctx.Err() == nil {
					if s.agents[i].Load().Wait(ctx) == nil {
						s.start(i)
					}
				}
			})
		}
		busy.Wait()
		for i := range stormSize {
			_ = s.agents[i].Load().Close()
		}
		if n := s.joins.Load(); n < stormSize {
			t.Errorf("only %d joins worked", n)
		}
	})
}
