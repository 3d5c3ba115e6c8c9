package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"serf/agent"
	"serf/agent/rpc"
)

// hub publishes events to any number of feeds, like an agent: it ends a feed that is full.
type hub struct {
	mu    sync.Mutex
	feeds map[*hubFeed]struct{}
}

type hubFeed struct {
	hub *hub
	c   chan agent.Event
}

func (h *hub) subscribe(func(agent.Event) bool) (Feed[agent.Event], error) {
	f := &hubFeed{hub: h, c: make(chan agent.Event, 1<<14)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.feeds[f] = struct{}{}
	return f, nil
}

func (h *hub) publish(e agent.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.feeds {
		select {
		case f.c <- e:
		default:
			h.drop(f)
		}
	}
}

func (h *hub) drop(f *hubFeed) {
	if _, ok := h.feeds[f]; ok {
		delete(h.feeds, f)
		close(f.c)
	}
}

func (f *hubFeed) Next() (agent.Event, bool) { e, ok := <-f.c; return e, ok }
func (f *hubFeed) Len() int                  { return len(f.c) }

func (f *hubFeed) Close() {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	f.hub.drop(f)
}

// Clients connect, stream and leave in every way there is while events are fired. Those that stay
// get all events in order, and nothing is left of the others. The original panics within a second:
// it sends on a closed channel.
func TestStreamClientsComeAndGo(t *testing.T) {
	const clients = 200
	h := &hub{feeds: make(map[*hubFeed]struct{})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &fakeAgent{subscribe: h.subscribe}
	s := Serve(ln, a, Options{})
	defer s.Close()
	dial := func() *rpc.Client {
		c, err := rpc.Dial(t.Context(), ln.Addr().String(), rpc.Options{Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	var staying sync.WaitGroup
	seen := make(chan struct{}, 1) // a reader got an event that the publisher waits for
	for i := range 5 {
		c := dial()
		defer c.Close()
		stream, err := c.Stream(t.Context(), "user")
		if err != nil {
			t.Fatal(err)
		}
		staying.Go(func() {
			if i == 0 {
				defer close(seen) // nobody waits for it any more
			}
			wantInOrder(t, stream, func(lt uint64) {
				if i == 0 && lt%pace == 0 {
					seen <- struct{}{}
				}
			})
		})
	}

	var churn sync.WaitGroup
	tickets := make(chan uint64, clients)
	for i := range uint64(clients) {
		tickets <- i
	}
	close(tickets)
	for range 50 { // at a time
		churn.Go(func() {
			for i := range tickets {
				if err := comeAndGo(ln.Addr().String(), rand.New(rand.NewPCG(1, i))); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			}
		})
	}
	gone := make(chan struct{})
	go func() { churn.Wait(); close(gone) }()
	for i := uint64(0); ; i++ {
		select {
		case <-gone:
			h.publish(agent.UserEvent{Name: lastEvent, LTime: i})
		default:
			h.publish(agent.UserEvent{Name: "e", LTime: i})
			if i%pace == 0 {
				<-seen
			}
			continue
		}
		break
	}
	staying.Wait()
	if n := s.Counters().CutOff; n != 0 {
		t.Errorf("%d clients cut off", n)
	}
	s.Close()
	if len(h.feeds) != 0 {
		t.Errorf("%d subscriptions left", len(h.feeds))
	}
}

const (
	pace      = 32 // events that the publisher fires before it waits for a reader
	lastEvent = "last"
)

func wantInOrder(t *testing.T, s *rpc.Stream[rpc.Event], got func(ltime uint64)) {
	for i := uint64(0); ; i++ {
		e, err := s.Next(t.Context())
		if err != nil || e.LTime != i {
			t.Errorf("event %d: got %d, %v", i, e.LTime, err)
			return
		}
		if e.Name == lastEvent {
			return
		}
		got(i)
	}
}

// comeAndGo connects, streams some events and leaves: with a stop, with a close, or both at once.
func comeAndGo(addr string, rng *rand.Rand) error {
	ctx := context.Background()
	c, err := rpc.Dial(ctx, addr, rpc.Options{Timeout: time.Minute})
	if err != nil {
		return err
	}
	defer c.Close()
	streams := make([]*rpc.Stream[rpc.Event], 1+rng.IntN(3))
	for i := range streams {
		if streams[i], err = c.Stream(ctx, "*"); err != nil {
			return err
		}
	}
	if rng.IntN(4) == 0 {
		return nil
	}
	for _, s := range streams {
		if rng.IntN(2) == 0 {
			go s.Stop(ctx)
			continue
		}
		if err := s.Stop(ctx); err != nil {
			return fmt.Errorf("stop: %w", err)
		}
	}
	return nil
}
