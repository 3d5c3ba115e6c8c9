package serf

import (
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"time"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// Queries that Serf keeps for itself (spec 3.4).
const (
	internalPrefix = "_serf_"
	// PingQuery is the one that users may send: members only ack it.
	PingQuery = internalPrefix + "ping"

	conflictQuery   = internalPrefix + "conflict"
	installKeyQuery = internalPrefix + "install-key"
	useKeyQuery     = internalPrefix + "use-key"
	removeKeyQuery  = internalPrefix + "remove-key"
	listKeysQuery   = internalPrefix + "list-keys"
)

const (
	// askingMax bounds own queries that run: each may bring an answer from every member.
	askingMax = 1024
	// strangersMax bounds, per query, those who answer and aren't known here (yet).
	strangersMax = 64
	// queryTimeoutMult times the gossip interval times the log of the cluster's
	// size is how long a query runs by default: some rounds for everybody to hear of it.
	queryTimeoutMult = 16
	// QueryTimeoutMax bounds how long a query runs.
	QueryTimeoutMax = 24 * time.Hour
)

// QueryParams says what to ask. Zero values are defaults.
type QueryParams struct {
	Name        string
	Payload     []byte
	Nodes       []string          // only these
	Tags        map[string]string // only members whose tags match these regular expressions
	WantAck     bool              // hand out acks; members send them anyway
	RelayFactor uint8
	Timeout     time.Duration // 0: DefaultQueryTimeout; at most QueryTimeoutMax

	rival netip.AddrPort // of a vote over this node's name: who else claims it
}

// asking is the own queries that run: few, so that a slice is searched.
type asking struct{ running []*query }

// query is an own query that runs.
type query struct {
	op       swim.OpID
	time     lamport.Time
	id       uint32
	name     string
	deadline swim.Time
	wantAck  bool // the user wants to see acks; members are always asked for them
	audience audience
	rival    netip.AddrPort // answers in this node's place, if it is set

	heard     map[string]replies // by the name of who replied
	strangers int                // of those
	answers   int64
	// open are the live members that the query is meant for and that may still
	// answer. over is when the query ends: at its deadline, or when nobody is open any more.
	open   idSet
	over   swim.Time
	late   bool // this node wasn't there when its time was over: it has got some more
	repeat repeat
}

// idSet is a set of members: a bit each, as a cluster may have many and many queries run.
type idSet struct {
	bits []uint64
	n    int
}

func (s *idSet) add(id swim.MemberID) {
	if w := int(id / 64); w >= len(s.bits) {
		s.bits = append(s.bits, make([]uint64, w+1-len(s.bits))...)
	}
	if w, bit := &s.bits[id/64], uint64(1)<<(id%64); *w&bit == 0 {
		*w |= bit
		s.n++
	}
}

// remove takes id out, and says whether it was the last.
func (s *idSet) remove(id swim.MemberID) bool {
	if int(id/64) >= len(s.bits) {
		return false
	}
	w, bit := &s.bits[id/64], uint64(1)<<(id%64)
	if *w&bit == 0 {
		return false
	}
	*w &^= bit
	s.n--
	return s.n == 0
}

func (s *idSet) has(id swim.MemberID) bool {
	return int(id/64) < len(s.bits) && s.bits[id/64]&(1<<(id%64)) != 0
}

// from returns the first member of the set that isn't before id, and whether there is one.
func (s *idSet) from(id swim.MemberID) (swim.MemberID, bool) {
	for w := int(id / 64); w < len(s.bits); w++ {
		if rest := s.bits[w] >> (id % 64); rest != 0 {
			return id + swim.MemberID(bits.TrailingZeros64(rest)), true
		}
		id = swim.MemberID(w+1) * 64
	}
	return 0, false
}

// replies is what a member has sent to a query.
type replies uint8

const (
	repliedAck replies = 1 << iota
	repliedAnswer
	repliedDecline
	// repliedExtended: it repeats its replies when it is asked again.
	repliedExtended
)

// repliesOf says what a message tells. Who answers has got the query, whether its ack came or not.
func repliesOf(m *wire.QueryResponse) replies {
	if m.Flags&wire.ResponseIsAck == 0 {
		return repliedAck | repliedAnswer
	}
	r := repliedAck
	if m.Flags&wire.ResponseExtended != 0 {
		r |= repliedExtended
	}
	if m.Flags&wire.ResponseDeclined != 0 {
		r |= repliedDecline
	}
	return r
}

// settles says whether nothing more is to be expected of a member that has replied r.
func (q *query) settles(r replies) bool {
	return r&(repliedAnswer|repliedDecline) != 0 || q.name == PingQuery && r&repliedAck != 0
}

// DefaultQueryTimeout is how long a query runs if nothing else is asked for.
func (n *Node) DefaultQueryTimeout() time.Duration {
	return n.cfg.GossipInterval * queryTimeoutMult * time.Duration(math.Ceil(math.Log10(float64(max(n.swim.Live(), 1)+1))))
}

// Query asks the members. It ends with EventQueryDone. It copies what p holds. The error is a
// *SizeError, ErrInternalName, ErrBusy, or names the bad filter or timeout.
func (n *Node) Query(now swim.Time, p QueryParams, out *swim.Output) (swim.OpID, error) {
	if strings.HasPrefix(p.Name, internalPrefix) && p.Name != PingQuery {
		return 0, ErrInternalName
	}
	n.begin(out)
	op, err := n.ask(now, p, out)
	n.finish(now, out)
	return op, err
}

// ask starts a query, internal ones included.
func (n *Node) ask(now swim.Time, p QueryParams, out *swim.Output) (swim.OpID, error) {
	if p.Timeout == 0 {
		p.Timeout = n.DefaultQueryTimeout()
	}
	if p.Timeout < 0 || p.Timeout > QueryTimeoutMax {
		return 0, fmt.Errorf("query timeout: %v, allowed up to %v", p.Timeout, QueryTimeoutMax)
	}
	audience, filters, err := newAudience(p.Nodes, p.Tags)
	if err != nil {
		return 0, err
	}
	if len(n.asking.running) >= askingMax {
		return 0, fmt.Errorf("%d queries run: %w", askingMax, ErrBusy)
	}
	m := wire.Query{
		Addr: n.cfg.Addr.Addr().Unmap().AsSlice(), Port: n.cfg.Addr.Port(), SourceNode: []byte(n.cfg.Name),
		Filters: filters, ID: n.swim.RandomID(), LTime: uint64(n.queryClock.Now()),
		Name: []byte(p.Name), Payload: p.Payload, RelayFactor: p.RelayFactor, Timeout: int64(p.Timeout),
	}
	m.Flags = wire.QueryWantAck | wire.QueryExtended
	msg := m.Append(nil)
	if len(msg) > n.cfg.QuerySizeMax {
		return 0, &SizeError{What: "query", Size: len(msg), Limit: n.cfg.QuerySizeMax, Setting: "query_size_limit"}
	}
	q := &query{
		op: n.newOp(), time: n.queryClock.Next(), id: m.ID, name: p.Name, deadline: now.Add(p.Timeout),
		wantAck: p.WantAck, audience: audience, rival: p.rival, heard: make(map[string]replies),
	}
	n.planRepeats(now, q, &m, p.Timeout)
	n.expectAnswers(now, q)
	n.asking.running = append(n.asking.running, q)
	n.armQueries()
	n.count.QueriesAsked++
	if !q.repeat.only {
		n.spread(&n.gossip.queries, 0, msg)
	}
	n.acceptQuery(now, n.cfg.Addr, &m, q.op, out)
	if q.rival.IsValid() { // it isn't a member here: gossip doesn't reach it
		n.sendTo(now, q.rival, q.repeat.msg, out)
	}
	return q.op, nil
}

// expectAnswers notes who may answer q. If it is nobody who is known here, q ends when somebody
// who isn't would have been heard.
func (n *Node) expectAnswers(now swim.Time, q *query) {
	q.over = min(q.deadline, now.Add(q.repeat.gap))
	for _, id := range n.table.sorted(n.roster) {
		n.await(q, id)
	}
}

// await notes that id may answer q, if it is live and meant.
func (n *Node) await(q *query, id swim.MemberID) {
	if s := n.table.at(id).status; s != StatusAlive && s != StatusLeaving {
		return
	}
	name := n.roster.Name(id)
	if q.settles(q.heard[name]) {
		return
	}
	if len(q.audience.tags) == 0 && q.audience.includes(name, nil) ||
		len(q.audience.tags) > 0 && q.audience.includes(name, n.tagsOf(id, n.view(id).Meta)) {
		q.open.add(id)
		q.over = q.deadline
	}
}

// dropTarget notes that id answers nothing any more.
func (n *Node) dropTarget(now swim.Time, id swim.MemberID) {
	for _, q := range n.asking.running {
		n.settle(now, q, id)
	}
}

// armQueries sets the deadline of the own queries.
func (n *Node) armQueries() {
	at := swim.Never
	for _, q := range n.asking.running {
		at = min(at, q.over, q.repeat.at)
	}
	n.arm(dutyQueries, at)
}

// stepQueries ends the own queries that are over, and repeats others.
func (n *Node) stepQueries(now swim.Time, out *swim.Output) {
	var done []*query
	n.asking.running = slices.DeleteFunc(n.asking.running, func(q *query) bool {
		over := now >= q.over && !q.maybeExtend(now)
		if over {
			done = append(done, q)
		}
		return over
	})
	for _, q := range n.asking.running {
		if now >= q.repeat.at {
			n.repeatQuery(now, q, out)
		}
	}
	n.armQueries()
	for _, q := range done {
		if q.op == n.conflict.op {
			n.endVote(now, out)
			continue
		}
		n.tell(swim.Event{Kind: EventQueryDone, Op: q.op, N: q.answers})
	}
}

// maybeExtend gives a query whose end is overdue the time to read the answers that wait: this node
// stood still meanwhile.
func (q *query) maybeExtend(now swim.Time) bool {
	late := now.Sub(q.over)
	if q.late || late < queryLate || q.over != q.deadline { // else nobody is left to answer
		return false
	}
	q.late = true
	q.over = now.Add(min(late, queryExtension))
	q.deadline = q.over
	return true
}

const (
	queryLate      = 100 * time.Millisecond // timers are never exact
	queryExtension = 500 * time.Millisecond // reading a full socket buffer takes some ms; the lost may be repeated
)

// handleAnswer takes an answer from the network.
func (n *Node) handleAnswer(now swim.Time, body []byte, out *swim.Output) error {
	m, err := wire.ParseQueryResponse(body)
	if err != nil {
		return err
	}
	n.applyAnswer(now, &m, out)
	return nil
}

// applyAnswer hands an answer or ack to the query that it is for. Answers come more than once
// when they are relayed, and after the end of their query when they are late.
func (n *Node) applyAnswer(now swim.Time, m *wire.QueryResponse, out *swim.Output) {
	i := slices.IndexFunc(n.asking.running, func(q *query) bool {
		return q.time == lamport.Time(m.LTime) && q.id == m.ID
	})
	if i < 0 {
		n.count.ResponsesStray++
		n.note(out, swim.Note{Level: swim.Debug, Code: NoteResponseStray, Text: clip(m.From), N: int64(min(m.LTime, math.MaxInt64))})
		return
	}
	q := n.asking.running[i]
	heard, met := q.heard[string(m.From)]
	fresh := repliesOf(m) &^ heard
	if fresh == 0 {
		if m.Flags&wire.ResponseIsAck != 0 {
			n.count.AckDuplicates++
		} else {
			n.count.ResponseDuplicates++
		}
		return
	}
	id := n.lookup(m.From)
	if !met && id == swim.NoMember {
		if q.strangers >= strangersMax {
			n.count.ResponsesDropped++
			n.note(out, swim.Note{Level: swim.Warn, Code: NoteUnknownResponders, N: strangersMax})
			return
		}
		q.strangers++
	}
	q.heard[string(m.From)] = heard | fresh
	if fresh&repliedAck != 0 {
		n.tellAck(q, m)
	}
	if fresh&repliedAnswer != 0 {
		n.tellAnswer(now, q, m)
	}
	if id != swim.NoMember && q.settles(heard|fresh) {
		n.settle(now, q, id)
	}
}

// settle notes that nothing more is to be expected of id. If it was the last, the next Tick,
// which is due at once, ends the query.
func (n *Node) settle(now swim.Time, q *query, id swim.MemberID) {
	if q.open.remove(id) {
		q.over = now
		n.arm(dutyQueries, now)
	}
}

func (n *Node) tellAck(q *query, m *wire.QueryResponse) {
	if q.wantAck {
		n.count.Acks++
		n.tell(swim.Event{Kind: EventQueryAck, Op: q.op, Name: n.hold(m.From)})
	}
}

func (n *Node) tellAnswer(now swim.Time, q *query, m *wire.QueryResponse) {
	n.count.Responses++
	q.answers++
	if q.op == n.conflict.op {
		n.countVote(now, m.Payload)
		return
	}
	n.tell(swim.Event{Kind: EventQueryResponse, Op: q.op, Name: n.hold(m.From), Data: n.hold(m.Payload)})
}

// addrFrom returns the address that a message names, if it can be one.
func addrFrom(ip []byte, port uint16) (netip.AddrPort, bool) {
	a, ok := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port), ok && port != 0
}
