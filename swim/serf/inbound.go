package serf

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

const (
	// inboundMax bounds the queries that wait for a response from here, or to be repeated. Handlers
	// take seconds at most; beyond it the oldest can't be answered any more.
	inboundMax = 1024
	// keptResponsesMax bounds the responses that are kept for repetitions, in bytes: a thousand of
	// the usual size.
	keptResponsesMax = 1 << 20
	// repliesMax bounds how often replies to a query are repeated: more often than anybody asks in
	// a day (see repeatShare), and few for an attacker who uses this node to flood the asker.
	repliesMax = 32
	// syncPause is the least time between two exchanges with members whose clocks are behind:
	// anybody can send a query of the past. syncMembers is about how many begin one when a query is
	// repeated to all: a state may be large.
	syncPause   = 5 * time.Second
	syncMembers = 4
)

// inboundQueries are the queries that came here.
type inboundQueries struct {
	window lamport.Queries
	open   []*inboundQuery // by op

	expires  swim.Time // no open query expires before
	doneFrom int       // none of open before this index is done; set back when one becomes so

	unsaved []swim.OpID // about keys, waiting for the keyring to be saved; oldest first

	nextTurn swim.Time // of comparing views
	nextSync swim.Time // with a member whose clock is behind
}

// inboundQuery is a query that may be answered here.
type inboundQuery struct {
	op       swim.OpID
	own      bool // asked by this node
	vote     bool // over the name of the asker, which another address claims
	time     lamport.Time
	id       uint32
	deadline swim.Time
	asker    string
	to, from netip.AddrPort // where the asker says it is, and who passed the query on
	relay    uint8

	extended  bool // the asker may repeat it, and wants to know if nobody will respond
	declined  bool // nobody will
	responded bool
	response  []byte // to be sent again
	repeats   int
}

// done says whether all that is left to do for q is to repeat replies.
func (q *inboundQuery) done() bool { return q.responded || q.declined }

// handleQuery handles a query from gossip, and passes it on if it is fresh.
func (n *Node) handleQuery(
	now swim.Time, from netip.AddrPort, msg, body []byte, out *swim.Output,
) error {
	m, err := wire.ParseQuery(body)
	if err != nil {
		return err
	}
	const repeated = wire.QueryNoBroadcast | wire.QueryExtended
	again := m.Flags&repeated == repeated
	if again && n.repeatReply(now, from, &m, out) {
		return nil
	}
	if !n.witness(&n.queryClock, lamport.Time(m.LTime), out) {
		return nil
	}
	switch v := n.acceptQuery(now, from, &m, 0, out); {
	case v == lamport.Fresh && m.Flags&wire.QueryNoBroadcast == 0:
		n.broadcast(&n.gossip.queries, 0, msg)
	case again && (v == lamport.BeforeMin || v == lamport.TooOld):
		n.maybeSync(now, m.SourceNode, out)
	}
	return nil
}

// maybeSync exchanges states with an asker that repeats a query that is too old to be accepted: its
// clock is behind, after a partition for example, and nothing that it asks would be answered here
// until the next exchange.
func (n *Node) maybeSync(now swim.Time, asker []byte, out *swim.Output) {
	id := n.lookup(asker)
	if !n.table.at(id).here() || now < n.inbound.nextSync ||
		n.swim.RandomFloat()*float64(n.swim.Live()) >= syncMembers {
		return
	}
	n.inbound.nextSync = now.Add(syncPause)
	n.swim.PushPull(now, id, out)
}

// acceptQuery acks and delivers a query if it is fresh. own is the operation of a query that was
// asked here.
func (n *Node) acceptQuery(
	now swim.Time, from netip.AddrPort, m *wire.Query, own swim.OpID, out *swim.Output,
) lamport.Verdict {
	t := lamport.Time(m.LTime)
	if v := n.inbound.window.Add(n.queryClock.Now(), t, m.ID); v != lamport.Fresh {
		n.refuseQuery(v, m, out)
		return v
	}
	n.count.Queries++
	if bytes.HasPrefix(m.Name, []byte(internalPrefix)) {
		n.count.InternalQueries++
	} else {
		n.count.QueryBytes += uint64(len(m.Payload))
	}
	n.journal.query = max(n.journal.query, t)
	switch filters, err := parseQueryFilters(m.Filters); {
	case err != nil:
		n.refuse(from, int64(wire.SerfQuery), err, out)
	case filters.match(n.cfg.Name, n.tags.own):
		n.deliverQuery(now, from, m, own, out)
	}
	return lamport.Fresh
}

