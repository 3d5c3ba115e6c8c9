package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"serf/swim"
	"serf/wire"
)

// Limits of streams.
const (
	// acceptMax is how many accepted streams are served at once. Further ones are closed
	// immediately, so that their peers need not wait for an error.
	acceptMax = 128
	// dialMax is how many streams may be dialled at once: as many as joins may have in flight,
	// whose addresses may all swallow packets, and 64 more for everything else. dialQueue more may
	// wait. Beyond that a stream fails immediately.
	dialMax   = 320
	dialQueue = 256
	// connectTimeout bounds connecting, which counts towards the time-out of the whole stream. The
	// system has tried four times by then.
	connectTimeout = 10 * time.Second
	// openMax is how many blocks are decrypted and decompressed at once. One can cost its limit of
	// 40 MiB, and a processor that probes need too.
	openMax = 1
	// streamFree is how many bytes each stream may bring before it draws on the budget shared by
	// all, streamBudget. That has room for two blocks of the maximum size, one of them being copied
	// into its final buffer.
	streamFree   = 64 << 10
	streamBudget = 56 << 20
)

// Why a stream failed here.
var (
	errBusy   = errors.New("too many streams at once")
	errBudget = errors.New("too many large streams at once")
	// errNoAnswer: who closes without a word is often no member at all.
	errNoAnswer = errors.New("closed the connection without an answer: " +
		"is that the gossip address of a member, with the same key and label?")
)

// streamInput is the report of a stream's goroutine to the loop.
type streamInput struct {
	swim.StreamIn
	silent  bool                   // nothing to report to the machine: see swim.StreamSend
	dialled bool                   // a dial goroutine ends with this
	answer  chan<- *swim.StreamOut // of a request; capacity 1; nil is sent if there is no answer
}

// transport is the state shared by the goroutines of streams.
type transport struct {
	accepted atomic.Uint64 // numbers the accepted streams
	budget   atomic.Int64  // bytes left of streamBudget
	opening  chan struct{} // holds a token for each block being opened
	conns    conns
}

func (t *transport) init() {
	t.opening = make(chan struct{}, openMax)
	t.budget.Store(streamBudget)
}

// conns are the open connections, to be closed when the driver stops.
type conns struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// add tracks c, or closes it and reports false if the driver is stopping.
func (s *conns) add(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return false
	}
	if s.open == nil {
		s.open = make(map[net.Conn]struct{})
	}
	s.open[c] = struct{}{}
	return true
}

// end closes c.
func (s *conns) end(c net.Conn) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	c.Close()
}

// closeAll closes the open connections, and any added later.
func (s *conns) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.open { // in any order: all are closed
		c.Close()
	}
}

// acceptStreams is the goroutine that accepts streams.
func (d *Driver) acceptStreams() {
	slots := make(chan struct{}, acceptMax)
	for {
		conn, err := d.tcp.Accept()
		if err != nil {
			if !d.retryRead(AcceptFailed, err) {
				return
			}
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			d.countFailure(StreamRefused)
			d.report(Problem{Kind: StreamsFull})
			conn.Close()
			continue
		}
		if !d.transport.conns.add(conn) {
			return
		}
		d.counts.Change(func(c *Counters) { c.StreamsAccepted++ })
		d.workers.Go(func() {
			defer func() { <-slots }()
			d.serve(conn)
		})
	}
}

// serve is the goroutine of one accepted stream: a request and its answer.
func (d *Driver) serve(conn net.Conn) {
	defer d.transport.conns.end(conn)
	deadline := time.Now().Add(d.conf.StreamTimeout)
	conn.SetDeadline(deadline)
	ctx, cancel := context.WithDeadline(d.ctx, deadline)
	defer cancel()
	from := remote(conn)
	if err := d.serveRequest(ctx, conn, from); err != nil && d.ctx.Err() == nil {
		d.counts.Change(func(c *Counters) { c.StreamErrors++ })
		d.countFailure(streamFailure(err))
		d.report(Problem{Kind: StreamDropped, Peer: from, Err: err})
	}
}

