package serf

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// Queries that Serf reserves for itself.
const (
	internalPrefix = "_serf_"
	// PingQuery is the only one that users may ask: members just ack it.
	PingQuery = internalPrefix + "ping"

	conflictQuery   = internalPrefix + "conflict"
	installKeyQuery = internalPrefix + string(InstallKey)
	useKeyQuery     = internalPrefix + string(UseKey)
	removeKeyQuery  = internalPrefix + string(RemoveKey)
	listKeysQuery   = internalPrefix + string(ListKeys)
)

const (
	// queriesMax bounds the running own queries: each may bring a response from every member.
	queriesMax = 1024
	// unknownRespondersMax bounds, per query, the responders that are not known here, or not yet.
	unknownRespondersMax = 64
	// queryTimeoutMult times the gossip interval times the decimal logarithm of the cluster's size
	// is how long a query runs by default: enough rounds of gossip to reach everybody.
	queryTimeoutMult = 16
	// QueryTimeoutMax bounds how long a query runs.
	QueryTimeoutMax = 24 * time.Hour
)

// QueryParams are the parameters of a query. Zero values are the defaults.
type QueryParams struct {
	Name        string
	Payload     []byte
	Nodes       []string          // only these; nil means all, and an empty list is ErrNoNodes
	Tags        map[string]string // only members whose tags match these regular expressions
	WantAck     bool              // hand out acks; members send them anyway
	RelayFactor uint8
	Timeout     time.Duration // 0: DefaultQueryTimeout; at most QueryTimeoutMax

	direct bool // the members that it is meant for get it from this node alone, not by gossip

	rival netip.AddrPort // of a vote over this node's name: the address that claims it too
}

// query is a running own query.
type query struct {
	op       swim.OpID
	time     lamport.Time
	id       uint32
	name     string
	deadline swim.Time
	wantAck  bool // hand out acks; members send them anyway
	failed   bool // failed members may respond, too
	filters  queryFilters
	rival    netip.AddrPort // responds in this node's place, if set

	replies   map[string]replySet // by the responder's name
	unknown   int                 // of those, members not known here
	responses int64
	// pending are the live members that the query is meant for and that may still respond. ends is
	// when the query ends: at its deadline, or when nobody is pending.
	pending  idSet
	ends     swim.Time
	extended bool // its end was overdue: see maybeExtend
	repeat   repeat
}

// replySet is what a member has sent in reply to a query.
type replySet uint8

const (
	repliedAck replySet = 1 << iota
	repliedAnswer
	repliedDecline
	// repliedExtended: the member repeats its replies when it is asked again.
	repliedExtended
)

