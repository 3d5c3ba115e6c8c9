package netsim

import (
	"bytes"
	"fmt"
	"time"

	"serf/internal/invariant"
	"serf/swim"
)

func newWorker(s *Sim, id, workers int) *worker {
	w := &worker{sim: s, id: id}
	w.outbox = [2][]outbox{make([]outbox, workers), make([]outbox, workers)}
	return w
}

// step handles the next event, of which there must be one.
func (w *worker) step() {
	if w.queue.fresh {
		w.preload()
	}
	e := w.queue.pop()
	invariant.Check(e.at >= w.now, "netsim: event in the past")
	w.now = e.at
	w.steps++
	w.deliver(&e)
}

func (w *worker) deliver(e *event) {
	switch e.kind {
	case kindPacket:
		w.deliverPacket(e)
	case kindTimer:
		w.fire(e.to())
	case kindRead:
		w.readOne(e.to())
	default:
		w.deliverStream(e)
	}
}

// fire ticks host h if it is due. Deadlines change with nearly every call into a machine, mostly to
// later times; then the entry in the queue stays, and is postponed when it comes up.
func (w *worker) fire(h int32) {
	p := &w.sim.hosts[h]
	if p.armed != w.now {
		return // an earlier entry has ticked it
	}
	p.armed = swim.Never
	if !p.state.ticks() {
		return
	}
	if p.due > w.now {
		w.arm(h, p.due)
		return
	}
	w.spin.check(h, w.now)
	w.tick(h)
}

// arm ensures that host h is looked at by the time that it is due.
func (w *worker) arm(h int32, due swim.Time) {
	if p := &w.sim.hosts[h]; due < p.armed {
		p.armed = due
		w.queue.push(event{at: due, order: lastOfInstant | orderOf(h, 0), kind: kindTimer})
	}
}

func (w *worker) tick(h int32) {
	w.stats.Ticks++
	w.enter()
	w.sim.hosts[h].machine.Tick(w.now, &w.out)
	w.leave(h)
}

// deliverPacket hands a packet to the machine that is at its address now.
func (w *worker) deliverPacket(e *event) {
	h := e.to()
	p := &w.sim.hosts[h]
	from, to, data := w.inFlight.at(e.ref)
	switch {
	case w.sim.tables > 0 && !w.admitIn(h, from, &to):
		w.stats.NoFlow++
	case p.state == down || p.place != to:
		w.stats.Nobody++
	case p.state.notReading() || p.state == reading:
		w.hold(h, e, from, data)
	default:
		w.receive(h, e, from, data)
	}
	w.inFlight.drop(e.ref)
}

func (w *worker) receive(h int32, e *event, from place, data []byte) {
	p := &w.sim.hosts[h]
	w.stats.Delivered++
	p.trace.packet(e, data)
	w.enter()
	p.machine.Packet(w.now, w.sim.places.addrs[from], data, &w.out)
	w.leave(h)
}

// enter and leave bracket every call into a machine: all share one Output, so a nested call would
// mix up the effects of two machines.
func (w *worker) enter() {
	invariant.Check(!w.busy, "netsim: call into a machine from within another")
	w.busy = true
}

// leave carries out the effects of a call into host h's machine.
func (w *worker) leave(h int32) {
	if len(w.out.Events) > 0 {
		w.logEvents(h)
	}
	if !w.maybeStall(h) {
		for i := range w.out.Packets {
			w.send(h, &w.out.Packets[i])
		}
	}
	for i := range w.out.Streams {
		w.open(h, &w.out.Streams[i])
	}
	w.out.Reset()
	w.busy = false
	w.rearm(h)
}

// logEvents keeps events for the observers, who see them at the end of the window.
func (w *worker) logEvents(h int32) {
	p := &w.sim.hosts[h]
	for i := range w.out.Events {
		e := &w.out.Events[i]
		w.stats.Events++
		p.trace.event(w.now, e)
		if len(w.sim.observers) > 0 {
			w.log.add(w.now, h, e)
		}
	}
}

func (w *worker) rearm(h int32) {
	if p := &w.sim.hosts[h]; p.state.ticks() {
		p.due = max(p.machine.Deadline(), w.now)
		w.arm(h, p.due)
	}
}

// draw returns random numbers for what host h sends next, and its sequence number.
func (w *worker) draw(h int32) (Draws, uint64) {
	seq := w.nextSeq(h)
	return NewDraws(w.sim.seed, uint64(h), seq), seq
}