func (d *Driver) serveRequest(ctx context.Context, conn net.Conn, from netip.AddrPort) error {
	sealer := d.sealer.Load()
	block, drawn, err := d.readBlock(conn, wire.NewStreamReader(sealer))
	defer d.transport.budget.Add(drawn)
	if err != nil {
		return err
	}
	id := swim.Inbound | swim.StreamID(d.transport.accepted.Add(1))
	answers := make(chan *swim.StreamOut, 1)
	in := streamInput{StreamIn: swim.StreamIn{ID: id, Kind: swim.StreamRequest, From: from},
		answer: answers}
	sealer, err = d.openAndTell(ctx, sealer, block, in)
	if err != nil {
		return err
	}
	select {
	case answer := <-answers:
		if answer == nil {
			return nil
		}
		message := answer.Message()
		d.countStateOut(message)
		n, err := conn.Write(sealer.SealAnswer(nil, message))
		d.counts.Change(func(c *Counters) { c.StreamBytesOut += uint64(n) })
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// openAndTell opens a block and hands its message to the loop as in.Data. It returns the sealer for
// an answer.
func (d *Driver) openAndTell(ctx context.Context, sealer *wire.Sealer, block []byte,
	in streamInput) (answer *wire.Sealer, err error) {
	select {
	case d.transport.opening <- struct{}{}:
		defer func() { <-d.transport.opening }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if in.Kind == swim.StreamReply {
		in.Data, err = sealer.OpenAnswer(block)
	} else {
		in.Data, answer, err = sealer.OpenRequest(block)
	}
	if err != nil {
		return nil, err
	}
	d.countStateIn(in.Data)
	return answer, d.hand(ctx, input{stream: &in}, false)
}

// readBlock reads one block as it arrives. drawn is what it took out of the budget, to be given
// back in any case when the block isn't needed any more.
func (d *Driver) readBlock(conn net.Conn,
	r *wire.StreamReader) (block []byte, drawn int64, err error) {
	hold := func(bytes int) (within bool) {
		more := max(0, int64(bytes-streamFree)) - drawn
		drawn += more
		return d.transport.budget.Add(-more) >= 0 || more <= 0
	}
	for total := 0; ; {
		// Draw before allocating: many streams may be about to.
		if n := r.Taking(); n > 0 && !hold(r.Memory()+n) {
			return nil, drawn, errBudget
		}
		space := r.Space()
		hold(r.Memory())
		n, err := conn.Read(space)
		total += n
		done, bad := r.Fed(n)
		switch {
		case bad != nil:
			return nil, drawn, bad
		case done:
			return r.Block(), drawn, nil
		case err != nil:
			return nil, drawn, cutShort(total, err)
		}
	}
}

// cutShort says why a block ended after n bytes.
func cutShort(n int, err error) error {
	if n == 0 && errors.Is(err, io.EOF) {
		return errNoAnswer
	}
	return fmt.Errorf("after %d bytes: %w", n, reason(err))
}

// startStream carries out a stream that the node asked for.
func (d *Driver) startStream(s swim.StreamOut) {
	l := &d.loop
	switch {
	case s.Kind == swim.StreamAnswer: // the request isn't waited for any longer
	case l.dialing < dialMax:
		l.dialing++
		d.workers.Go(func() { d.dial(s) })
	case len(l.waiting) < dialQueue:
		l.waiting = append(l.waiting, s)
	default:
		d.failStream(s, errBusy)
	}
}

// failStream records that s failed; the node is told in the next turn.
func (d *Driver) failStream(s swim.StreamOut, err error) {
	d.countFailure(streamFailure(err))
	l := &d.loop
	l.failed = append(l.failed, swim.StreamIn{ID: s.ID, Kind: swim.StreamFailed, From: s.To, Err: err})
}

// dialWaiting starts the streams that wait for a goroutine, and fails those whose deadline has
// passed.
func (d *Driver) dialWaiting() {
	l := &d.loop
	now := d.Now()
	for len(l.waiting) > 0 && l.dialing < dialMax {
		s := l.waiting[0]
		l.waiting[0] = swim.StreamOut{}
		l.waiting = l.waiting[1:]
		if now >= s.Deadline {
			d.failStream(s, context.DeadlineExceeded)
			continue
		}
		d.startStream(s)
	}
}

// dial is the goroutine of one outgoing stream.
func (d *Driver) dial(s swim.StreamOut) {
	ctx, cancel := context.WithDeadline(d.ctx, d.start.Add(time.Duration(s.Deadline)))
	defer cancel()
	began := time.Now()
	told, err := d.exchange(ctx, s)
	if told {
		if isPushPull(&s) {
			took := time.Since(began)
			d.counts.Change(func(c *Counters) { c.PushPulls.Add(&PushPullBounds, took) })
		}
		return
	}
	in := streamInput{StreamIn: swim.StreamIn{ID: s.ID, Kind: swim.StreamSent, From: s.To},
		dialled: true, silent: !s.Report}
	if err != nil {
		d.countFailure(streamFailure(err))
		in.silent, in.Kind, in.Err = false, swim.StreamFailed, err
	}
	d.hand(d.ctx, input{stream: &in}, false) // if the driver stops, nobody has to know
}

// exchange carries out s. told is true if the loop has the answer already.
func (d *Driver) exchange(ctx context.Context, s swim.StreamOut) (told bool, err error) {
	// Dial from the address that packets come from: others see one host, and a member bound to
	// loopback reaches nothing else.
	connecting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := d.conf.Network.Dial(connecting, d.conf.Bind.Addr(), s.To)
	if err != nil {
		return false, dialError{reason(err)}
	}
	if !d.transport.conns.add(conn) {
		return false, ErrStopped
	}
	defer d.transport.conns.end(conn)
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	d.counts.Change(func(c *Counters) { c.StreamsDialled++ })
	message := s.Message()
	d.countStateOut(message)
	n, err := conn.Write(s.Sealer.SealStream(nil, message))
	d.counts.Change(func(c *Counters) { c.StreamBytesOut += uint64(n) })
	if err != nil {
		return false, err
	}
	if s.Kind == swim.StreamSend {
		return false, nil
	}
	block, drawn, err := d.readBlock(conn, wire.NewAnswerReader(s.Sealer))
	defer d.transport.budget.Add(drawn)
	if err != nil {
		return false, answerError{err}
	}
	in := streamInput{StreamIn: swim.StreamIn{ID: s.ID, Kind: swim.StreamReply, From: s.To},
		dialled: true}
	if _, err := d.openAndTell(ctx, s.Sealer, block, in); err != nil {
		return false, err
	}
	return true, nil
}

// remote is the peer's address.
func remote(conn net.Conn) netip.AddrPort {
	if t, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return unmap(t.AddrPort())
	}
	return netip.AddrPort{}
}