// deliverQuery acks a query that is meant for this node, and answers it or hands it out.
func (n *Node) deliverQuery(
	now swim.Time, from netip.AddrPort, m *wire.Query, own swim.OpID, out *swim.Output,
) {
	name := string(m.Name)
	q := &inboundQuery{
		op: n.newOp(), own: own != 0, vote: name == conflictQuery,
		time: lamport.Time(m.LTime), id: m.ID,
		deadline: now.Add(min(max(time.Duration(m.Timeout), 0), QueryTimeoutMax)),
		asker:    string(m.SourceNode), from: from, relay: m.RelayFactor,
		extended: m.Flags&wire.QueryExtended != 0,
	}
	q.to, _ = addrFrom(m.Addr, m.Port)
	if q.vote {
		q.relay = 0
		if q.own {
			return // the rival answers in this node's place
		}
	}
	internal := strings.HasPrefix(name, internalPrefix)
	q.declined = !internal && n.cfg.Listener != nil && !n.cfg.Listener.WantsQuery(m.Name)
	if m.Flags&wire.QueryWantAck != 0 {
		n.sendAck(now, q, out)
	}
	if internal {
		later := n.answerInternal(now, q, name, m.Payload, out)
		if later || q.extended {
			n.keepInbound(now, q, out)
		}
		return
	}
	n.keepInbound(now, q, out)
	n.call.emit(swim.Event{
		Kind: EventQuery, Op: q.op, Name: n.call.hold(m.Name), Data: n.call.hold(m.Payload),
		LTime: m.LTime, Member: n.lookup(m.SourceNode), N: int64(q.deadline.Sub(now)),
	})
}

// repeatReply handles a repetition of a query: the asker misses something. It returns false for a
// query that isn't known here.
func (n *Node) repeatReply(
	now swim.Time, from netip.AddrPort, m *wire.Query, out *swim.Output,
) bool {
	i := slices.IndexFunc(n.inbound.open, func(q *inboundQuery) bool {
		return q.id == m.ID && uint64(q.time) == m.LTime
	})
	if i < 0 || n.inbound.open[i].own {
		return false
	}
	q := n.inbound.open[i]
	if q.repeats >= repliesMax || now >= q.deadline {
		return true
	}
	q.repeats++
	if from == q.to {
		q.from = from // it came through others before; now the asker proves its address
	}
	n.count.RepliesRepeated++
	if q.response != nil && n.mayReply(now, q) {
		n.post(now, q, q.response, out)
	} else {
		n.sendAck(now, q, out)
	}
	return true
}

// refuseQuery accounts for a query that isn't fresh.
func (n *Node) refuseQuery(v lamport.Verdict, m *wire.Query, out *swim.Output) {
	switch v {
	case lamport.Duplicate:
		n.count.QueryDuplicates++
	case lamport.BeforeMin:
		n.count.QueriesBeforeMin++
	case lamport.TooOld:
		n.count.QueriesOld++
		note := swim.Note{N: int64(m.LTime), Text: swim.ClipText(m.Name)}
		n.note(out, swim.Warn, NoteQueryOld, note)
	default:
		n.count.QueriesDropped++
		note := swim.Note{N: int64(m.LTime), Text: swim.ClipText(m.Name)}
		n.note(out, swim.Warn, NoteQueryDropped, note)
	}
}

// keepInbound keeps a query until it is over.
func (n *Node) keepInbound(now swim.Time, q *inboundQuery, out *swim.Output) {
	a := &n.inbound
	if len(a.open) >= inboundMax {
		a.expire(now)
	}
	if len(a.open) >= inboundMax && !a.dropOldest() {
		n.count.InboundQueriesDropped++
		n.note(out, swim.Warn, NoteInboundQueriesFull, swim.Note{N: inboundMax})
	}
	a.keep(q)
}

func (a *inboundQueries) keep(q *inboundQuery) {
	if len(a.open) == 0 {
		a.expires = q.deadline
	}
	a.expires = min(a.expires, q.deadline)
	a.open = append(a.open, q)
	if q.response != nil {
		a.limitKeptResponses()
	}
}

// dropOldest drops the oldest query that is done, or the oldest of all if none is. It says whether
// that one was done.
func (a *inboundQueries) dropOldest() (done bool) {
	for a.doneFrom < len(a.open) && !a.open[a.doneFrom].done() {
		a.doneFrom++
	}
	drop := a.doneFrom
	if done = drop < len(a.open); !done {
		drop = 0
		a.doneFrom--
	}
	copy(a.open[1:], a.open[:drop]) // the few before it, mostly
	a.open[0] = nil
	a.open = a.open[1:]
	return done
}

// expire drops the queries that are over.
func (a *inboundQueries) expire(now swim.Time) {
	if now < a.expires {
		return
	}
	a.doneFrom = 0
	a.open = slices.DeleteFunc(a.open, func(q *inboundQuery) bool { return now >= q.deadline })
	for i, q := range a.open {
		if i == 0 || q.deadline < a.expires {
			a.expires = q.deadline
		}
	}
}

// limitKeptResponses drops the oldest of the kept responses while they exceed the limit together.
func (a *inboundQueries) limitKeptResponses() {
	sum := 0
	for _, q := range a.open {
		sum += len(q.response)
	}
	for i := 0; sum > keptResponsesMax; i++ {
		sum -= len(a.open[i].response)
		a.open[i].response = nil
	}
}

// Respond answers the query whose EventQuery had this Op, once. The error is ErrNoQuery, a
// *SizeError (the query can still be answered), or ErrUnreachable, unless the asker will repeat the
// query.
func (n *Node) Respond(now swim.Time, op swim.OpID, payload []byte, out *swim.Output) error {
	q := n.inboundQuery(now, op)
	if q == nil {
		return ErrNoQuery
	}
	n.call.begin(out)
	err := n.respond(now, q, payload, out)
	n.inbound.limitKeptResponses()
	n.finish(now, out)
	return err
}

