package swim

import (
	"errors"
	"net/netip"
	"slices"

	"serf/swim/history"
	"serf/wire"
)

// streams are the streams that this node opened.
type streams struct {
	calls []call // in flight
	last  StreamID
}

// call is a stream in flight that expects an answer.
type call struct {
	id     StreamID
	kind   callKind
	member MemberID      // callPing, and callPushPull if known
	seq    uint32        // callPing
	step   wire.DiffStep // callPushPull
	wide   bool          // callPushPull: the sums are of all members
	op     OpID          // callJoin, callUser
	key    int           // callJoin: the number of the key in use, see retryJoin
	to     netip.AddrPort

	deadline Time
}

type callKind uint8

const (
	callPing callKind = iota
	callPushPull
	callJoin
	callUser
)

// maxCalls bounds the calls in flight. The driver ends each by its deadline.
const maxCalls = 1024

var (
	errTooManyCalls = errors.New("too many streams in flight")
	errBadAnswer    = errors.New("not the answer of a member")
	errRefused      = errors.New("refused by the other side")
)

// callStream opens a stream for c; false if there are too many.
func (n *Node) callStream(s StreamOut, c call, out *Output) bool {
	if len(n.streams.calls) >= maxCalls {
		return false
	}
	c.id, c.to, c.deadline = n.openStream(s, out), s.To, s.Deadline
	n.streams.calls = append(n.streams.calls, c)
	return true
}

func (n *Node) openStream(s StreamOut, out *Output) StreamID {
	if to, ok := n.Route(s.To); ok {
		s.To = to // else the driver may have a route: streams aren't bound to the socket of packets
	}
	n.streams.last++
	s.ID = n.streams.last
	if s.Sealer == nil {
		s.Sealer = n.cfg.Sealer
		if old := n.staleKeySealer(s.To); old != nil {
			s.Sealer = old // the peer can read this one, and perhaps no other
		}
	}
	n.counters.StreamsOut++
	out.Streams = append(out.Streams, s)
	return s.ID
}

// Stream implements Machine.
func (n *Node) Stream(now Time, in StreamIn, out *Output) {
	n.releaseForgotten()
	n.noticePause(now, out)
	in.From = unmapped(in.From)
	n.history.input(history.ByExchange, in.From, NoMember)
	if in.Kind == StreamRequest {
		n.counters.StreamsIn++
		if !n.serve(now, &in, out) {
			n.dropMessage(in.From, in.Data, errMalformed, out)
		}
		return
	}
	if in.Kind == StreamFailed {
		n.counters.StreamsFailed++
	}
	i := slices.IndexFunc(n.streams.calls, func(c call) bool { return c.id == in.ID })
	if i < 0 {
		return // it sent a message of the layer above, which expects no answer
	}
	c := n.streams.calls[i]
	n.streams.calls = slices.Delete(n.streams.calls, i, i+1)
	n.history.input(history.ByExchange, c.to, c.member)
	if in.Kind == StreamReply {
		in.Err = n.handleReply(now, &c, &in, out)
	}
	n.endCall(now, &c, in.Err, out)
}

// serve handles a stream that another member opened. It returns false if the message is malformed.
func (n *Node) serve(now Time, in *StreamIn, out *Output) bool {
	if len(in.Data) == 0 {
		return false
	}
	out.note(Note{Level: Debug, Code: NoteStreamServed, From: in.From, N: int64(in.Data[0])})
	body := in.Data[1:]
	switch wire.Type(in.Data[0]) {
	case wire.TypePing:
		return n.servePing(in, body, out)
	case wire.TypeUser:
		msg, err := wire.ParseUserMsg(body)
		if err != nil {
			return false
		}
		out.event(Event{Kind: EventUser, Addr: in.From, Data: msg})
	case wire.TypePushPull:
		pp, err := n.readPushPull(body, in.More)
		if err != nil {
			return false
		}
		// The answer comes first, without the caller's updates: it has those already.
		m, whole, ok := n.serveStep(&pp, out)
		if !ok {
			return false
		}
		data, more := m.Pieces()
		n.answer(in.ID, data, more, out)
		if whole {
			out.Streams[len(out.Streams)-1].User = n.lateState(pp.join)
		}
		n.noteStep(now, NoMember, pp.diff.Step)
		if !pp.join || n.refusesMerge(&pp, in.From, out) == nil {
			n.merge(now, &pp, source{addr: in.From}, out)
		}
	default:
		n.dropMessage(in.From, in.Data, errUnknownType, out)
	}
	return true
}

