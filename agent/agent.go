package agent

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"serf/agent/handler"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// Errors that callers can act on.
var (
	// ErrStopped: the agent was shut down, or is about to be.
	ErrStopped = errors.New("the agent has stopped")
	// ErrJoin: none of the addresses could be joined.
	ErrJoin = errors.New("no member could be joined")
)

// Config is what Start needs. The agent copies it; maps and slices must not be changed later.
type Config struct {
	// Serf configures the node. Its Addr is what the others are told: without one it is taken from
	// Bind, and port 0 in it becomes the port bound. A Seed of 0 is replaced by a random one, and a
	// Sealer without a nonce source gets crypto/rand. The Listener is the agent, KeyringStore
	// follows from KeyringChanged, and Families from the socket and the host.
	Serf serf.Config
	// Bind is where UDP and TCP listen. Port 0 takes any that is free for both.
	Bind netip.AddrPort
	// Interface, if set, says that nobody named the address Serf.Addr: it was chosen, and is this
	// interface's (see Addresses). When this host loses it, another one is chosen, and the others
	// are told.
	Interface string
	// AddressChanged is given the address that the others are told instead; on a goroutine of the
	// agent, which waits for it. Nil to ignore.
	AddressChanged func(netip.AddrPort)
	// Log receives the agent's lines. Nil discards them.
	Log *Log

	// Join says whom to find, and when.
	Join JoinConfig
	// Subscriptions hear of everything from the start on: of this member itself, and of those that
	// Join finds, before Start has returned. Each is from NewSubscription, for this agent alone; if
	// Start fails they end with its error.
	Subscriptions []*Subscription

	// Handlers are the event handlers, scripts that run for events. See SetHandlers.
	Handlers []handler.Handler
	// HandlerTimeout is when a script is killed that has no time-out of its own: 0 means
	// handler.DefaultTimeout, negative never. See SetHandlerTimeout.
	HandlerTimeout time.Duration
	// HandlerRPC is where this agent answers RPC, if it does: scripts find it in their environment.
	HandlerRPC handler.RPC
	// ObserveHandler, if set, is told how long each script took. It is called by any goroutine.
	ObserveHandler func(script string, took time.Duration)

	// Resolver looks up the names of join addresses; nil means the system's.
	Resolver Resolver
	// Journal keeps the lines of the snapshot. Nil if there is none.
	Journal Journal
	// KeyringChanged is given the keys, primary first, after each change, to save them; calls come
	// one at a time from a goroutine of the agent, and may be fewer than the changes. Who asked for
	// the change has an answer when it returns. An error is part of that, and is logged; the agent
	// calls again until there is none, and once more when it stops. Nil if nobody saves the keys:
	// answers say then that they are lost with a restart.
	KeyringChanged func(keys [][]byte) error

	network network   // nil: the operating system's; tests bring their own
	host    hostAddrs // the same, and nothing is watched without it
}

// JoinConfig says whom an agent looks for by itself. Addresses are as in Agent.Join.
type JoinConfig struct {
	// Retry lists addresses that are joined in the background, at once, soon again, then ever later
	// up to every Interval, until one answers. Later they are Seeds.
	Retry []string
	// Seeds lists addresses that are tried every Interval for as long as no living member has one
	// of theirs: this heals partitions that outlast the memory of failed members.
	Seeds []string
	// Replay asks for the events of the past on the first join.
	Replay bool
	// Interval between attempts: 0 means 30 s; at least 1 s.
	Interval time.Duration
	// Max is how many attempts Retry makes before its first success, at distances of Interval; then
	// the agent stops with an error. Those that come sooner take none of them away. 0 means no
	// limit.
	Max int
}