// Decline tells the asker of the query whose EventQuery had this Op that nobody here will respond,
// so that it needn't wait. Respond still works. The error is ErrNoQuery, also for a query that was
// answered.
func (n *Node) Decline(now swim.Time, op swim.OpID, out *swim.Output) error {
	q := n.inboundQuery(now, op)
	if q == nil {
		return ErrNoQuery
	}
	n.call.begin(out)
	n.decline(now, q, out)
	n.finish(now, out)
	return nil
}

// inboundQuery returns the query of this operation that may still be answered, or nil.
func (n *Node) inboundQuery(now swim.Time, op swim.OpID) *inboundQuery {
	open := n.inbound.open
	i, ok := slices.BinarySearchFunc(open, op, func(q *inboundQuery, op swim.OpID) int {
		return cmp.Compare(q.op, op)
	})
	if !ok || open[i].responded || now >= open[i].deadline {
		return nil
	}
	return open[i]
}

// newReply returns a reply to q that says nothing yet.
func (n *Node) newReply(q *inboundQuery) wire.QueryResponse {
	return wire.QueryResponse{From: []byte(n.cfg.Name), ID: q.id, LTime: uint64(q.time)}
}

// respond sends a response to the asker of q.
func (n *Node) respond(now swim.Time, q *inboundQuery, payload []byte, out *swim.Output) error {
	m := n.newReply(q)
	m.Payload = payload
	msg, err := n.sendReply(now, q, &m, out)
	if err != nil && (err != ErrUnreachable || !q.extended) {
		return err
	}
	// An unreachable asker gets the response when it repeats q itself.
	q.responded = true
	n.inbound.doneFrom = 0
	if q.extended && !q.own {
		q.response = msg
	}
	return nil
}

// decline tells the asker of q that no response will come, if it understands that.
func (n *Node) decline(now swim.Time, q *inboundQuery, out *swim.Output) {
	if q.declined {
		return
	}
	q.declined = true
	n.inbound.doneFrom = 0
	if q.extended {
		n.sendAck(now, q, out)
	}
}

// sendAck sends an ack, which also says whether no response will come.
func (n *Node) sendAck(now swim.Time, q *inboundQuery, out *swim.Output) {
	m := n.newReply(q)
	m.Flags = wire.ResponseIsAck
	if q.extended {
		m.Flags |= wire.ResponseExtended
		if q.done() {
			m.Flags |= wire.ResponseDeclined
		}
	}
	if _, err := n.sendReply(now, q, &m, out); err != nil {
		n.noteUnsent(q, err, out)
	}
}

// noteUnsent notes that an ack or response of this node to q could not be sent.
func (n *Node) noteUnsent(q *inboundQuery, err error, out *swim.Output) {
	n.note(out, swim.Warn, NoteReplyUnsent, swim.Note{From: q.to, Err: err})
}

// sendReply sends a response or ack, and returns it encoded.
func (n *Node) sendReply(
	now swim.Time, q *inboundQuery, m *wire.QueryResponse, out *swim.Output,
) ([]byte, error) {
	msg := m.Append(nil)
	limit := n.cfg.QueryResponseSizeMax
	if err := limitEncoded("answer", len(msg), limit, "query_response_size_limit"); err != nil {
		return nil, err
	}
	if q.own {
		n.applyResponse(now, m, out)
		return msg, nil
	}
	if !n.mayReply(now, q) {
		n.count.RepliesRefused++
		return msg, ErrUnreachable
	}
	n.post(now, q, msg, out)
	return msg, nil
}

// post sends msg to the asker of q: directly, and through other members if the asker wants that.
func (n *Node) post(now swim.Time, q *inboundQuery, msg []byte, out *swim.Output) {
	n.sendTo(now, q.to, msg, out)
	n.relayReply(now, q, msg, out)
}

// answerInternal answers a query that is for Serf itself, and says whether the response comes
// later.
func (n *Node) answerInternal(
	now swim.Time, q *inboundQuery, name string, payload []byte, out *swim.Output,
) (later bool) {
	var answer []byte
	switch name {
	case PingQuery:
		q.declined = true // the ack is the reply
		return false
	case askQuery:
		answer = n.answerAsk(now, q, payload)
	case conflictQuery:
		answer = n.answerConflict(now, q, payload)
	case listKeysQuery:
		answer = n.listKeys(q, out)
	case installKeyQuery, useKeyQuery, removeKeyQuery:
		if answer = n.answerKeys(q, name, payload, out); answer == nil {
			return true
		}
	default:
		n.count.QueriesDropped++
		n.note(out, swim.Warn, NoteQueryUnknown, swim.Note{Text: swim.ClipText([]byte(name))})
	}
	if answer == nil {
		n.decline(now, q, out)
		return false
	}
	if err := n.respond(now, q, answer, out); err != nil {
		n.noteUnsent(q, err, out)
	}
	return false
}