func (n *Node) answer(id StreamID, data []byte, more [][]byte, out *Output) {
	out.Streams = append(out.Streams, StreamOut{
		ID: id, Kind: StreamAnswer, Data: data, More: more, Sealer: n.cfg.Sealer, Deadline: Never,
	})
}

func (n *Node) servePing(in *StreamIn, body []byte, out *Output) bool {
	m, err := wire.ParsePing(body)
	if err != nil {
		return false
	}
	if n.wrongName(m.Node, in.From, out) || n.asksItself(&m) {
		return true
	}
	n.unpinged = 0
	ack := wire.Ack{Seq: m.Seq}
	n.answer(in.ID, ack.Append(nil), nil, out)
	return true
}

// handleReply takes the answer to a call. An error says that it isn't one.
func (n *Node) handleReply(now Time, c *call, in *StreamIn, out *Output) error {
	if len(in.Data) == 0 {
		return errBadAnswer
	}
	body := in.Data[1:]
	kind := wire.Type(in.Data[0])
	if kind == wire.TypeErr {
		m, err := wire.ParseErr(body)
		if err != nil {
			return errBadAnswer
		}
		out.note(Note{Level: Warn, Code: NoteRefused, From: c.to, Text: ClipText(m.Text)})
		return errRefused
	}
	switch {
	case c.kind == callPing && kind == wire.TypeAck:
		m, err := wire.ParseAck(body)
		if err != nil || m.Seq != c.seq {
			return errBadAnswer
		}
		n.handleStreamAck(now, c, out)
		return nil
	case (c.kind == callPushPull || c.kind == callJoin) && kind == wire.TypePushPull:
		pp, err := n.readPushPull(body, in.More)
		if err != nil {
			return errBadAnswer
		}
		if err := n.mergeReply(now, c, &pp, out); err != nil {
			return err
		}
		return n.followUp(now, c, &pp.diff, out)
	}
	return errBadAnswer
}

// mergeReply takes the state that a member answered with.
func (n *Node) mergeReply(now Time, c *call, pp *fullState, out *Output) (err error) {
	before := n.counters.RefusedMembers
	stranger := c.kind == callPushPull && c.member == NoMember
	if stranger || c.kind == callJoin {
		err = n.refusesMerge(pp, c.to, out)
	}
	if err == nil {
		from := source{addr: c.to, skipGossip: n.firstContact(c), requested: true}
		n.merge(now, pp, from, out)
	}
	if stranger {
		n.pushPull.strangers.ended(now, err != nil || n.counters.RefusedMembers > before)
	}
	return err
}

// handleStreamAck takes the answer to a ping by stream: of a probe, a rejoin check or a move.
func (n *Node) handleStreamAck(now Time, c *call, out *Output) {
	q := n.inquiryNo(c.seq)
	if q == nil || q.target != c.member {
		if !n.ackPending(now, c.to, c.seq, nil, out) {
			n.ackMove(now, c.seq, out)
		}
		return
	}
	n.rejoins.proven(c.member)
	q.stream = true
	if n.memberAt(c.member, c.to) {
		n.refuseMove(now, n.moves.of(c.member), out)
	}
}

// ErrStreamRefused is why a stream failed if the host was reached but nothing listens there.
// Drivers that can tell wrap it.
var ErrStreamRefused = errors.New("connection refused")

// ErrStreamSilent is why a stream failed if it was connected, but no answer came in time. Drivers
// that can tell wrap it.
var ErrStreamSilent = errors.New("connected, but no answer in time")

// tcpFailure is what the history says of a ping by stream that failed.
func tcpFailure(err error) history.TCP {
	switch {
	case errors.Is(err, ErrStreamRefused):
		return history.TCPRefused
	case errors.Is(err, ErrStreamSilent):
		return history.TCPSilent
	}
	return history.TCPFailed
}

// endCall tells whoever waits for a call that it is over.
func (n *Node) endCall(now Time, c *call, err error, out *Output) {
	switch {
	case c.kind == callJoin:
		n.joined(now, c, err, out)
	case c.kind == callUser:
		out.event(Event{Kind: EventSent, Op: c.op, Addr: c.to, Err: err})
	case c.kind == callPing && err != nil:
		if q := n.inquiryNo(c.seq); q != nil {
			q.tcp = tcpFailure(err)
		} else if n.history != nil && n.view.has(c.member) { // it ends with the probe, or just after
			n.history.log.StreamEnded(n.roster.Name(c.member), tcpFailure(err))
		}
	case c.kind == callPushPull && err != nil:
		n.counters.PushPullErrors++
		id := n.stillKnown(c.member)
		out.note(Note{Level: Warn, Code: NotePushPullFailed, Member: id, From: c.to, Err: err})
	}
}
