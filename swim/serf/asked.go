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

const (
	// askedMax bounds queries that wait for an answer from here, or for being repeated. Handlers
	// take seconds at most; beyond it the oldest can't be answered any more.
	askedMax = 1024
	// keptMax bounds the answers that are kept for that: a thousand of the usual size.
	keptMax = 1 << 20
	// repliesMax bounds how often a query is replied to again: more than anybody asks in a day (see
	// repeatShare), and few for who would use us to flood the asker.
	repliesMax = 32
)

// asked is the queries that came here.
type asked struct {
	window lamport.Queries
	open   []question // by op
}

// question is a query that may be answered here.
type question struct {
	op       swim.OpID
	own      bool // asked by this node
	vote     bool // who has a name, which the asker and another claim
	time     lamport.Time
	id       uint32
	deadline swim.Time
	asker    string
	to, from netip.AddrPort // what the asker said, and who passed the query on
	relay    uint8

	extended bool // the asker may ask again, and wants to know if nobody will answer
	declined bool // nobody will
	answered bool
	answer   []byte // to be sent again
	repeats  int
}

// done says whether there is nothing more to do for q than to repeat what was sent.
func (q *question) done() bool { return q.answered || q.declined }

// handleQuery takes a query from gossip, and passes it on if it's new.
func (n *Node) handleQuery(now swim.Time, from netip.AddrPort, msg, body []byte, out *swim.Output) error {
	m, err := wire.ParseQuery(body)
	if err != nil {
		return err
	}
	const again = wire.QueryNoBroadcast | wire.QueryExtended
	if m.Flags&again == again && n.replyAgain(now, from, &m, out) {
		return nil
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
	q.extended = m.Flags&wire.QueryExtended != 0
	name := string(m.Name)
	if q.vote = name == conflictQuery; q.vote {
		q.relay = 0
		if q.own {
			return true // the other one answers in our place
		}
	}
	internal := strings.HasPrefix(name, internalPrefix)
	q.declined = !internal && n.cfg.Listener != nil && !n.cfg.Listener.WantsQuery(m.Name)
	if m.Flags&wire.QueryWantAck != 0 {
		n.sendAck(now, &q, out)
	}
	if internal {
		later := n.answerInternal(now, &q, name, m.Payload, out)
		if later || q.extended {
			n.keepQuestion(now, q, out)
		}
		return true
	}
	n.keepQuestion(now, q, out)
	n.tell(swim.Event{
		Kind: EventQuery, Op: q.op, Name: n.hold(m.Name), Data: n.hold(m.Payload), LTime: m.LTime,
		Member: n.lookup(m.SourceNode), N: int64(q.deadline.Sub(now)),
	})
	return true
}

// replyAgain handles that an asker repeats its query: it misses something. It is false for a
// query that isn't known here.
func (n *Node) replyAgain(now swim.Time, from netip.AddrPort, m *wire.Query, out *swim.Output) bool {
	i := slices.IndexFunc(n.asked.open, func(q question) bool { return q.id == m.ID && uint64(q.time) == m.LTime })
	if i < 0 || n.asked.open[i].own {
		return false
	}
	q := &n.asked.open[i]
	if q.repeats >= repliesMax || now >= q.deadline {
		return true
	}
	q.repeats++
	if from == q.to {
		q.from = from // it came through another before, and now it shows where the asker is
	}
	n.count.RepliesRepeated++
	if q.answer != nil && n.mayAnswer(now, q) {
		n.post(now, q, q.answer, out)
	} else {
		n.sendAck(now, q, out)
	}
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

// keepQuestion remembers a query until it is over.
func (n *Node) keepQuestion(now swim.Time, q question, out *swim.Output) {
	a := &n.asked
	if len(a.open) >= askedMax {
		n.expireQuestions(now)
	}
	if len(a.open) >= askedMax {
		drop := slices.IndexFunc(a.open, func(q question) bool { return q.done() })
		if drop < 0 {
			drop = 0
			n.count.InboundQueriesDropped++
			n.note(out, swim.Note{Level: swim.Warn, Code: NoteInboundQueriesFull, N: askedMax})
		}
		a.open = slices.Delete(a.open, drop, drop+1)
	}
	a.open = append(a.open, q)
	a.limitKept()
}

// limitKept gives up the oldest of the answers that are kept, if they are too much together.
func (a *asked) limitKept() {
	sum := 0
	for i := range a.open {
		sum += len(a.open[i].answer)
	}
	for i := 0; sum > keptMax; i++ {
		sum -= len(a.open[i].answer)
		a.open[i].answer = nil
	}
}

func (n *Node) expireQuestions(now swim.Time) {
	n.asked.open = slices.DeleteFunc(n.asked.open, func(q question) bool { return now >= q.deadline })
}

// Respond answers the query that EventQuery named op, once. The error is ErrNoQuery, a *SizeError
// (and the query can still be answered), or ErrUnreachable, unless the asker is to ask again.
func (n *Node) Respond(now swim.Time, op swim.OpID, payload []byte, out *swim.Output) error {
	q := n.question(now, op)
	if q == nil {
		return ErrNoQuery
	}
	n.begin(out)
	err := n.answer(now, q, payload, out)
	n.asked.limitKept()
	n.finish(now, out)
	return err
}

// Decline says that nobody here is going to answer the query that EventQuery named op, so that who
// asked needn't wait for that; Respond still answers it. The error is ErrNoQuery, also if it has been answered.
func (n *Node) Decline(now swim.Time, op swim.OpID, out *swim.Output) error {
	q := n.question(now, op)
	if q == nil {
		return ErrNoQuery
	}
	n.begin(out)
	n.decline(now, q, out)
	n.finish(now, out)
	return nil
}

// question returns the query of that name that may still be answered, or nil.
func (n *Node) question(now swim.Time, op swim.OpID) *question {
	a := &n.asked
	i, ok := slices.BinarySearchFunc(a.open, op, func(q question, op swim.OpID) int { return cmp.Compare(q.op, op) })
	if !ok || a.open[i].answered || now >= a.open[i].deadline {
		return nil
	}
	return &a.open[i]
}

// answer sends payload to who asked q.
func (n *Node) answer(now swim.Time, q *question, payload []byte, out *swim.Output) error {
	m := wire.QueryResponse{From: []byte(n.cfg.Name), ID: q.id, LTime: uint64(q.time), Payload: payload}
	msg, err := n.sendAnswer(now, q, &m, out)
	if err != nil && (err != ErrUnreachable || !q.extended) { // else it is sent when the asker asks again itself
		return err
	}
	q.answered = true
	if q.extended && !q.own {
		q.answer = msg
	}
	return nil
}

// decline tells who asked q, if it understands that, that no answer is to come.
func (n *Node) decline(now swim.Time, q *question, out *swim.Output) {
	if q.declined {
		return
	}
	q.declined = true
	if q.extended {
		n.sendAck(now, q, out)
	}
}

// sendAck sends an ack, with what else there is to say of q as yet.
func (n *Node) sendAck(now swim.Time, q *question, out *swim.Output) {
	m := wire.QueryResponse{Flags: wire.ResponseIsAck, From: []byte(n.cfg.Name), ID: q.id, LTime: uint64(q.time)}
	if q.extended {
		m.Flags |= wire.ResponseExtended
		if q.done() {
			m.Flags |= wire.ResponseDeclined
		}
	}
	if _, err := n.sendAnswer(now, q, &m, out); err != nil {
		n.refuse(q.to, err, out)
	}
}

// sendAnswer sends an answer or ack, and returns it encoded.
func (n *Node) sendAnswer(now swim.Time, q *question, m *wire.QueryResponse, out *swim.Output) ([]byte, error) {
	msg := m.Append(nil)
	if len(msg) > n.cfg.QueryResponseSizeMax {
		return nil, &SizeError{What: "answer", Size: len(msg), Limit: n.cfg.QueryResponseSizeMax, Setting: "query_response_size_limit"}
	}
	if q.own {
		n.applyAnswer(now, m, out)
		return msg, nil
	}
	if !n.mayAnswer(now, q) {
		n.count.RepliesRefused++
		return msg, ErrUnreachable
	}
	n.post(now, q, msg, out)
	return msg, nil
}

// post sends msg to who asked q: directly, and through some others if so asked.
func (n *Node) post(now swim.Time, q *question, msg []byte, out *swim.Output) {
	n.sendTo(now, q.to, msg, out)
	n.relayAnswer(now, q, msg, out)
}

// mayAnswer says whether the asker's address is one to send to. Without encryption
// anybody can put any address into a query: it must be that of the member who asks, or
// where the query came from (F4). Who claims another's name may ask for a vote.
func (n *Node) mayAnswer(now swim.Time, q *question) bool {
	switch {
	case !q.to.IsValid():
		return false
	case n.trusted():
		return true
	}
	return q.to == q.from || n.lives(q.asker, q.to) || n.maybeAnswerRival(now, q)
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

// farRelays is through how many members an answer goes to one that can't be reached from here, whatever it asked for:
// not all of them can reach it.
const farRelays = 4

// relayAnswer sends msg also through as many members as q wants: packets get lost.
func (n *Node) relayAnswer(now swim.Time, q *question, msg []byte, out *swim.Output) {
	k, far := int(q.relay), !n.swim.CanReach(q.to)
	switch {
	case len(msg) > n.swim.MaxUser():
		return // a stream loses nothing
	case far:
		k = max(k, farRelays)
	case k == 0 || n.table.len() < k+1:
		return // in a tiny cluster it isn't worth it
	}
	m := wire.Relay{DestIP: q.to.Addr().AsSlice(), DestPort: q.to.Port(), DestName: []byte(q.asker), Msg: msg}
	relay := m.Append(nil)
	if len(relay) > n.cfg.QueryResponseSizeMax {
		n.count.RelaysDropped++
		return
	}
	relays := func(id swim.MemberID) bool {
		v := n.view(id)
		return n.table.at(id).status == StatusAlive && v.Versions[1] >= membershipForRelay && v.Addr != q.to
	}
	n.picks = n.picks[:0]
	if far { // first those that are known to have both versions of IP
		if to := n.swim.Helper(); to.IsValid() {
			n.sendTo(now, to, relay, out)
		}
		n.picks = n.swim.RandomLive(n.picks, k, func(id swim.MemberID) bool { return relays(id) && n.swim.Detoured(n.view(id).Addr) })
	}
	n.picks = n.swim.RandomLive(n.picks, k, relays)
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

// answerInternal handles a query that is for Serf itself, and says whether the answer comes later.
func (n *Node) answerInternal(now swim.Time, q *question, name string, payload []byte, out *swim.Output) (later bool) {
	var answer []byte
	switch name {
	case PingQuery:
		q.declined = true // the ack is all
		return false
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
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteQueryUnknown, Text: clip([]byte(name))})
	}
	if answer == nil {
		n.decline(now, q, out)
		return false
	}
	if err := n.answer(now, q, answer, out); err != nil {
		n.refuse(q.to, err, out)
	}
	return false
}
