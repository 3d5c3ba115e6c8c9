package serf

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// askedMax bounds queries that wait for an answer from here. Handlers take seconds at most; beyond
// it the oldest can't be answered any more.
const askedMax = 1024

// asked is the queries that came here.
type asked struct {
	window lamport.Queries
	open   []question // by op
}

// question is a query that may be answered here.
type question struct {
	op       swim.OpID
	own      bool // asked by this node
	time     lamport.Time
	id       uint32
	deadline swim.Time
	asker    string
	to, from netip.AddrPort // what the asker said, and who passed the query on
	relay    uint8
}

// handleQuery takes a query from gossip, and passes it on if it's new.
func (n *Node) handleQuery(now swim.Time, from netip.AddrPort, msg, body []byte, out *swim.Output) error {
	m, err := wire.ParseQuery(body)
	if err != nil {
		return err
	}
	if !n.witness(&n.queryClock, lamport.Time(m.LTime), out) {
		return nil
	}
	if n.acceptQuery(now, from, &m, 0, out) && m.Flags&wire.QueryNoBroadcast == 0 {
		n.spread(&n.gossip.queries, 0, msg)
	}
	return nil
}

// acceptQuery acks and delivers a query that is new, and says whether it is. own is
// the operation of one that was asked here.
func (n *Node) acceptQuery(now swim.Time, from netip.AddrPort, m *wire.Query, own swim.OpID, out *swim.Output) bool {
	t := lamport.Time(m.LTime)
	if v := n.asked.window.Add(n.queryClock.Now(), t, m.ID); v != lamport.Fresh {
		n.refuseQuery(v, m, out)
		return false
	}
	n.count.Queries++
	n.journal.query = max(n.journal.query, t)
	meant, err := parseAudience(m.Filters)
	if err != nil {
		n.refuse(from, err, out)
		return true
	}
	if !meant.includes(n.cfg.Name, n.tags) {
		return true
	}
	q := question{
		op: n.newOp(), own: own != 0, time: t, id: m.ID, from: from, asker: string(m.SourceNode), relay: m.RelayFactor,
		deadline: now.Add(min(max(time.Duration(m.Timeout), 0), QueryTimeoutMax)),
	}
	q.to, _ = addrFrom(m.Addr, m.Port)
	if m.Flags&wire.QueryWantAck != 0 {
		ack := wire.QueryResponse{Flags: wire.ResponseIsAck, From: []byte(n.cfg.Name), ID: q.id, LTime: uint64(q.time)}
		if err := n.sendAnswer(now, &q, &ack, out); err != nil {
			n.refuse(q.to, err, out)
		}
	}
	if name := string(m.Name); strings.HasPrefix(name, internalPrefix) {
		n.answerInternal(now, &q, name, m.Payload, out)
		return true
	}
	n.keepQuestion(now, q, out)
	n.tell(swim.Event{
		Kind: EventQuery, Op: q.op, Name: n.hold(m.Name), Data: n.hold(m.Payload), LTime: m.LTime,
		Member: n.lookup(m.SourceNode), N: int64(q.deadline.Sub(now)),
	})
	return true
}

// refuseQuery accounts for a query that isn't delivered.
func (n *Node) refuseQuery(v lamport.Verdict, m *wire.Query, out *swim.Output) {
	switch v {
	case lamport.Duplicate:
		n.count.QueryDuplicates++
	case lamport.BeforeMin:
		n.count.QueriesBeforeMin++
	case lamport.TooOld:
		n.count.QueriesOld++
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteQueryOld, N: int64(m.LTime), Text: clip(m.Name)})
	default:
		n.count.QueriesDropped++
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteQueryDropped, N: int64(m.LTime), Text: clip(m.Name)})
	}
}

// keepQuestion remembers a query until it is answered or over.
func (n *Node) keepQuestion(now swim.Time, q question, out *swim.Output) {
	a := &n.asked
	if len(a.open) >= askedMax {
		n.expireQuestions(now)
	}
	if len(a.open) >= askedMax {
		a.open = slices.Delete(a.open, 0, 1)
		n.count.QuestionsDropped++
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteQuestionsFull, N: askedMax})
	}
	a.open = append(a.open, q)
}

func (n *Node) expireQuestions(now swim.Time) {
	n.asked.open = slices.DeleteFunc(n.asked.open, func(q question) bool { return now >= q.deadline })
}

// Respond answers the query that EventQuery named op, once. The error is ErrNoQuery, a *SizeError
// (and the query can still be answered), or ErrUnreachable.
func (n *Node) Respond(now swim.Time, op swim.OpID, payload []byte, out *swim.Output) error {
	a := &n.asked
	i, ok := slices.BinarySearchFunc(a.open, op, func(q question, op swim.OpID) int { return cmp.Compare(q.op, op) })
	if !ok || now >= a.open[i].deadline {
		return ErrNoQuery
	}
	n.begin(out)
	q := a.open[i]
	err := n.answer(now, &q, payload, out)
	if err == nil {
		a.open = slices.Delete(a.open, i, i+1)
	}
	n.finish(now, out)
	return err
}

