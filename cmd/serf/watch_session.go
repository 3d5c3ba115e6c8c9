package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"serf/agent/rpc"
	"serf/internal/std"
	"serf/swim/serf/coord"
)

// How a watch talks to its agent.
const (
	watchRetryMin = 500 * time.Millisecond // pause before the next attempt to connect
	watchRetryMax = 5 * time.Second        // to which it doubles
	watchPoll     = 5 * time.Second        // pause between two looks at figures and round trips
	watchPollMin  = time.Second            // the same while somebody scrolls
	watchList     = 30 * time.Second       // and at the whole list, 2 MB for 10,000 members
	watchAnswer   = 10 * time.Second       // an agent that takes longer is considered lost
	watchQueue    = 1024                   // updates that wait; then the connection waits
)

// watchSession keeps a connection to an agent, and sends on what comes from it.
type watchSession struct {
	to      *connection
	first   *rpc.Client // taken by the first attempt
	updates chan watchUpdate
	wake    chan struct{} // capacity 1: look at figures and round trips now

	mu      sync.Mutex
	visible []string // members whose round trips are wanted
	client  *rpc.Client
}

// watchUpdate is one thing that is new; the fields of the others are zero.
type watchUpdate struct {
	connected bool // with agent and members
	agent     string
	members   []rpc.Member // if not connected: all members again
	event     *rpc.Event
	lost      error
	figures   map[string]map[string]string
	rtts      map[string]float64 // in ms; negative: not known
	history   *watchHistory
}

// watchHistory is the answer to a question about a member.
type watchHistory struct {
	name    string
	lines   []string
	instead string // said in place of lines
}

func newWatchSession(to *connection, first *rpc.Client) *watchSession {
	return &watchSession{to: to, first: first, updates: make(chan watchUpdate, watchQueue),
		wake: make(chan struct{}, 1)}
}

// send hands an update over, unless ctx ends.
func (s *watchSession) send(ctx context.Context, u watchUpdate) {
	select {
	case s.updates <- u:
	case <-ctx.Done():
	}
}

// run connects again and again until ctx ends.
func (s *watchSession) run(ctx context.Context) {
	pause := watchRetryMin
	for ctx.Err() == nil {
		began := time.Now()
		err := s.once(ctx)
		s.send(ctx, watchUpdate{lost: err})
		if time.Since(began) > watchRetryMax {
			pause = watchRetryMin
		}
		std.Sleep(ctx, pause)
		pause = min(2*pause, watchRetryMax)
	}
}

// once connects and follows the agent until the connection ends, and returns why.
func (s *watchSession) once(ctx context.Context) error {
	c, err := s.first, error(nil)
	if s.first = nil; c == nil {
		c, err = s.to.dial(ctx)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	events, err := c.Stream(ctx, "*") // before the list, so that nothing is missed
	if err != nil {
		return fmt.Errorf("starting stream: %w", err)
	}
	stats, err := c.Stats(ctx)
	if err != nil {
		return fmt.Errorf("querying agent: %w", err)
	}
	members, err := c.Members(ctx)
	if err != nil {
		return fmt.Errorf("retrieving members: %w", err)
	}
	s.send(ctx, watchUpdate{connected: true, agent: stats["agent"]["name"], members: members})
	s.send(ctx, watchUpdate{figures: stats})
	s.use(c)
	defer s.use(nil)
	var polling sync.WaitGroup
	polling.Go(func() { cancel(s.poll(ctx, c, stats["agent"]["name"])) })
	defer polling.Wait()
	defer cancel(nil)
	for {
		ev, err := events.Next(ctx)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
		s.send(ctx, watchUpdate{event: &ev})
	}
}

// lookNow has poll look soon, because other members are shown.
func (s *watchSession) lookNow() { std.Wake(s.wake) }

func (s *watchSession) use(c *rpc.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client = c
}

// show says which members' round trips are wanted.
func (s *watchSession) show(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visible = names
}

// poll asks for what comes without an event, until it fails.
func (s *watchSession) poll(ctx context.Context, c *rpc.Client, self string) error {
	tick := time.NewTicker(watchPoll)
	defer tick.Stop()
	var looked time.Time
	listed := time.Now()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
			if time.Since(looked) < watchPollMin {
				continue
			}
		case <-tick.C:
		}
		looked = time.Now()
		if err := s.look(ctx, c, self); err != nil {
			return err
		}
		if time.Since(listed) < watchList {
			continue
		}
		listed = time.Now()
		members, err := c.Members(ctx)
		if err != nil {
			return fmt.Errorf("retrieving members: %w", err)
		}
		s.send(ctx, watchUpdate{members: members})
	}
	return ctx.Err()
}

// look asks for the agent's figures, and for the round trips that are wanted. An agent that doesn't
// answer is an error; one that has no coordinates isn't.
func (s *watchSession) look(ctx context.Context, c *rpc.Client, self string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, watchAnswer,
		fmt.Errorf("no answer within %v", watchAnswer))
	defer cancel()
	stats, err := c.Stats(ctx)
	if err != nil {
		return fmt.Errorf("querying agent: %w", err)
	}
	s.send(ctx, watchUpdate{figures: stats})
	s.mu.Lock()
	names := s.visible
	s.mu.Unlock()
	own, ok, err := c.Coordinate(ctx, self)
	if len(names) == 0 || !ok || err != nil {
		return context.Cause(ctx)
	}
	rtts := make(map[string]float64, len(names))
	for _, name := range names {
		rtts[name] = -1
		if at, ok, err := c.Coordinate(ctx, name); ok && err == nil && name != self {
			rtts[name] = coord.Distance(&own, &at).Seconds() * 1000
		}
	}
	s.send(ctx, watchUpdate{rtts: rtts})
	return context.Cause(ctx)
}
