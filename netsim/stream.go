package netsim

import (
	"errors"
	"io"
	"math"
	"net/netip"
	"time"

	"serf/internal/invariant"
	"serf/swim"
	"serf/wire"
)

// Errors of streams, besides those of opening a block.
var (
	ErrRefused = swim.ErrStreamRefused
	ErrTimeout = errors.New("i/o timeout")
	// ErrUnreachable is what an ICMP error becomes.
	ErrUnreachable = errors.New("no route to host")
)

// A stream is simulated as the exchange that it carries: connect, one block, perhaps one block
// back. TCP's reliability is part of that: nothing is lost, loss only causes delay, and a peer that
// can't be reached is retried until the deadline.
const (
	retransmitFirst = 200 * time.Millisecond // Linux's least retransmission time, doubled each time
	// further losses in a row don't matter: deadlines come first
	retransmitMax = 6
	dialRetry     = time.Second // between attempts to connect while nothing answers
	// streams wait for their turn; their deadlines come first
	forEver       = math.MaxInt64
	ephemeralPort = 49152 // streams come from a port nobody listens on
)

// schedule queues an event about a call of host h, at that host.
func (w *worker) schedule(kind eventKind, i uint32, h int32, at swim.Time) {
	w.queue.push(event{at: at, order: orderOf(h, h), seq: w.nextSeq(h), kind: kind, ref: i})
}

// post sends a stream message from one host to another.
func (w *worker) post(kind eventKind, x streamMessage, from, to int32, at swim.Time) {
	w.sendMessage(event{at: at, order: orderOf(to, from), seq: w.nextSeq(from), kind: kind}, x)
}

func (b *sealedBlock) len() int {
	n := len(b.data)
	for _, p := range b.more {
		n += len(p)
	}
	return n
}

// traced is the part of a block that goes into the trace. A difference beyond it shows in what
// follows from it.
func (b *sealedBlock) traced() []byte {
	const most = 4096
	return b.data[:min(len(b.data), most)]
}

// seal seals a message. One that needs no sealing is sent without a copy, which would be most of
// the work in the push/pull exchanges of a large cluster.
func seal(s *wire.Sealer, o *swim.StreamOut, how func(dst, msg []byte) []byte) sealedBlock {
	if s.Bare() && o.User == nil {
		return sealedBlock{o.Data, o.More}
	}
	return sealedBlock{data: how(nil, o.Message())}
}

// open opens a block, unless the receiver has no keys and the block came in pieces.
func (b *sealedBlock) open(
	s *wire.Sealer, how func(data []byte) (msg []byte, err error),
) (sealedBlock, error) {
	if b.more != nil && s.Bare() && (s == nil || s.Keys == nil) {
		return *b, nil
	}
	msg, err := how(wire.Flatten(b.data, b.more))
	return sealedBlock{data: msg}, err
}

// open starts the stream that host h has asked for.
func (w *worker) open(h int32, o *swim.StreamOut) {
	if o.Kind == swim.StreamAnswer {
		w.answer(o)
		return
	}
	sealed := seal(o.Sealer, o, o.Sealer.SealStream)
	w.countStream(h, w.sim.places.host(o.To), sealed.len())
	w.stats.Streams++
	deadline := max(w.sim.cold[h].clock.when(o.Deadline), w.now)
	i := w.calls.put(call{
		id: o.ID, kind: o.Kind, caller: h, start: w.sim.cold[h].starts, seq: w.sim.hosts[h].seq,
		to: o.To, block: sealed, sealer: o.Sealer, deadline: deadline, due: o.Deadline,
		report: o.Report,
	})
	w.expireAt(deadline, i, h)
	w.schedule(kindDial, i, h, w.now)
}