// repliesOf returns what a message says. A response implies the ack, which may have been lost.
func repliesOf(m *wire.QueryResponse) replySet {
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

// settles says whether a member that has replied r will send nothing more.
func (q *query) settles(r replySet) bool {
	return r&(repliedAnswer|repliedDecline) != 0 || q.name == PingQuery && r&repliedAck != 0
}

// DefaultQueryTimeout is how long a query runs by default, in a cluster of the present size.
func (n *Node) DefaultQueryTimeout() time.Duration {
	rounds := math.Ceil(math.Log10(float64(max(n.swim.Live(), 1) + 1)))
	return n.cfg.GossipInterval * queryTimeoutMult * time.Duration(rounds)
}

// Query starts a query. It ends with EventQueryDone. It copies what p holds. The error is a
// *SizeError, ErrInternalName, ErrNoNodes, ErrBusy, or names the bad filter or timeout.
func (n *Node) Query(now swim.Time, p QueryParams, out *swim.Output) (swim.OpID, error) {
	if strings.HasPrefix(p.Name, internalPrefix) && p.Name != PingQuery {
		return 0, ErrInternalName
	}
	n.call.begin(out)
	op, err := n.startQuery(now, p, out)
	n.finish(now, out)
	return op, err
}

// startQuery starts a query, internal ones included.
func (n *Node) startQuery(now swim.Time, p QueryParams, out *swim.Output) (swim.OpID, error) {
	if p.Timeout == 0 {
		p.Timeout = n.DefaultQueryTimeout()
	}
	if p.Timeout < 0 || p.Timeout > QueryTimeoutMax {
		return 0, fmt.Errorf("query timeout: %v, allowed up to %v", p.Timeout, QueryTimeoutMax)
	}
	filters, encoded, err := newQueryFilters(p.Nodes, p.Tags)
	if err != nil {
		return 0, err
	}
	if p.direct { // whoever gets it is meant, and many names need room
		if _, encoded, err = newQueryFilters(nil, p.Tags); err != nil {
			return 0, err
		}
	}
	if len(n.queries) >= queriesMax {
		return 0, fmt.Errorf("%d queries run: %w", queriesMax, ErrBusy)
	}
	m := wire.Query{
		Addr: n.cfg.Addr.Addr().Unmap().AsSlice(), Port: n.cfg.Addr.Port(),
		SourceNode: []byte(n.cfg.Name), ID: n.swim.RandomID(), LTime: uint64(n.queryClock.Now()),
		Name: []byte(p.Name), Payload: p.Payload, Filters: encoded, Timeout: int64(p.Timeout),
		RelayFactor: p.RelayFactor, Flags: wire.QueryExtended,
	}
	if p.Name != askQuery { // all who get that answer at once
		m.Flags |= wire.QueryWantAck
	}
	msg := m.Append(nil)
	if err := limitEncoded("query", len(msg), n.cfg.QuerySizeMax, "query_size_limit"); err != nil {
		return 0, err
	}
	q := &query{
		op: n.newOp(), time: n.queryClock.Next(), id: m.ID, name: p.Name,
		deadline: now.Add(p.Timeout),
		wantAck:  p.WantAck, failed: p.direct && len(p.Nodes) > 0, filters: filters,
		rival: p.rival, replies: make(map[string]replySet),
	}
	n.planRepeats(now, q, &m, &p)
	n.expectReplies(now, q)
	n.queries = append(n.queries, q)
	n.armQueries()
	n.count.QueriesAsked++
	if !q.repeat.unicast {
		n.broadcast(&n.gossip.queries, 0, msg)
	}
	if !p.direct || filters.match(n.cfg.Name, n.tags.own) {
		n.acceptQuery(now, n.cfg.Addr, &m, q.op, out)
	}
	if q.rival.IsValid() { // gossip doesn't reach it: it isn't a member here
		n.sendTo(now, q.rival, q.repeat.msg, out)
	}
	return q.op, nil
}

// expectReplies records which members may respond to q. If none is known here, q ends when an
// unknown member's response would have come.
func (n *Node) expectReplies(now swim.Time, q *query) {
	q.ends = min(q.deadline, now.Add(q.repeat.gap))
	for _, id := range n.table.sorted(n.roster) {
		n.expect(q, id)
	}
}

// expect records that id may respond to q, if it is here and q is meant for it.
func (n *Node) expect(q *query, id swim.MemberID) {
	if r := n.table.at(id); !r.here() && !(q.failed && r.status == StatusFailed) {
		return
	}
	name := n.roster.Name(id)
	if q.settles(q.replies[name]) {
		return
	}
	var tags map[string]string
	if len(q.filters.tags) > 0 { // decode them only if they count
		tags = n.tagsOf(id, n.view(id).Meta)
	}
	if q.filters.match(name, tags) {
		q.pending.add(id)
		q.ends = q.deadline
	}
}

// settleMember handles that id, which is gone, responds to nothing any more.
func (n *Node) settleMember(now swim.Time, id swim.MemberID) {
	for _, q := range n.queries {
		n.settle(now, q, id)
	}
}

// armQueries sets the timer of this node's queries.
func (n *Node) armQueries() {
	at := swim.Never
	for _, q := range n.queries {
		at = min(at, q.ends, q.repeat.at)
	}
	n.arm(timerQueries, at)
}

// stepQueries ends those of this node's queries that are over, and repeats others.
func (n *Node) stepQueries(now swim.Time, out *swim.Output) {
	var done []*query
	n.queries = slices.DeleteFunc(n.queries, func(q *query) bool {
		over := now >= q.ends && !q.maybeExtend(now)
		if over {
			done = append(done, q)
		}
		return over
	})
	for _, q := range n.queries {
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
		n.call.emit(swim.Event{Kind: EventQueryDone, Op: q.op, N: q.responses,
			Members: n.call.holdIDs(q.pending.all)})
	}
}

// maybeExtend extends a query whose deadline is overdue, once: the process was paused, and
// responses wait to be read.
func (q *query) maybeExtend(now swim.Time) bool {
	late := now.Sub(q.ends)
	if q.extended || late < queryLate || q.ends != q.deadline { // an earlier end has nobody pending
		return false
	}
	q.extended = true
	q.ends = now.Add(min(late, queryExtension))
	q.deadline = q.ends
	return true
}

const (
	queryLate      = 100 * time.Millisecond // timers are never exact
	queryExtension = 500 * time.Millisecond // a full socket buffer takes some ms, repeats longer
)

// handleResponse handles a response or ack from the network.
func (n *Node) handleResponse(now swim.Time, body []byte, out *swim.Output) error {
	m, err := wire.ParseQueryResponse(body)
	if err != nil {
		return err
	}
	n.applyResponse(now, &m, out)
	return nil
}

// applyResponse matches a response or ack with its query. Relayed ones come more than once, and
// late ones after the end of their query.
func (n *Node) applyResponse(now swim.Time, m *wire.QueryResponse, out *swim.Output) {
	i := slices.IndexFunc(n.queries, func(q *query) bool {
		return q.time == lamport.Time(m.LTime) && q.id == m.ID
	})
	if i < 0 {
		n.count.ResponsesStray++
		note := swim.Note{Text: swim.ClipText(m.From), N: noteN(m.LTime)}
		n.note(out, swim.Debug, NoteResponseStray, note)
		return
	}
	q := n.queries[i]
	old, met := q.replies[string(m.From)]
	fresh := repliesOf(m) &^ old
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
		if q.unknown >= unknownRespondersMax {
			n.count.ResponsesDropped++
			n.note(out, swim.Warn, NoteUnknownResponders, swim.Note{N: unknownRespondersMax})
			return
		}
		q.unknown++
	}
	q.replies[string(m.From)] = old | fresh
	if fresh&repliedAck != 0 {
		n.emitAck(q, m)
	}
	if fresh&repliedAnswer != 0 {
		n.emitResponse(now, q, m)
	}
	if id != swim.NoMember && q.settles(old|fresh) {
		n.settle(now, q, id)
		n.settleAsks(now, q, old|fresh, id)
	}
}

