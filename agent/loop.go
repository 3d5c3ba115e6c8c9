package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"serf/internal/histogram"
	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
	"serf/wire"
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

// loop is the state that the loop goroutine owns. Others touch it only within Agent.do.
type loop struct {
	node    *serf.Node
	out     swim.Output
	history history.Log
	tcpOnly tcpOnly

	ops     map[swim.OpID][]chan<- opResult // operations that someone waits for
	queries map[swim.OpID]*Query            // running ones
	done    []swim.StreamIn                 // streams that failed immediately: reported in the next turn
	dialing int                             // dial goroutines in flight
	waiting []swim.StreamOut                // for a dial goroutine, at most dialQueue
	keyring chan *wire.Keyring              // capacity 1: the newest keys, to be saved
	left    *opResult                       // of Leave, when it is done
	hold    hold                            // events that wait for the journal

	began swim.Time           // of this turn; 0 until it has an input
	turns histogram.Histogram // how long turns took, by TurnBounds
}

// opResult is how an operation of the node ended.
type opResult struct {
	n   int
	err error
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

// now reads the clock of the node.
func (a *Agent) now() swim.Time { return swim.Time(time.Since(a.start)) }

// runLoop runs the node until the agent is to stop.
func (a *Agent) runLoop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-a.ctx.Done():
			a.loop.node.FlushCoalesced(a.now(), &a.loop.out)
			a.views.count()
			a.drain()
			a.release(len(a.loop.hold.events))
			return
		case f := <-a.calls:
			a.handleCall(f)
		case f := <-a.fireable():
			a.handleCall(f)
		case d := <-a.packets:
			a.handlePacket(d)
		case in := <-a.streams:
			a.handleStream(in)
		case <-a.loop.hold.wake:
		case <-timer.C:
		}
		a.takeMore()
		a.handleTimer()
		a.flush()
		timer.Reset(a.idle(a.endTurn()))
	}
}

// inputTime reads the clock for an input. The first input begins the turn.
func (a *Agent) inputTime() swim.Time {
	now := a.now()
	if a.loop.began == 0 {
		a.loop.began = now
	}
	return now
}

// endTurn counts how long the turn took, from when the loop woke up.
func (a *Agent) endTurn() (now swim.Time) {
	l := &a.loop
	now = a.now()
	l.turns.Add(&TurnBounds, now.Sub(l.began))
	l.began = 0
	return now
}

// takeMore handles further inputs that are ready, up to the limit of a turn.
func (a *Agent) takeMore() {
	for range turnInputs - 1 {
		select {
		case f := <-a.calls:
			a.handleCall(f)
		case f := <-a.fireable():
			a.handleCall(f)
		case d := <-a.packets:
			a.handlePacket(d)
		case in := <-a.streams:
			a.handleStream(in)
		default:
			return
		}
	}
}

func (a *Agent) handleCall(f func(swim.Time)) {
	f(a.inputTime())
	a.drain()
}

func (a *Agent) handlePacket(d *datagram) {
	a.loop.node.Packet(a.inputTime(), d.from, d.data, &a.loop.out)
	a.views.count()
	d.recycle()
	a.drain()
}

// handleStream takes the outcome of a stream, or a request and its answer.
func (a *Agent) handleStream(in streamInput) {
	l := &a.loop
	if !in.silent {
		l.node.Stream(a.inputTime(), in.StreamIn, &l.out)
		a.views.count()
	}
	if in.answer != nil {
		in.answer <- l.takeAnswer(in.ID)
	}
	if in.dialled {
		l.dialing--
		a.dialWaiting()
	}
	a.drain()
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
func (a *Agent) handleTimer() {
	l := &a.loop
	for _, in := range l.done {
		l.node.Stream(a.now(), in, &l.out)
		a.views.count()
		a.drain()
	}
	l.done = l.done[:0]
	if now := a.inputTime(); now >= l.node.Deadline() {
		l.node.Tick(now, &l.out)
		a.views.count()
		a.drain()
		a.counts.rounds.add(a.now().Sub(now))
	}
}

// idle is how long the loop may wait for input.
func (a *Agent) idle(now swim.Time) time.Duration {
	if len(a.loop.done) > 0 {
		return 0
	}
	return max(min(a.loop.node.Deadline(), a.loop.hold.deadline()).Sub(now), 0)
}

// flush carries out the effects of a turn.
func (a *Agent) flush() {
	l := &a.loop
	a.releaseWritten()
	a.sendPackets(l.out.Packets)
	for _, s := range l.out.Streams {
		a.startStream(s)
	}
	a.sealer.Store(l.node.Sealer())
	l.out.Reset()
}

// sendPackets sends packets. When the kernel has no room it gives up the rest: waiting for each
// would stall the loop, and UDP may lose packets.
func (a *Agent) sendPackets(packets []swim.Packet) {
	for i := range packets {
		p := &packets[i]
		err := a.udp.WriteTo(p.Data, p.To)
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			a.counts.sendErrors.Add(uint64(len(packets) - i))
			a.log.Repeatf(slog.LevelWarn, "memberlist", "send blocked",
				"Failed to send packets: the system takes no more")
			return
		default:
			a.counts.sendErrors.Add(1)
			a.log.Repeatf(slog.LevelDebug, "memberlist", "send "+p.To.Addr().String(),
				"Failed to send a packet to %v: %v", p.To, err)
		}
	}
}