// answer sends payload to who asked q.
func (n *Node) answer(now swim.Time, q *question, payload []byte, out *swim.Output) error {
	m := wire.QueryResponse{From: []byte(n.cfg.Name), ID: q.id, LTime: uint64(q.time), Payload: payload}
	return n.sendAnswer(now, q, &m, out)
}

// sendAnswer sends an answer or ack: directly, and through some others if so asked.
func (n *Node) sendAnswer(now swim.Time, q *question, m *wire.QueryResponse, out *swim.Output) error {
	msg := m.Append(nil)
	if len(msg) > n.cfg.QueryResponseSizeMax {
		return &SizeError{What: "answer", Size: len(msg), Limit: n.cfg.QueryResponseSizeMax}
	}
	if q.own {
		n.applyAnswer(now, m, out)
		return nil
	}
	if !n.mayAnswer(q) {
		n.count.AnswersRefused++
		return ErrUnreachable
	}
	n.sendTo(now, q.to, msg, out)
	n.relayAnswer(now, q, msg, out)
	return nil
}

// mayAnswer says whether the asker's address is one to send to. Without encryption
// anybody can put any address into a query: it must be that of the member who asks, or
// where the query came from (F4).
func (n *Node) mayAnswer(q *question) bool {
	switch {
	case !q.to.IsValid():
		return false
	case n.trusted():
		return true
	}
	return q.to == q.from || n.lives(q.asker, q.to)
}

// trusted says whether all that comes in is from somebody with a key.
func (n *Node) trusted() bool {
	s := n.swim.Sealer()
	return s != nil && s.Keys != nil && !s.PlainIn
}

// lives says whether a member of this name is known at this address. Old members don't
// say their name: then any member's will do.
func (n *Node) lives(name string, addr netip.AddrPort) bool {
	if name != "" {
		id := n.lookup([]byte(name))
		return id != swim.NoMember && n.view(id).Addr == addr
	}
	for _, id := range n.table.sorted(n.roster) {
		if n.view(id).Addr == addr {
			return true
		}
	}
	return false
}

// relayAnswer sends msg also through as many members as q wants: packets get lost.
func (n *Node) relayAnswer(now swim.Time, q *question, msg []byte, out *swim.Output) {
	k := int(q.relay)
	if k == 0 || n.table.len() < k+1 {
		return // in a tiny cluster it isn't worth it
	}
	m := wire.Relay{DestIP: q.to.Addr().AsSlice(), DestPort: q.to.Port(), DestName: []byte(q.asker), Msg: msg}
	relay := m.Append(nil)
	if len(relay) > n.cfg.QueryResponseSizeMax {
		n.count.RelaysDropped++
		return
	}
	n.picks = n.swim.RandomLive(n.picks[:0], k, func(id swim.MemberID) bool {
		v := n.view(id)
		return n.table.at(id).status == StatusAlive && v.Versions[1] >= membershipForRelay && v.Addr != q.to
	})
	for _, id := range n.picks {
		n.sendTo(now, n.view(id).Addr, relay, out)
	}
}

// handleRelay passes an answer on to a member. Nothing else, and to nobody else: this
// node isn't for hire (F4).
func (n *Node) handleRelay(now swim.Time, from netip.AddrPort, body []byte, out *swim.Output) error {
	m, err := wire.ParseRelay(body)
	if err != nil {
		return err
	}
	if wire.SerfType(m.Msg[0]) != wire.SerfQueryResponse {
		n.count.RelaysRefused++
		return errRelayType
	}
	to, ok := addrFrom(m.DestIP, m.DestPort)
	if !ok || !n.lives(string(m.DestName), to) {
		n.count.RelaysRefused++
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteRelayRefused, From: from, Text: clip(m.DestName)})
		return nil
	}
	if to == n.cfg.Addr {
		return n.handleAnswer(now, m.Msg[1:], out)
	}
	if len(m.Msg) > n.swim.MaxUser() {
		n.count.RelaysDropped++
		return nil
	}
	n.count.Relays++
	n.swim.SendUser(now, to, m.Msg, out)
	return nil
}

// answerInternal handles a query that is for Serf itself.
func (n *Node) answerInternal(now swim.Time, q *question, name string, payload []byte, out *swim.Output) {
	var answer []byte
	switch name {
	case PingQuery:
		return // the ack is all
	case conflictQuery:
		answer = n.answerConflict(payload)
	case installKeyQuery, useKeyQuery, removeKeyQuery, listKeysQuery:
		answer = n.answerKeys(q, name, payload, out)
	default:
		n.count.QueriesDropped++
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteQueryUnknown, Text: clip([]byte(name))})
		return
	}
	if answer == nil {
		return
	}
	if err := n.answer(now, q, answer, out); err != nil {
		n.refuse(q.to, err, out)
	}
}