// deliverStream handles one step of an exchange.
func (w *worker) deliverStream(e *event) {
	h := e.to()
	p := &w.sim.hosts[h]
	if p.state.notReading() && e.kind != kindDial {
		cold := &w.sim.cold[h]
		cold.held = append(cold.held, held{event: *e}) // its kernel accepts the connection
		return
	}
	p.trace.add(traceStream, uint64(e.kind), uint64(w.now), e.seq)
	switch e.kind {
	case kindDial:
		w.dial(e.ref)
	case kindExpired:
		if w.postpone(e.ref, h) {
			return
		}
		if c := &w.calls.slots[e.ref]; c.kind != swim.StreamSend || !c.sent || c.report {
			w.end(e.ref, func(c *call) { w.fail(c, c.expiry()) })
		}
		w.calls.take(e.ref)
	case kindRequest:
		x := w.messages.take(e.ref)
		p.trace.bytes(x.block.traced())
		w.request(h, &x)
	case kindSent:
		w.end(e.ref, func(c *call) {
			w.stream(c.caller, swim.StreamIn{ID: c.id, Kind: swim.StreamSent, From: c.to})
		})
	case kindReply, kindRefused:
		x := w.messages.take(e.ref)
		p.trace.bytes(x.block.traced())
		if c := &w.calls.slots[x.call]; c.caller == x.caller && c.seq == x.seq {
			w.end(x.call, func(c *call) { w.outcome(c, &x) })
		}
	}
}

// end ends call i, if the caller still waits for it.
func (w *worker) end(i uint32, how func(c *call)) {
	c := w.calls.slots[i]
	if c.done || !w.calling(&c) {
		return
	}
	w.calls.slots[i].done, w.calls.slots[i].block = true, sealedBlock{}
	how(&c)
}

// calling reports whether the machine that made a call still runs.
func (w *worker) calling(c *call) bool {
	return w.sim.hosts[c.caller].state != down && w.sim.cold[c.caller].starts == c.start
}

// dial connects and sends the request. If nothing listens, it fails; if the host can't be reached,
// it is tried again later.
func (w *worker) dial(i uint32) {
	c := &w.calls.slots[i]
	if c.done || !w.calling(c) {
		c.block = sealedBlock{}
		return
	}
	s, h := w.sim, c.caller
	server := s.places.host(c.to)
	d, _ := w.draw(h)
	refusal := s.refusal(h, server)
	x := streamMessage{
		err:  refusal,
		call: i, seq: c.seq, id: c.id, kind: c.kind, caller: h,
		from: s.hosts[h].place, to: s.places.find(c.to),
	}
	switch {
	case refusal != nil:
		w.post(kindRefused, x, h, h, w.now.Add(2*s.link.Latency.Draw(d.Next())))
	case !w.connects(h, server):
		if again := w.now.Add(dialRetry); again < c.deadline {
			w.schedule(kindDial, i, h, again)
		}
	default:
		// A round trip to connect, then one way with the request.
		connect := s.passage(&d, h, server) + s.passage(&d, server, h)
		at := w.now.Add(connect + s.passage(&d, h, server))
		wait, _ := w.transmit(h, c.block.len(), forEver)
		x.block, c.block, c.sent = c.block, sealedBlock{}, true
		if sent := w.now.Add(connect + wait); c.report && sent < c.deadline {
			w.schedule(kindSent, i, h, sent)
		}
		if c.silent = !s.carries(h, server, x.block.len()); !c.silent {
			w.post(kindRequest, x, h, server, at.Add(wait))
		}
	}
}

// passage is how long a block takes one way, including retransmissions.
func (s *Sim) passage(d *Draws, from, to int32) time.Duration {
	t := s.delay(d, from, to)
	for wait, n := retransmitFirst, 0; n < retransmitMax && s.lost(d, from, to); n++ {
		t += wait
		wait *= 2
	}
	return t
}

