package driver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"serf/internal/invariant"
	"serf/internal/std"
	"serf/swim"
	"serf/wire"
)

// ErrStopped means that the driver was stopped, or is about to be.
var ErrStopped = errors.New("driver: stopped")

// streamTimeoutDefault is that of the profile LAN of package swim.
const streamTimeoutDefault = 10 * time.Second

// Machine is what a driver runs.
type Machine interface {
	swim.Machine
	// Sealer seals and opens the streams that others open. It is immutable, and may be another one
	// after each call into the machine; nil means plain.
	Sealer() *wire.Sealer
}

// Layer is the driver's user, above the machine. Each field may be nil. The loop calls them, one at
// a time, and waits for them; they mustn't wait for the driver: Do, Look, Read and Close would
// never return.
type Layer struct {
	// Handle is called after every call into the machine, and after each function of Do. The events
	// and notes in out, and what they point to, are valid until it returns. It may take further
	// effects out of the output, but not call the machine.
	Handle func(now swim.Time, out *swim.Output)
	// EndTurn is called at the end of every turn, before its packets and streams go out. A turn
	// takes one input, or some of those that wait.
	EndTurn func(now swim.Time)
	// Deadline is when a turn is due, whether or not anything arrives; swim.Never if none is. It is
	// asked after every turn.
	Deadline func() swim.Time
	// Ready says whether the functions of DoWhenReady may run now. It is asked often, so it has to
	// be quick.
	Ready func() bool
	// End is called once, at the end of the loop: no call into the machine follows. Packets and
	// streams in out aren't carried out any more.
	End func(now swim.Time, out *swim.Output)
}

// Config configures a driver.
type Config struct {
	// Network opens the sockets; nil means System().
	Network Network
	// Bind is where packets and streams are received. Port 0 takes any port that is free for both.
	// Streams are dialled from its address, too, so that others see one host.
	Bind netip.AddrPort
	// StreamTimeout bounds the streams that others open, from accepting to the answer: 0 means 10
	// s. Those of the machine have a deadline of their own.
	StreamTimeout time.Duration
	// Report, if set, is called with what goes wrong, by any goroutine, the loop among them: it
	// must not wait.
	Report func(Problem)
}

// Driver runs one machine. Its methods may be called by any goroutine; those that wait for the loop
// not by the loop itself, see [Layer].
type Driver struct {
	conf  Config
	udp   PacketConn
	tcp   StreamListener
	start time.Time // zero of swim.Time

	counts    std.Guarded[Counters]
	transport transport
	sealer    atomic.Pointer[wire.Sealer] // of the machine, for goroutines of streams

	inbox  inbox
	waiter waiter

	ctx     context.Context // ends when the driver is to stop
	stop    context.CancelCauseFunc
	workers sync.WaitGroup // all goroutines but run
	idled   chan struct{}  // closed when the loop has ended: the machine changes no more
	done    chan struct{}  // closed when all have ended and the ports are free
	err     error          // set before done is closed

	starting sync.Mutex // held by Start and Close, which may come at the same time
	closed   bool       // before the start
	loop     loop       // owned by the loop
	after    sync.Mutex // held while reading the machine once idled is closed
}

// Listen opens the sockets. Nothing is read from them before Start. A driver that is never started
// has to be closed, too.
func Listen(c Config) (*Driver, error) {
	switch {
	case !c.Bind.IsValid():
		return nil, errors.New("bind address: not set")
	case c.StreamTimeout < 0:
		return nil, fmt.Errorf("stream timeout: %v is negative", c.StreamTimeout)
	case c.StreamTimeout == 0:
		c.StreamTimeout = streamTimeoutDefault
	}
	if c.Network == nil {
		c.Network = System()
	}
	udp, tcp, err := c.Network.Listen(c.Bind)
	if err != nil {
		return nil, err
	}
	d := &Driver{
		conf: c, udp: udp, tcp: tcp, start: time.Now(),
		idled: make(chan struct{}), done: make(chan struct{}),
	}
	d.waiter = newWaiter(d)
	d.transport.init()
	d.ctx, d.stop = context.WithCancelCause(context.Background())
	return d, nil
}

// Start runs m from now on, and returns at once. out has the effects of making m: its events and
// notes are shown to the layer before Start returns. The driver owns m, and out, until it has
// stopped. If the driver is closed already nothing is called; a second Start panics.
func (d *Driver) Start(m Machine, l Layer, out *swim.Output) {
	d.starting.Lock()
	defer d.starting.Unlock()
	invariant.Check(d.loop.machine == nil, "driver: started twice")
	d.loop.machine, d.loop.layer, d.loop.out = m, l.complete(), out
	if d.closed {
		return
	}
	d.sealer.Store(m.Sealer())
	d.handle(d.Now())
	d.waiter.start()
	d.workers.Go(d.acceptStreams)
	go d.run()
}