func (w *worker) nextSeq(h int32) uint64 {
	p := &w.sim.hosts[h]
	p.seq++
	return p.seq
}

// send hands one packet of host h to the network.
func (w *worker) send(h int32, p *swim.Packet) {
	s := w.sim
	sent := &s.sent[h]
	sent.packets++
	sent.bytes += uint64(len(p.Data))
	w.stats.Sent++
	w.stats.SentBytes += uint64(len(p.Data))
	d, seq := w.draw(h)
	wait, room := w.transmit(h, len(p.Data), 0)
	at := s.places.find(p.To)
	to := none
	if at != nowhere {
		to = s.places.hosts[at]
	}
	w.countPacket(h, to, len(p.Data))
	switch {
	case !room:
		w.stats.Choked++
		return
	case to == none:
		w.stats.Nobody++
		return
	case s.impairments > 0 && w.stopped(h, to, at, len(p.Data)):
		return
	case s.lost(&d, h, to):
		w.stats.Lost++
		return
	}
	w.launch(&d, h, to, seq, at, wait, p.Data)
	if s.twice(&d, h, to) {
		w.stats.Duplicated++
		w.launch(&d, h, to, w.nextSeq(h), at, wait, p.Data)
	}
}

// launch schedules the arrival of one copy of a packet that has waited to be sent for so long.
func (w *worker) launch(
	d *Draws, from, to int32, seq uint64, at place, wait time.Duration, data []byte,
) {
	arrives := w.now.Add(wait + w.sim.delay(d, from, to))
	e := event{at: arrives, order: orderOf(to, from), seq: seq, kind: kindPacket}
	w.sendPacket(e, w.source(from, at), at, data)
}

const (
	// socketBuffer is the default size of a UDP socket's buffer on Linux (net.core.rmem_default),
	// and packetOverhead about what Linux charges for a packet besides its bytes.
	socketBuffer   = 212_992
	packetOverhead = 768
)

// hold keeps a packet for a paused host, as its socket buffer would.
func (w *worker) hold(h int32, e *event, from place, data []byte) {
	p := &w.sim.cold[h]
	size := len(data) + packetOverhead
	if p.heldSize+size > p.buffer() {
		w.stats.Overflowed++
		return
	}
	p.heldSize += size
	p.held = append(p.held, held{*e, from, append([]byte(nil), data...)})
}

// release delivers what waited for a host that resumes.
func (w *worker) release(h int32) {
	p := &w.sim.cold[h]
	waiting := p.held
	p.held, p.heldSize = nil, 0
	for i := range waiting {
		if x := &waiting[i]; x.kind == kindPacket {
			w.receive(h, &x.event, x.from, x.data)
		} else {
			w.deliver(&x.event)
		}
	}
}

// maybeStall pauses a host that is to stall at its next packet, if it sends one now, and keeps the
// packet.
func (w *worker) maybeStall(h int32) bool {
	p := &w.sim.hosts[h]
	if p.state != stalling || len(w.out.Packets) == 0 {
		return false
	}
	cold := &w.sim.cold[h]
	for _, x := range w.out.Packets {
		cold.unsent = append(cold.unsent, swim.Packet{To: x.To, Data: bytes.Clone(x.Data)})
	}
	p.state = paused
	return true
}

// sendStalled sends the packets in whose sending a host stalled.
func (w *worker) sendStalled(h int32) {
	p := &w.sim.cold[h]
	for i := range p.unsent {
		w.send(h, &p.unsent[i])
	}
	p.unsent = nil
}

// dropHeld discards what waited for a host that won't resume.
func (w *worker) dropHeld(h int32) {
	p := &w.sim.cold[h]
	for i := range p.held {
		w.forget(&p.held[i].event)
	}
	p.held, p.heldSize, p.unsent = nil, 0, nil
}

// forget frees what a discarded event refers to.
func (w *worker) forget(e *event) {
	switch e.kind {
	case kindRequest, kindReply, kindRefused:
		w.messages.take(e.ref)
	case kindExpired:
		w.calls.take(e.ref)
	}
}

// maxSpin is far more ticks than a machine can have duties that are due at one instant. Without a
// limit, a machine that forgets to re-arm would hang the run.
const maxSpin = 10_000

func (g *spinGuard) check(h int32, at swim.Time) {
	if g.host != h || g.at != at {
		*g = spinGuard{at: at, host: h}
	}
	g.ticks++
	if g.ticks > maxSpin {
		panic(fmt.Sprintf("BUG: host %d ticked %d times at %v and is still due", h, maxSpin,
			time.Duration(at)))
	}
}