// settle records that id will send nothing more to q. If it was the last pending member, the next
// Tick, which is due at once, ends q.
func (n *Node) settle(now swim.Time, q *query, id swim.MemberID) {
	if q.pending.remove(id) {
		q.ends = now
		n.arm(timerQueries, now)
	}
}

func (n *Node) emitAck(q *query, m *wire.QueryResponse) {
	if q.wantAck {
		n.count.Acks++
		n.call.emit(swim.Event{
			Kind: EventQueryAck, Op: q.op, Name: n.call.hold(m.From),
			Flag: m.Flags&(wire.ResponseIsAck|wire.ResponseExtended) == wire.ResponseIsAck,
		})
	}
}

func (n *Node) emitResponse(now swim.Time, q *query, m *wire.QueryResponse) {
	n.count.Responses++
	q.responses++
	if q.op == n.conflict.op {
		n.countVote(now, m.Payload)
		return
	}
	n.call.emit(swim.Event{
		Kind: EventQueryResponse, Op: q.op, Name: n.call.hold(m.From), Data: n.call.hold(m.Payload),
	})
}

// addrFrom returns the address that a message names, and whether it is valid.
func addrFrom(ip []byte, port uint16) (netip.AddrPort, bool) {
	a, ok := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port), ok && port != 0
}
