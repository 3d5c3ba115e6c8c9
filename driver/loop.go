package driver

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"serf/swim"
)

// Limits of the loop.
const (
	// turnInputs is how many inputs one turn takes before its effects are carried out: enough to
	// share the cost of a flush, few enough that answers aren't late.
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

// datagram is one received packet.
type datagram struct {
	from netip.AddrPort
	data []byte
}

var datagrams = sync.Pool{New: func() any {
	return &datagram{data: make([]byte, 0, datagramUsual)}
}}

// recycle returns d to the pool unless it grew.
func (d *datagram) recycle() {
	if cap(d.data) == datagramUsual {
		datagrams.Put(d)
	}
}

// runLoop runs the machine until the driver is to stop.
func (d *Driver) runLoop() {
	l := &d.loop
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-d.ctx.Done():
			l.layer.End(d.Now(), l.out)
			return
		case c := <-d.calls:
			d.handleCall(c)
		case c := <-d.ready():
			d.handleCall(c)
		case p := <-d.packets:
			d.handlePacket(p)
		case in := <-d.streams:
			d.handleStream(in)
		case <-d.woken:
		case <-timer.C:
		}
		d.takeMore()
		d.handleTimer()
		d.flush()
		d.arm(timer, d.endTurn())
	}
}

// ready is where functions come from that wait until the layer is ready: nil, which nothing comes
// from, while it isn't.
func (d *Driver) ready() <-chan call {
	if d.loop.layer.Ready() {
		return d.gated
	}
	return nil
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
	d.counts.turns.add(&TurnBounds, now.Sub(l.began))
	l.began = 0
	return now
}

// takeMore handles further inputs that are ready, up to the limit of a turn.
func (d *Driver) takeMore() {
	for range turnInputs - 1 {
		select {
		case c := <-d.calls:
			d.handleCall(c)
		case c := <-d.ready():
			d.handleCall(c)
		case p := <-d.packets:
			d.handlePacket(p)
		case in := <-d.streams:
			d.handleStream(in)
		default:
			return
		}
	}
}

func (d *Driver) handleCall(c call) {
	defer close(c.ran)
	now := d.inputTime()
	if c.look != nil {
		c.look()
		return
	}
	c.do(now, d.loop.out)
	d.handle(now)
}

func (d *Driver) handlePacket(p *datagram) {
	now := d.inputTime()
	d.loop.machine.Packet(now, p.from, p.data, d.loop.out)
	d.handle(now) // events may borrow from the packet
	p.recycle()
}

// handleStream takes the outcome of a stream, or a request and its answer.
func (d *Driver) handleStream(in streamInput) {
	l := &d.loop
	if !in.silent {
		now := d.inputTime()
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
		d.counts.rounds.add(d.Now().Sub(now))
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

// arm sets the timer to when the loop has something to do without any input, if ever.
func (d *Driver) arm(timer *time.Timer, now swim.Time) {
	l := &d.loop
	deadline := min(l.machine.Deadline(), l.layer.Deadline())
	switch {
	case len(l.failed) > 0:
		timer.Reset(0)
	case deadline == swim.Never:
		timer.Stop()
	default:
		timer.Reset(max(deadline.Sub(now), 0))
	}
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
			d.counts.sendErrors.Add(uint64(len(packets) - i))
			d.report(Problem{Kind: SendBlocked})
			return
		default:
			d.counts.sendErrors.Add(1)
			d.report(Problem{Kind: SendFailed, Peer: p.To, Err: err})
		}
	}
}

// readPackets is the goroutine that reads the packets.
func (d *Driver) readPackets() {
	b := make([]byte, datagramMax)
	for {
		n, from, err := d.udp.ReadFrom(b)
		if err != nil {
			if !d.retryRead(ReadFailed, err) {
				return
			}
			continue
		}
		p := datagrams.Get().(*datagram)
		p.from, p.data = from, append(p.data[:0], b[:n]...)
		select {
		case d.packets <- p:
		case <-d.ctx.Done():
			return
		}
	}
}

// retryRead reports, after a pause, whether a socket that failed is worth another try.
func (d *Driver) retryRead(what ProblemKind, err error) bool {
	if d.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
		return false
	}
	d.counts.readErrors.Add(1)
	d.report(Problem{Kind: what, Err: err})
	return d.Sleep(readBackoff)
}
