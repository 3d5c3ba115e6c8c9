package membership

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"serf/driver"
	"serf/internal/hostaddr"
	"serf/internal/std"
	"serf/swim"
)

const (
	// ReportWait bounds how long Start, Join and Leave wait for the functions of Config that
	// report: one of them may wait for a lock that the caller holds.
	ReportWait = 2 * time.Second
	// CloseWait bounds how long Close waits for the functions of Config.
	CloseWait = 5 * time.Second
)

// Errors that callers can act on.
var (
	// ErrClosed means that the node was closed, or is about to be.
	ErrClosed = errors.New("membership: the node is closed")
	// ErrInCallback means that a method that waits for the node was called by a function that the
	// node waits for: see the package.
	ErrInCallback = errors.New("membership: a function that the node waits for can't wait for it")
	// ErrStillRunning means that Close has waited for CloseWait, and a function of Config still
	// runs.
	ErrStillRunning = errors.New("membership: closed, but a function of Config hasn't returned")
	// ErrBusy means that too much waits to be sent.
	ErrBusy = errors.New("membership: too many messages wait to be sent")
	// ErrTooLarge means that something is larger than its limit, which the error names.
	ErrTooLarge = swim.ErrTooLarge
	// ErrLeaving means that this node has left, or is about to.
	ErrLeaving = swim.ErrLeaving
	// ErrLeaveTimeout means that not all could be told in time that this node leaves.
	ErrLeaveTimeout = swim.ErrLeaveTimeout
	// ErrNoAnswer means that a ping wasn't acked in time.
	ErrNoAnswer = swim.ErrNoAnswer
	// ErrMergeRefused means that AdmitMerge has refused a join.
	ErrMergeRefused = swim.ErrMergeRefused
)

// Node is a running member. Start makes one.
type Node struct {
	conf   Config
	driver *driver.Driver
	log    *logger

	table    table
	events   *reporter // nil without OnEvent; likewise the others
	messages *inbox
	states   *inbox
	hangs    [2]uint64 // see reporter.reach: of messages, of states
	provider *provider
	outbox   outbox
	carrier  carrier
	seal     sealing
	health   atomic.Int32
	maxUser  atomic.Int32
	maxSend  atomic.Int32

	loop loop // owned by the loop

	reporting sync.WaitGroup // goroutines that call functions that report, and State
	working   sync.WaitGroup // other goroutines, but finish's
	finished  chan struct{}  // closed when all is over that doesn't wait for these functions
}

// loop is what the loop owns.
type loop struct {
	core *swim.Node
	out  *swim.Output
	ops  map[swim.OpID][]chan<- result // operations that someone waits for
	left *result                       // of Leave, when it is done

	conflicts []conflict // reported lately
	sends     sends
	holds     holds
}

// result is how an operation ended.
type result struct {
	n       int
	rtt     time.Duration
	payload []byte
	err     error
}

// Start opens the sockets and runs a node. ctx bounds only the start: the node runs until Close.
func Start(ctx context.Context, c Config) (*Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.fill(); err != nil {
		return nil, err
	}
	n := &Node{conf: c, log: newLogger(c.Logger), finished: make(chan struct{})}
	var err error
	n.driver, err = driver.Listen(driver.Config{
		Network: c.Network, Bind: c.Bind, StreamTimeout: c.Timing.StreamTimeout,
		Report: n.log.problem,
	})
	if err == nil {
		if err = n.begin(); err != nil {
			n.driver.Close()
		}
	}
	if err != nil {
		n.log.close()
		return nil, err
	}
	if len(c.Join) > 0 {
		n.working.Go(n.seek)
	}
	go n.finish()
	n.flush(ctx, n.states)
	return n, nil
}

// finish releases what the node has, once it has stopped.
func (n *Node) finish() {
	<-n.driver.Done()
	n.working.Wait()
	n.log.close()
	close(n.finished)
}

// begin makes the node and lets it run.
func (n *Node) begin() error {
	if err := n.make(); err != nil {
		return err
	}
	n.startReporting()
	n.noteCore()
	n.driver.Start(n.loop.core, driver.Layer{Handle: n.handle, EndTurn: n.endTurn}, n.loop.out)
	return nil
}

// make makes the core.
func (n *Node) make() (err error) {
	core := n.conf.core()
	core.Addr = hostaddr.Complete(n.conf.Advertise, n.driver.Addr())
	core.PacketMax = min(core.PacketMax, n.driver.PacketMax())
	core.UserPacketMax = min(core.UserPacketMax, n.driver.PacketMax())
	core.Seed = rand.Uint64()
	if core.Sealer, err = n.seal.init(&n.conf); err != nil {
		return err
	}
	n.carrier.node = n
	core.Carrier = &n.carrier
	n.decide(&core)
	n.table.self = n.conf.Name
	l := &n.loop
	l.ops, l.out = make(map[swim.OpID][]chan<- result), new(swim.Output)
	l.core, err = swim.New(n.driver.Now(), core, l.out)
	return err
}