// drain handles the events and notes of the call just made, which are valid only until the next
// call.
func (a *Agent) drain() {
	out := &a.loop.out
	for i := range out.Notes {
		if n := &out.Notes[i]; n.Code == swim.NoteStreamOnly {
			a.loop.tcpOnly.add(n.Member, a.now())
		}
		a.tellNote(&out.Notes[i])
	}
	for i := range out.Events {
		a.handleEvent(&out.Events[i])
	}
	clear(out.Events)
	out.Events, out.Notes = out.Events[:0], out.Notes[:0]
	a.loop.hold.markHeld()
}

// wait registers a channel of capacity 1 for the result of op.
func (l *loop) wait(op swim.OpID, result chan<- opResult) { l.ops[op] = append(l.ops[op], result) }

// endOp passes on the result of an operation.
func (l *loop) endOp(e *swim.Event) {
	r := opResult{n: int(e.N), err: e.Err}
	for _, result := range l.ops[e.Op] {
		result <- r // there is room: an operation ends once
	}
	delete(l.ops, e.Op)
	if e.Kind == swim.EventLeaveDone {
		l.left = &r
	}
}

// handleEvent acts on one event of the node.
func (a *Agent) handleEvent(e *swim.Event) {
	l := &a.loop
	switch e.Kind {
	case serf.EventMemberJoin, serf.EventMemberLeave, serf.EventMemberFailed,
		serf.EventMemberUpdate, serf.EventMemberReap:
		a.handleMembers(e)
	case serf.EventUserEvent:
		a.deliver(UserEvent{LTime: e.LTime, Name: string(e.Name), Payload: bytes.Clone(e.Data),
			Coalesce: e.Flag})
	case serf.EventQuery:
		a.handleQuery(e)
	case serf.EventQueryAck:
		l.answerQuery(e, AnswerAck)
	case serf.EventQueryResponse:
		l.answerQuery(e, AnswerResponse)
	case serf.EventQueryDone:
		l.endQuery(e.Op, e.Members)
	case serf.EventJournal:
		a.journal(e.Data)
	case serf.EventKeyring:
		a.saveKeyring()
	case serf.EventShutdown:
		a.stop(errOr(e.Err, errConflictLost))
	case swim.EventJoinDone, swim.EventLeaveDone:
		l.endOp(e)
	}
}

var errConflictLost = errors.New("another member has this name and won the vote")

func errOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// memberEvents maps the node's member events to their types.
var memberEvents = map[swim.EventKind]string{
	serf.EventMemberJoin:   MemberJoin,
	serf.EventMemberLeave:  MemberLeave,
	serf.EventMemberFailed: MemberFailed,
	serf.EventMemberUpdate: MemberUpdate,
	serf.EventMemberReap:   MemberReap,
}

// handleMembers publishes a member event with copies of its members.
func (a *Agent) handleMembers(e *swim.Event) {
	ev := MemberEvent{
		Type: memberEvents[e.Kind], Members: make([]serf.Member, 0, len(e.Members)),
		Restarted: e.Kind == serf.EventMemberUpdate && e.Flag,
	}
	for _, id := range e.Members {
		if m, ok := a.loop.node.ByID(id); ok {
			ev.Members = append(ev.Members, m)
		}
	}
	if len(ev.Members) > 0 {
		a.publish(ev)
	}
}

// handleQuery publishes a query to answer.
func (a *Agent) handleQuery(e *swim.Event) {
	q := QueryEvent{
		ID:       uint64(e.Op),
		LTime:    e.LTime,
		Name:     string(e.Name),
		Payload:  bytes.Clone(e.Data),
		Deadline: time.Now().Add(time.Duration(e.N)),
	}
	if m, ok := a.loop.node.ByID(e.Member); ok {
		q.From = m.Name
	}
	a.deliver(q)
}

// publish logs an event and hands it to all subscribers and handlers.
func (a *Agent) publish(e Event) {
	a.log.Infof("agent", "Received event: %v", e)
	a.runScripts(e)
	if cut := a.events.publish(e); cut > 0 {
		a.log.Repeatf(slog.LevelWarn, "agent", "cut",
			"%d subscriptions cut off: their readers are too slow", cut)
	}
}

func (l *loop) answerQuery(e *swim.Event, kind AnswerKind) {
	if q := l.queries[e.Op]; q != nil {
		q.offer(Answer{Kind: kind, From: string(e.Name), Payload: bytes.Clone(e.Data),
			Other: e.Flag})
	}
}

// readPackets is the goroutine that reads the UDP socket.
func (a *Agent) readPackets() {
	b := make([]byte, datagramMax)
	for {
		n, from, err := a.udp.ReadFrom(b)
		if err != nil {
			if !a.retryRead("packet", err) {
				return
			}
			continue
		}
		d := datagrams.Get().(*datagram)
		d.from, d.data = from, append(d.data[:0], b[:n]...)
		select {
		case a.packets <- d:
		case <-a.ctx.Done():
			return
		}
	}
}

// retryRead reports, after a pause, whether a socket that failed is worth another try.
func (a *Agent) retryRead(what string, err error) bool {
	if a.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
		return false
	}
	a.counts.readErrors.Add(1)
	a.log.Repeatf(slog.LevelError, "memberlist", "read "+what, "Failed to receive (%s): %v", what,
		err)
	return sleep(a.ctx, readBackoff)
}

// sleep waits for d. It returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
