package server

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"time"

	"serf/agent"
	"serf/agent/survey"
	"serf/swim/history"
	"serf/swim/serf"
	"serf/swim/serf/coord"
)

// Agent is what a [Server] serves. [ForAgent] makes one of an *agent.Agent, whose methods of the
// same names it has.
//
// All methods may be called concurrently. Those with a context may wait for the cluster until it's
// done; the others answer at once. The texts of their errors reach the clients.
type Agent interface {
	// AllMembers returns how many members there are, and yields them by name. They are shared, and
	// don't change.
	AllMembers() (n int, all iter.Seq[*serf.Member])
	Stats() map[string]map[string]string
	Coordinate(ctx context.Context, name string) (c coord.Coordinate, ok bool, err error)
	// History returns why a member's state changed; ok is false if nothing is known of that name.
	History(name string) (h history.Member, ok bool)
	// FlapsAndHealth returns who changed most within the last since, and who accused others, after
	// asking them how healthy they are.
	FlapsAndHealth(ctx context.Context, since time.Duration) history.Flaps
	// Views asks all agents about their views.
	Views(ctx context.Context, timeout time.Duration) (survey.Views, error)
	// HistoryOfAll asks all agents why a member's state changed; ok is false if nobody knows.
	HistoryOfAll(
		ctx context.Context, name string, timeout time.Duration,
	) (m history.Merged, ok bool, err error)
	// RoundTrips asks all agents for the round trips that they measured.
	RoundTrips(ctx context.Context, timeout time.Duration) (survey.RoundTrips, error)

	Join(ctx context.Context, addrs []string, replay bool) (contacted int, err error)
	Leave(ctx context.Context) error
	ForceLeave(ctx context.Context, name string, prune bool) error
	UserEventBefore(
		ctx context.Context, name string, payload []byte, coalesce bool, before func(),
	) error
	SetTags(ctx context.Context, set map[string]string, remove []string) error
	InstallKey(ctx context.Context, key []byte) (agent.KeyReport, error)
	UseKey(ctx context.Context, key []byte) (agent.KeyReport, error)
	RemoveKey(ctx context.Context, key []byte) (agent.KeyReport, error)
	ListKeys(ctx context.Context) (agent.KeyReport, error)
	// Respond answers a query that came as an event: serf.ErrNoQuery if it's over.
	Respond(ctx context.Context, id uint64, payload []byte) error

	// StartQuery starts a query; the feed ends when the query does.
	StartQuery(ctx context.Context, q serf.QueryParams) (Feed[agent.Answer], error)
	// StreamEvents starts a feed of the events that filter, which isn't nil, lets through. It ends
	// if it isn't read fast enough.
	StreamEvents(filter func(agent.Event) bool) (Feed[agent.Event], error)
	// Monitor starts a feed of log lines of a level and above, beginning with the newest 512 there
	// are. It drops lines rather than end, and must not log that it does.
	Monitor(level string) (Feed[string], error)
}

// A Feed is a bounded queue of things that happen. Nobody waits for its reader.
type Feed[T any] interface {
	// Next waits for a value. It returns false when the feed has ended.
	Next() (T, bool)
	// Len is how many values Next will give without waiting.
	Len() int
	// Close ends the feed, and a Next that waits. It may be called at any time and again.
	Close()
}

const (
	// eventsMax is how many events may wait for a client before it's cut off. A burst of 10,000
	// events has to fit, as fast as they can be fired.
	eventsMax = 1 << 14

	// linesMax is how many log lines may wait for a monitor before some are dropped.
	linesMax = 1 << 10
)

// ForAgent makes an agent what a Server serves.
func ForAgent(a *agent.Agent) Agent { return &served{a} }

// served adds the feeds to an agent.
type served struct{ *agent.Agent }

func (s *served) StartQuery(ctx context.Context, p serf.QueryParams) (Feed[agent.Answer], error) {
	q, err := s.Query(ctx, p)
	if err != nil {
		return nil, err
	}
	return &answerFeed{c: q.Answers(), stopped: make(chan struct{})}, nil
}

// answerFeed is the answers to a query. The query itself can't be stopped.
type answerFeed struct {
	c       <-chan agent.Answer
	stop    sync.Once
	stopped chan struct{}
}

func (f *answerFeed) Next() (agent.Answer, bool) {
	select {
	case a, ok := <-f.c:
		return a, ok
	case <-f.stopped:
		return agent.Answer{}, false
	}
}

func (f *answerFeed) Len() int { return len(f.c) }
func (f *answerFeed) Close()   { f.stop.Do(func() { close(f.stopped) }) }

func (s *served) StreamEvents(filter func(agent.Event) bool) (Feed[agent.Event], error) {
	b := s.SubscribeBacklog(eventsMax, filter)
	return b, b.Err()
}

func (s *served) Monitor(level string) (Feed[string], error) {
	l, err := agent.ParseLevel(level)
	if err != nil {
		return nil, errors.New("Unknown log level: " + strings.ToUpper(level))
	}
	return &lineFeed{s.Log().Monitor(l, linesMax, "this monitor reads too slowly")}, nil
}

// lineFeed is a monitor of the log: the lines from before, then those that follow.
type lineFeed struct{ *agent.Monitor }

func (f *lineFeed) Next() (string, bool) {
	line, ok := f.Monitor.Next()
	return line.Text, ok
}
