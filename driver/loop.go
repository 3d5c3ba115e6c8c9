package driver

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"serf/swim"
)

// Limits of the loop.
const (
	// turnInputs is how many packets, and how many of each other kind of inputs, one turn takes
	// before its effects are carried out: enough to share the cost of a flush, few enough that
	// answers aren't late.
	turnInputs = 64
	// packetQueue is how many packets may wait for the loop. When it is full the reader waits, the
	// kernel's buffer fills, and then the kernel drops.
	packetQueue = 256
	// datagramMax is the largest UDP payload in bytes, datagramUsual the size that nearly all fit
	// into.
	datagramMax   = 65536
	datagramUsual = 2048
	// readBackoff is the pause after a socket failed to read or accept, so that a lasting failure
	// doesn't spin.
	readBackoff = 50 * time.Millisecond
)

// loop is the state that the loop owns. Others touch it only within Do, Look and Read.
type loop struct {
	machine Machine
	layer   Layer
	out     *swim.Output

	failed  []swim.StreamIn  // streams that failed immediately: reported in the next turn
	dialing int              // dial goroutines in flight
	waiting []swim.StreamOut // for a dial goroutine, at most dialQueue

	began swim.Time // of this turn; 0 until it has an input
}

// runLoop runs the machine until the driver is to stop.
func (d *Driver) runLoop() {
	for d.ctx.Err() == nil {
		d.takeInputs()
		d.handleTimer()
		d.flush()
		d.wait(d.endTurn())
	}
	d.loop.layer.End(d.Now(), d.loop.out)
}

// inputTime reads the clock for an input. The first input begins the turn.
func (d *Driver) inputTime() swim.Time {
	now := d.Now()
	if d.loop.began == 0 {
		d.loop.began = now
	}
	return now
}

// endTurn counts how long the turn took, from when the loop woke up.
func (d *Driver) endTurn() (now swim.Time) {
	l := &d.loop
	now = d.Now()
	d.counts.Change(func(c *Counters) { c.Turns.Add(&TurnBounds, now.Sub(l.began)) })
	l.began = 0
	return now
}

// takeInputs handles what has come in, up to the limit of a turn. Packets, inputs, and those that
// wait for the layer take turns: many of one kind don't keep the others from the loop.
func (d *Driver) takeInputs() {
	for range turnInputs {
		from, packet, more := d.waiter.next()
		if more {
			d.handlePacket(from, packet)
		}
		more = d.takeInput(false) || more
		more = d.loop.layer.Ready() && d.takeInput(true) || more
		if !more {
			return
		}
	}
}

// takeInput handles the first input of a queue. It reports whether there was one.
func (d *Driver) takeInput(gated bool) bool {
	in := d.inbox.take(gated)
	if in != nil {
		d.handleInput(in)
	}
	return in != nil
}

func (d *Driver) handleInput(in *input) {
	defer close(in.done)
	now := d.inputTime()
	switch {
	case in.look != nil:
		in.look()
	case in.stream != nil:
		d.handleStream(now, in.stream)
	default:
		in.do(now, d.loop.out)
		d.handle(now)
	}
}

func (d *Driver) handlePacket(from netip.AddrPort, packet []byte) {
	now := d.inputTime()
	d.loop.machine.Packet(now, from, packet, d.loop.out)
	d.handle(now)
}

// handleStream takes the outcome of a stream, or a request and its answer.
func (d *Driver) handleStream(now swim.Time, in *streamInput) {
	l := &d.loop
	if !in.silent {
		l.machine.Stream(now, in.StreamIn, l.out)
		d.handle(now)
	}
	if in.answer != nil {
		in.answer <- l.takeAnswer(in.ID)
	}
	if in.dialled {
		l.dialing--
		d.dialWaiting()
	}
}

// takeAnswer removes the answer to the request id from the output.
func (l *loop) takeAnswer(id swim.StreamID) *swim.StreamOut {
	for i := range l.out.Streams {
		if s := &l.out.Streams[i]; s.Kind == swim.StreamAnswer && s.ID == id {
			answer := *s
			l.out.Streams = slices.Delete(l.out.Streams, i, i+1)
			return &answer
		}
	}
	return nil
}

// handleTimer does what is due, and reports the streams that failed immediately.
func (d *Driver) handleTimer() {
	l := &d.loop
	for _, in := range l.failed {
		now := d.Now()
		l.machine.Stream(now, in, l.out)
		d.handle(now)
	}
	l.failed = l.failed[:0]
	if now := d.inputTime(); now >= l.machine.Deadline() {
		l.machine.Tick(now, l.out)
		d.handle(now)
		took := d.Now().Sub(now)
		d.counts.Change(func(c *Counters) {
			c.Rounds.N++
			c.Rounds.Took += took
		})
	}
}

// handle shows the layer the events and notes of the call just made, which are valid only until the
// next call.
func (d *Driver) handle(now swim.Time) {
	out := d.loop.out
	d.loop.layer.Handle(now, out)
	clear(out.Events)
	out.Events, out.Notes = out.Events[:0], out.Notes[:0]
}

// wait returns when there is something to do for the next turn.
func (d *Driver) wait(now swim.Time) {
	l := &d.loop
	deadline := min(l.machine.Deadline(), l.layer.Deadline())
	if len(l.failed) > 0 || !d.inbox.empty(l.layer.Ready()) {
		deadline = now
	}
	d.waiter.wait(now, deadline)
}

// flush carries out the effects of a turn.
func (d *Driver) flush() {
	l := &d.loop
	l.layer.EndTurn(d.Now())
	d.sendPackets(l.out.Packets)
	for _, s := range l.out.Streams {
		d.startStream(s)
	}
	d.sealer.Store(l.machine.Sealer())
	l.out.Reset()
}

// sendPackets sends packets. When the kernel has no room it gives up the rest: waiting for each
// would stall the loop, and UDP may lose packets.
func (d *Driver) sendPackets(packets []swim.Packet) {
	for i := range packets {
		p := &packets[i]
		err := d.udp.WriteTo(p.Data, p.To)
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			d.counts.Change(func(c *Counters) { c.SendErrors += uint64(len(packets) - i) })
			d.report(Problem{Kind: SendBlocked})
			return
		default:
			d.counts.Change(func(c *Counters) { c.SendErrors++ })
			d.report(Problem{Kind: SendFailed, Peer: p.To, Err: err})
		}
	}
}

// retryRead reports, after a pause, whether a socket that failed is worth another try.
func (d *Driver) retryRead(what ProblemKind, err error) bool {
	if d.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
		return false
	}
	d.readFailed(what, err)
	return d.Sleep(readBackoff)
}

func (d *Driver) readFailed(what ProblemKind, err error) {
	d.counts.Change(func(c *Counters) { c.ReadErrors++ })
	d.report(Problem{Kind: what, Err: err})
}