// request hands the request to the server's machine, which answers at once or never.
func (w *worker) request(h int32, x *streamMessage) {
	p, cold := &w.sim.hosts[h], &w.sim.cold[h]
	if p.state == down || p.place != x.to {
		w.hangUp(h, x, ErrRefused)
		return
	}
	if w.sim.tables > 0 && !w.admitStream(h) {
		return // the attempt to connect was dropped
	}
	msg, answerer, err := openRequest(cold.sealer, &x.block)
	if err != nil {
		w.stats.StreamsUnreadable++
		w.hangUp(h, x, io.EOF)
		return
	}
	cold.accepted++
	id := swim.Inbound | swim.StreamID(cold.accepted)
	v := serving{request: x, server: h, id: id, answerer: answerer}
	from := netip.AddrPortFrom(w.sim.places.addrs[x.from].Addr(), ephemeralPort)
	w.serving = &v
	w.stream(h, swim.StreamIn{
		ID: v.id, Kind: swim.StreamRequest, From: from, Data: msg.data, More: msg.more,
	})
	w.serving = nil
	if !v.answered {
		w.hangUp(h, x, io.EOF)
	}
}

func openRequest(
	p sealerOf, sealed *sealedBlock,
) (msg sealedBlock, answerer *wire.Sealer, err error) {
	var sealer *wire.Sealer
	if p != nil {
		sealer = p.Sealer()
	}
	answerer = sealer
	msg, err = sealed.open(sealer, func(data []byte) (msg []byte, err error) {
		msg, answerer, err = sealer.OpenRequest(data)
		return msg, err
	})
	return msg, answerer, err
}

// answer sends the server's block back to the caller.
func (w *worker) answer(o *swim.StreamOut) {
	v := w.serving
	invariant.Check(v != nil && v.id == o.ID, "netsim: answer to a stream that isn't being handled")
	invariant.Check(v.request.kind == swim.StreamCall && !v.answered,
		"netsim: second answer, or answer to a one-way stream")
	v.answered = true
	sealed := seal(v.answerer, o, v.answerer.SealAnswer)
	w.countStream(v.server, v.request.caller, sealed.len())
	w.back(v.server, kindReply, v.request, sealed, nil)
}

// hangUp closes the stream at the server's end. A caller that only sends doesn't notice, unless the
// connection was refused.
func (w *worker) hangUp(h int32, x *streamMessage, err error) {
	if x.kind != swim.StreamSend || err == ErrRefused {
		w.back(h, kindRefused, x, sealedBlock{}, err)
	}
}

// back sends a stream message from the server, host h, to the caller. If the way back is cut, the
// caller waits for its deadline.
func (w *worker) back(h int32, kind eventKind, x *streamMessage, sealed sealedBlock, err error) {
	if !w.sim.reaches(h, x.caller) || !w.sim.fits(h, x.caller, sealed.len()+tcpHeader) {
		return
	}
	d, _ := w.draw(h)
	answer := *x
	answer.block, answer.err = sealed, err
	wait, _ := w.transmit(h, sealed.len(), forEver)
	w.post(kind, answer, h, x.caller, w.now.Add(wait+w.sim.passage(&d, h, x.caller)))
}

// outcome gives the reply to the caller's machine.
func (w *worker) outcome(c *call, x *streamMessage) {
	if x.err != nil {
		w.fail(c, x.err)
		return
	}
	msg, err := x.block.open(c.sealer, c.sealer.OpenAnswer)
	if err != nil {
		w.stats.StreamsUnreadable++
		w.fail(c, err)
		return
	}
	w.stream(c.caller, swim.StreamIn{
		ID: c.id, Kind: swim.StreamReply, From: c.to, Data: msg.data, More: msg.more,
	})
}

// fail tells the caller's machine that the stream failed.
func (w *worker) fail(c *call, err error) {
	w.stats.StreamsFailed++
	w.stream(c.caller, swim.StreamIn{ID: c.id, Kind: swim.StreamFailed, From: c.to, Err: err})
}

func (w *worker) stream(h int32, in swim.StreamIn) {
	w.enter()
	w.sim.hosts[h].machine.Stream(w.now, in, &w.out)
	w.leave(h)
}