// complete has functions for all fields.
func (l Layer) complete() Layer {
	if l.Handle == nil {
		l.Handle = func(swim.Time, *swim.Output) {}
	}
	if l.EndTurn == nil {
		l.EndTurn = func(swim.Time) {}
	}
	if l.Deadline == nil {
		l.Deadline = func() swim.Time { return swim.Never }
	}
	if l.Ready == nil {
		l.Ready = func() bool { return true }
	}
	if l.End == nil {
		l.End = func(swim.Time, *swim.Output) {}
	}
	return l
}

// run owns the loop and all other goroutines of the driver, and ends when they have ended.
func (d *Driver) run() {
	d.runLoop()
	close(d.idled)
	d.release()
}

// release closes everything once the loop has ended, or is never to begin.
func (d *Driver) release() {
	d.udp.Close()
	d.tcp.Close()
	d.transport.conns.closeAll()
	d.workers.Wait()
	if cause := context.Cause(d.ctx); !errors.Is(cause, context.Canceled) {
		d.err = cause
	}
	close(d.done)
}

// Addr is where packets and streams are received.
func (d *Driver) Addr() netip.AddrPort { return d.udp.LocalAddr() }

// PacketMax is the size in bytes of the largest packet that the network can send.
func (d *Driver) PacketMax() int { return d.conf.Network.PacketMax() }

// Now reads the clock of the machine, which Listen has set to zero.
func (d *Driver) Now() swim.Time { return swim.Time(time.Since(d.start)) }

// Started is the zero of that clock.
func (d *Driver) Started() time.Time { return d.start }

// WallTime is what the host's clock says at a time of that clock, which knows nothing of what was
// set or slept through since: whole milliseconds of it are made up for.
func (d *Driver) WallTime(at swim.Time) time.Time {
	now, start := time.Now(), d.start.Round(0) // which strips the monotonic reading
	leap := now.Round(0).Sub(start) - now.Sub(d.start)
	return start.Add(time.Duration(at) + leap.Round(time.Millisecond))
}

// Do runs f on the loop and waits for it, and for the layer to handle what came of it. f must be
// quick. If Do returns an error, which is that of ctx or ErrStopped, f was not run.
func (d *Driver) Do(ctx context.Context, f func(now swim.Time, out *swim.Output)) error {
	return d.hand(ctx, input{do: f}, false)
}

// DoWhenReady is Do for a function that has to wait until the layer is Ready. Those that wait run
// in the order of their calls.
func (d *Driver) DoWhenReady(ctx context.Context, f func(now swim.Time, out *swim.Output)) error {
	return d.hand(ctx, input{do: f}, true)
}

// Look is Do for a function that changes nothing: the layer isn't told.
func (d *Driver) Look(ctx context.Context, f func()) error {
	return d.hand(ctx, input{look: f}, false)
}

// Read is Look, but once the loop has ended f runs directly, and sees the machine's last state. The
// driver must have been started, or closed.
func (d *Driver) Read(f func()) {
	if d.Look(context.Background(), f) == nil {
		return
	}
	<-d.idled
	d.after.Lock()
	defer d.after.Unlock()
	f()
}

// Wake has the loop take a turn soon. It never waits.
func (d *Driver) Wake() { d.waiter.wake() }

// Context ends when the driver is to stop; its cause is that of Stop. Goroutines that work for the
// machine's user wait with it.
func (d *Driver) Context() context.Context { return d.ctx }

// Sleep waits for t. It returns false if the driver is to stop before.
func (d *Driver) Sleep(t time.Duration) bool { return std.Sleep(d.ctx, t) }

// Stop begins to stop the driver and doesn't wait, so it may be called by the loop, too. The first
// call counts; a cause of nil means that it was asked to.
func (d *Driver) Stop(cause error) {
	d.stop(cause)
	d.waiter.wake()
}

// Close stops the driver, if it hasn't stopped yet, and waits until all its goroutines have ended
// and its ports are free; after that nothing of the layer is called. It may be called again, also
// concurrently, and returns what Err does.
func (d *Driver) Close() error {
	d.Stop(nil)
	d.starting.Lock()
	if d.loop.machine == nil && !d.closed {
		d.closed = true
		close(d.idled)
		d.release()
	}
	d.starting.Unlock()
	<-d.done
	return d.err
}

// Done is closed when the driver has stopped. By then all its goroutines have ended and its ports
// are free.
func (d *Driver) Done() <-chan struct{} { return d.done }

// Err is the cause that Stop was called with; nil before Done is closed, or if there was none.
func (d *Driver) Err() error {
	if !std.Closed(d.done) {
		return nil
	}
	return d.err
}
