package agent

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"serf/agent/handler"
	"serf/agent/recording"
	"serf/driver"
	"serf/internal/std"
	"serf/internal/timing"
	"serf/swim"
)

// Errors that callers can act on.
var (
	// ErrStopped means that the agent was shut down, or is about to be.
	ErrStopped = errors.New("the agent has stopped")
	// ErrJoin means that none of the addresses could be joined.
	ErrJoin = errors.New("no member could be joined")
)

// BindError is an address that couldn't be bound.
type BindError = driver.BindError

// Agent is a running node. Its methods may be called by any goroutine, except from Config's
// callbacks. Most take a context that bounds their waiting. Those that don't, such as Members and
// Self, return the last state once the agent has stopped.
type Agent struct {
	conf   Config
	log    *Log
	ownLog bool           // the agent closes it
	addr   netip.AddrPort // bound

	driver *driver.Driver  // runs the node
	ctx    context.Context // the driver's: ends when the agent is to stop

	events     fanout
	teller     *teller // of OnEvent; nil without it
	moreStats  moreStats
	runner     *handler.Runner
	handlers   atomic.Pointer[[]handler.Handler] // the runner's, for Stats
	advertised atomic.Pointer[netip.AddrPort]    // address
	sendable   swim.Families                     // of the node; the address watch owns it
	unsaved    atomic.Pointer[string]            // why a restart would lose keys; nil: it wouldn't
	tags       atomic.Pointer[map[string]string] // of the node, shared and read-only, for scripts
	recorder   *recording.Recorder               // nil without one; set before the loop runs
	timing     timing.Timing                     // of the node, all of it, for Stats

	firing  atomic.Int32   // calls that fire user events, at most firingMax
	workers sync.WaitGroup // all goroutines but run and the driver's
	done    chan struct{}  // closed when all have ended and the ports are free
	err     error          // set before done is closed

	views views // of the node's state, for readers
	loop  loop  // owned by the loop
}

// Addr is where UDP and TCP listen.
func (a *Agent) Addr() netip.AddrPort { return a.addr }

// Started is when the agent began.
func (a *Agent) Started() time.Time { return a.driver.Started() }

// Log is the agent's log: its methods add lines, and monitors read them. It is nil, which discards,
// if Config.Logger wants nothing.
func (a *Agent) Log() *Log { return a.log }

// Done is closed when the agent has stopped, by Close or by itself. By then all ports are free
// and all goroutines have ended.
func (a *Agent) Done() <-chan struct{} { return a.done }

// Err is why the agent stopped by itself; nil before that, and after Close.
func (a *Agent) Err() error {
	if !std.Closed(a.done) {
		return nil
	}
	return a.err
}

// Subscribe returns a stream of the events that filter lets through (nil for all), with room for
// capacity events. A reader that doesn't keep up is cut off, see Subscription. filter runs on the
// loop: it must be quick and not call the agent. It may also be called with a QueryEvent that has
// only a name. If it lets that through, the reader may answer such queries, and members that ask
// wait for its answer.
func (a *Agent) Subscribe(capacity int, filter func(Event) bool) *Subscription {
	return a.events.subscribe(capacity, filter)
}

// read runs f, which changes nothing, on the loop, or directly once the loop has ended.
func (a *Agent) read(f func()) { a.driver.Read(f) }

// do runs f on the loop and waits for it. If it returns an error f was not run.
func (a *Agent) do(ctx context.Context, f func(now swim.Time)) error {
	return stopped(a.driver.Do(ctx, func(now swim.Time, _ *swim.Output) { f(now) }))
}

// Check returns nil when the loop has taken a turn, which it does at once unless it is stuck or has
// more to do than it can. If ctx ends before, or the agent has stopped, it returns that error.
func (a *Agent) Check(ctx context.Context) error {
	return stopped(a.driver.Look(ctx, func() {}))
}

// look is do for a function that changes nothing.
func (a *Agent) look(f func()) error {
	return stopped(a.driver.Look(context.Background(), f))
}

// stopped says of the agent what err says of its driver.
func stopped(err error) error {
	if errors.Is(err, driver.ErrStopped) {
		return ErrStopped
	}
	return err
}