// startReporting starts the goroutines that call the functions of Config that report.
func (n *Node) startReporting() {
	if f := n.conf.OnEvent; f != nil {
		n.events = &reporter{queue: newEventQueue(), call: func(e Event) { report(func() { f(e) }) }}
		n.table.queues = append(n.table.queues, n.events.queue)
		n.reporting.Go(func() { n.events.run(&n.table) })
	}
	if n.conf.OnMessage != nil || n.conf.OnAck != nil {
		n.messages = newInbox(n.conf.MessageQueue, n.callOnMessage)
		n.reporting.Go(n.messages.run)
	}
	if n.conf.OnState != nil {
		n.states = newInbox(n.conf.MessageQueue, n.callOnState)
		n.reporting.Go(n.states.run)
	}
	if n.conf.State != nil {
		n.provider = newProvider(n)
		n.reporting.Go(n.provider.run)
	}
}

// Name is this member's.
func (n *Node) Name() string { return n.conf.Name }

// Addr is the address that the others are told.
func (n *Node) Addr() netip.AddrPort { return n.Self().Addr }

// Bound is where packets and streams are received.
func (n *Node) Bound() netip.AddrPort { return n.driver.Addr() }

// Self is this member. While it leaves, and afterwards, its State is StateLeft.
func (n *Node) Self() Member {
	m, _ := n.table.get(n.table.self)
	return m
}

// Members returns the members that are alive or suspect, this one included, ordered by name.
func (n *Node) Members() []Member { return n.table.list(isLiving) }

// Known returns all members that this node knows of, ordered by name: also those that failed or
// left, for as long as they are remembered.
func (n *Node) Known() []Member { return n.table.list(func(*Member) bool { return true }) }

// Member returns what is known of one member; false if nothing is.
func (n *Node) Member(name string) (Member, bool) { return n.table.get(name) }

// Len is how many members are alive or suspect, this one included.
func (n *Node) Len() int {
	n.table.mu.RLock()
	defer n.table.mu.RUnlock()
	return n.table.living
}

// Health is how well this node itself does: 0 is healthy. It counts, up to Timing.AwarenessMax-1,
// what speaks for its being slow or cut off; its probes take the longer.
func (n *Node) Health() int { return int(n.health.Load()) }

// Done is closed when the node has stopped: all its goroutines have ended but those in functions of
// Config, and its ports are free.
func (n *Node) Done() <-chan struct{} { return n.driver.Done() }

// Stop begins to stop the node, and doesn't wait: unlike Close it may be called by any function of
// Config.
func (n *Node) Stop() {
	n.driver.Stop(nil)
	n.events.close()
	n.messages.close()
	n.states.close()
}

// Close stops the node without telling the others, which notice it as a failure: see Leave. It
// returns when the ports are free and no function of Config is called any more, or ErrStillRunning
// after CloseWait. Called by a function that reports it doesn't wait for such functions; called by
// one that is asked it can't wait at all: it stops the node, as Stop does, and returns
// ErrInCallback. It may be called again, also concurrently.
func (n *Node) Close() error {
	n.Stop()
	if asked() {
		return ErrInCallback
	}
	ended, wait := make(chan struct{}), !reported()
	go func() {
		<-n.finished
		if wait {
			n.reporting.Wait()
		}
		close(ended)
	}()
	if !std.Await(ended, CloseWait) {
		n.log.abandoned.Store(true)
		return ErrStillRunning
	}
	return nil
}

// do runs f on the loop and waits for it.
func (n *Node) do(ctx context.Context, f func(now swim.Time, out *swim.Output)) error {
	if asked() {
		return ErrInCallback
	}
	err := n.driver.Do(ctx, f)
	if errors.Is(err, driver.ErrStopped) {
		return ErrClosed
	}
	return err
}

// operate begins an operation and waits for its end.
func (n *Node) operate(
	ctx context.Context, begin func(now swim.Time, out *swim.Output) (swim.OpID, error),
) (result, error) {
	ended := make(chan result, 1)
	var refused error
	err := n.do(ctx, func(now swim.Time, out *swim.Output) {
		var op swim.OpID
		if op, refused = begin(now, out); refused == nil {
			n.loop.ops[op] = append(n.loop.ops[op], ended)
		}
	})
	switch {
	case err != nil:
		return result{}, err
	case refused != nil:
		return result{}, refused
	}
	select {
	case r := <-ended:
		return r, r.err
	case <-ctx.Done():
		return result{}, ctx.Err()
	case <-n.driver.Context().Done():
		return result{}, ErrClosed
	}
}

// flush waits until OnEvent has returned from what has happened until now, and then the functions
// of inboxes: as long as ctx lasts, and ReportWait. A function that reports doesn't wait for itself.
func (n *Node) flush(ctx context.Context, inboxes ...*inbox) {
	if reported() || asked() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ReportWait)
	defer cancel()
	n.events.flush(ctx, &n.table)
	for _, b := range inboxes {
		b.flush(ctx)
	}
}
