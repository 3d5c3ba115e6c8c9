package netsim

import (
	"errors"
	"io"
	"net/netip"
	"time"

	"serf/swim"
	"serf/wire"
)

// What a stream can fail with, besides an error of opening a block.
var (
	ErrRefused = errors.New("connection refused")
	ErrTimeout = errors.New("i/o timeout")
)

// A stream is simulated as the exchange that it carries: connect, one block,
// perhaps one block back. TCP's own ways count in full: nothing is lost, loss
// only delays, and a peer that can't be reached is tried again until the deadline.
const (
	retransmitFirst = 200 * time.Millisecond // Linux's least retransmission time, doubled each time
	retransmitMax   = 6                      // further losses in a row don't matter: deadlines come first
	dialRetry       = time.Second            // between attempts to connect while nothing answers
	ephemeralPort   = 49152                  // streams come from a port nobody listens on
)

// call is one exchange. It is freed when no event in the queue refers to it.
type call struct {
	id       swim.StreamID
	kind     swim.StreamKind
	caller   int32
	life     uint32 // the caller's, when it called
	server   int32
	from, to netip.AddrPort // when it called
	block    []byte         // sealed: the request, then the reply
	sealer   *wire.Sealer   // of the request
	answerer *wire.Sealer   // of the reply
	deadline swim.Time
	inbound  swim.StreamID // the server's name for it, while it is handled
	err      error         // for kindRefused
	done     bool          // the caller knows the outcome, or wants none
	answered bool
	refs     int
}

// release takes away one reference to call i.
func (s *Sim) release(i int32) {
	c := &s.calls.slots[i]
	c.refs--
	invariant(c.refs >= 0, "call released twice")
	if c.refs == 0 {
		*c = call{}
		s.calls.drop(i)
	}
}

// schedule queues an event about call i, sent by host from.
func (s *Sim) schedule(kind eventKind, i int32, from, to int32, at swim.Time) {
	p := &s.hosts[from]
	p.seq++
	s.calls.slots[i].refs++
	s.queue.push(event{at: at, to: to, from: from, seq: p.seq, kind: kind, ref: i})
}

// open begins what host h wants done on a stream.
func (s *Sim) open(h int32, o *swim.StreamOut) {
	if o.Kind == swim.StreamAnswer {
		s.answer(o)
		return
	}
	block := o.Sealer.SealStream(nil, o.Data)
	s.stats.StreamBytes += uint64(len(block))
	s.stats.Streams++
	i := s.calls.take()
	s.calls.slots[i] = call{
		id: o.ID, kind: o.Kind, caller: h, life: s.hosts[h].lives,
		from: s.hosts[h].addr, to: o.To, block: block, sealer: o.Sealer, deadline: o.Deadline,
	}
	s.schedule(kindExpired, i, h, h, max(o.Deadline, s.now))
	s.schedule(kindDial, i, h, h, s.now)
}

// deliverStream handles one step of an exchange.
func (s *Sim) deliverStream(e *event) {
	p := &s.hosts[e.to]
	if p.state == paused && e.kind != kindDial {
		p.held = append(p.held, *e) // the kernel answers for it
		return
	}
	c := &s.calls.slots[e.ref]
	s.trace.add(traceStream, uint64(e.kind), uint64(s.now), uint64(uint32(e.to)), uint64(c.id))
	switch alive := s.hosts[c.caller].lives == c.life && s.hosts[c.caller].state != down; {
	case c.done:
	case e.kind == kindRequest:
		s.request(e.ref) // also that of a caller who has crashed since
	case !alive:
		c.block = nil
	case e.kind == kindDial:
		s.dial(e.ref)
	case e.kind == kindReply:
		s.reply(e.ref)
	case e.kind == kindRefused:
		s.fail(e.ref, c.err)
	case e.kind == kindExpired:
		s.fail(e.ref, ErrTimeout)
	}
	s.release(e.ref)
}

// dial connects and sends the request, or finds nobody listening, or tries again later.
func (s *Sim) dial(i int32) {
	c := &s.calls.slots[i]
	h := c.caller
	server, known := s.byAddr[c.to]
	d := s.draw(h)
	switch {
	case !known:
		// The machine is there, its program is not: a crash, not a cable cut.
		c.err = ErrRefused
		s.schedule(kindRefused, i, h, h, s.now.Add(2*s.link.Latency.draw(d.next())))
	case !s.reaches(h, server) || !s.reaches(server, h):
		if again := s.now.Add(dialRetry); again < c.deadline {
			s.schedule(kindDial, i, h, h, again)
		}
	default:
		c.server = server
		// There and back to connect, then there with the request.
		at := s.now.Add(s.passage(&d, h, server) + s.passage(&d, server, h) + s.passage(&d, h, server))
		s.schedule(kindRequest, i, h, server, at)
	}
}