// Agent is a running node. Its methods may be called by any goroutine, except from Config's
// callbacks. All but Members, Self and so on take a context that bounds their waiting; those tell,
// after the end, what was so at the end.
type Agent struct {
	conf  Config
	log   *Log
	addr  netip.AddrPort // bound
	start time.Time      // zero of swim.Time

	network   network
	udp       packetConn
	tcp       streamListener
	transport transport

	events   fanout
	counts   counters
	runner   *handler.Runner
	handlers atomic.Pointer[[]handler.Handler] // the runner's, for Stats
	sealer   atomic.Pointer[wire.Sealer]       // of the node, for goroutines of streams
	told     atomic.Pointer[netip.AddrPort]    // the address that the others are told
	sendable swim.Families                     // of the node; the address watch owns it
	tags     atomic.Pointer[map[string]string] // of the node, shared and read-only, for scripts

	calls   chan func(swim.Time) // unbuffered: callers wait with their context
	fires   chan func(swim.Time) // the same for user events, which wait until the node has room
	firing  atomic.Int32         // calls that fire user events, at most firingMax
	packets chan *datagram       // capacity packetQueue; the reader waits, the kernel drops
	streams chan streamInput     // unbuffered: at most acceptMax+dialMax goroutines wait

	ctx     context.Context // ends when the agent is to stop
	stop    context.CancelCauseFunc
	workers sync.WaitGroup // all goroutines but run
	idled   chan struct{}  // closed when run has ended the loop: the node changes no more
	done    chan struct{}  // closed when all have ended and the ports are free
	err     error          // set before done is closed

	views views      // of what the node knows, for readers
	loop  loop       // owned by the loop goroutine
	after sync.Mutex // held by who reads the node once idled is closed
}

// Addr is where UDP and TCP listen.
func (a *Agent) Addr() netip.AddrPort { return a.addr }

// Log is the log of Config.
func (a *Agent) Log() *Log { return a.log }

// Done is closed when the agent has stopped: by Shutdown, or by itself. All ports are free and all
// goroutines gone then.
func (a *Agent) Done() <-chan struct{} { return a.done }

// Err is why the agent stopped by itself; nil before, and after Shutdown.
func (a *Agent) Err() error {
	select {
	case <-a.done:
		return a.err
	default:
		return nil
	}
}

// Shutdown stops the agent at once, without telling the cluster, and returns when all is released.
// It may be called again, and at the same time.
func (a *Agent) Shutdown() {
	a.stop(nil)
	<-a.done
}

// Subscribe returns a stream of the events that filter lets through (all if nil), with room for
// capacity events. A reader that doesn't keep up is cut off, see Subscription. filter runs on the
// loop: it must be quick and not call the agent. It may also be asked for a QueryEvent with nothing
// but a name: a query of that name, if it lets it through, may be answered by this subscription's
// reader, and who asks it waits for that.
func (a *Agent) Subscribe(capacity int, filter func(Event) bool) *Subscription {
	return a.events.subscribe(capacity, filter)
}

// read runs f, which changes nothing, on the loop, or in its place when it has ended.
func (a *Agent) read(f func()) {
	if a.look(f) == nil {
		return
	}
	<-a.idled
	a.after.Lock()
	defer a.after.Unlock()
	f()
}

// do runs f on the loop and waits for it. If it returns an error f was not run.
func (a *Agent) do(ctx context.Context, f func(now swim.Time)) error {
	return a.doBy(ctx, a.calls, f)
}

// doBy is do by one of the channels that the loop takes calls from.
func (a *Agent) doBy(ctx context.Context, calls chan<- func(swim.Time),
	f func(now swim.Time)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return a.call(ctx, calls, func(now swim.Time) {
		f(now)
		a.views.count()
	})
}

// look is do for a function that changes nothing.
func (a *Agent) look(f func()) error {
	return a.call(context.Background(), a.calls, func(swim.Time) { f() })
}

func (a *Agent) call(ctx context.Context, calls chan<- func(swim.Time),
	f func(now swim.Time)) error {
	ran := make(chan struct{})
	call := func(now swim.Time) {
		defer close(ran)
		f(now)
	}
	select {
	case calls <- call:
	case <-ctx.Done():
		return ctx.Err()
	case <-a.ctx.Done():
		return ErrStopped
	}
	// The loop has it and runs it in this turn: there is nothing to wait for but f.
	<-ran
	return nil
}