// passage is how long a block takes one way, with retransmissions for what gets lost.
func (s *Sim) passage(d *draws, from, to int32) time.Duration {
	t := s.delay(d, from, to)
	for wait, n := retransmitFirst, 0; n < retransmitMax && s.lost(d, from, to); n++ {
		t += wait
		wait *= 2
	}
	return t
}

// request hands the request to the server's machine, which answers at once or not at all.
func (s *Sim) request(i int32) {
	c := &s.calls.slots[i]
	p := &s.hosts[c.server]
	if p.state == down || p.addr != c.to {
		s.hangUp(i, ErrRefused)
		return
	}
	msg, answerer, err := s.openBlock(p, c.block)
	c.answerer = answerer
	if err != nil {
		s.stats.StreamsUnreadable++
		s.hangUp(i, io.EOF)
		return
	}
	p.accepted++
	c.inbound = swim.Inbound | swim.StreamID(p.accepted)
	from := netip.AddrPortFrom(c.from.Addr(), ephemeralPort)
	in := swim.StreamIn{ID: c.inbound, Kind: swim.StreamRequest, From: from, Data: msg}
	server := c.server
	c.block = nil
	s.enter()
	s.answering = i
	p.machine.Stream(s.now, in, &s.out)
	s.leave(server)
	s.answering = none
	if c = &s.calls.slots[i]; !c.answered {
		s.hangUp(i, io.EOF)
	}
}

func (s *Sim) openBlock(p *host, block []byte) (msg []byte, answerer *wire.Sealer, err error) {
	var sealer *wire.Sealer
	if p.sealer != nil {
		sealer = p.sealer.Sealer()
	}
	return sealer.OpenRequest(block)
}

// answer sends the server's block back to the caller.
func (s *Sim) answer(o *swim.StreamOut) {
	i := s.answering
	invariant(i != none && s.calls.slots[i].inbound == o.ID, "answer to a stream that isn't being handled")
	c := &s.calls.slots[i]
	invariant(c.kind == swim.StreamCall && !c.answered, "second answer, or answer to a one-way stream")
	c.answered, c.block = true, c.answerer.SealAnswer(nil, o.Data)
	s.stats.StreamBytes += uint64(len(c.block))
	s.back(kindReply, i)
}

// hangUp closes the stream from the server's end. Who only sends doesn't
// notice, unless nobody was there to take it.
func (s *Sim) hangUp(i int32, err error) {
	c := &s.calls.slots[i]
	c.block = nil
	if c.kind == swim.StreamSend && err != ErrRefused {
		c.done = true
		return
	}
	c.err = err
	s.back(kindRefused, i)
}

// back queues what the server's end sends, unless the way back is cut: then
// the caller waits for its deadline.
func (s *Sim) back(kind eventKind, i int32) {
	c := &s.calls.slots[i]
	if !s.reaches(c.server, c.caller) {
		return
	}
	d := s.draw(c.server)
	s.schedule(kind, i, c.server, c.caller, s.now.Add(s.passage(&d, c.server, c.caller)))
}

// reply hands the answer to the caller's machine.
func (s *Sim) reply(i int32) {
	c := &s.calls.slots[i]
	c.done = true
	msg, err := c.sealer.OpenAnswer(c.block)
	c.block = nil
	if err != nil {
		s.stats.StreamsUnreadable++
		s.fail(i, err)
		return
	}
	s.stream(c.caller, swim.StreamIn{ID: c.id, Kind: swim.StreamReply, From: c.to, Data: msg})
}

// fail tells the caller's machine that nothing came of it.
func (s *Sim) fail(i int32, err error) {
	c := &s.calls.slots[i]
	c.done, c.block = true, nil
	s.stats.StreamsFailed++
	s.stream(c.caller, swim.StreamIn{ID: c.id, Kind: swim.StreamFailed, From: c.to, Err: err})
}

func (s *Sim) stream(h int32, in swim.StreamIn) {
	s.enter()
	s.hosts[h].machine.Stream(s.now, in, &s.out)
	s.leave(h)
}
