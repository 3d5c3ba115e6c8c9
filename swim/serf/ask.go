package serf

import (
	"time"

	"serf/swim"
	"serf/swim/history"
	"serf/wire"
)

// Members of this implementation ask each other what they know by a query. Those of the original
// would log a warning about a query that they don't know, so the query has a filter that they don't
// pass: on a tag that every member of this implementation has for filters, and never gossips.
const (
	askQuery = internalPrefix + "ask"
	// askTag is that tag, and askVersions its value: the versions of the question that are
	// understood here.
	askTag, askVersions = "_serf_ask", "1"
)

// Comparing views and listing round trips take time that grows with the cluster, 1 ms with 10,000
// members. A member does it compareBurst times in a row, and then once in comparePause: answering
// others must not become all it does.
const (
	compareBurst = 16
	comparePause = 100 * time.Millisecond
)

// Question is what to ask other members of this implementation.
type Question struct {
	// Nodes are the members that are asked; nil for all. With Direct they get the question from
	// this node: all that it considers here, or those with these names, even if it considers them
	// failed. Without, they get it by gossip, which also reaches members that this node can't
	// reach.
	Nodes  []string
	Direct bool
	// RelayFactor and Timeout are as in QueryParams.
	RelayFactor uint8
	Timeout     time.Duration
	// Compare, if set, is what this node knows, to be compared.
	Compare *Comparison
	// History, unless it is empty, is the member whose history is wanted.
	History string
	// RoundTrips: those that members have measured are wanted.
	RoundTrips bool
}

// Ask asks other members of this implementation about their view. It is a query: ParseReport reads
// the payloads of its responses, and EventQueryDone ends it. Members of the original don't notice
// it. The error is as that of Query.
func (n *Node) Ask(now swim.Time, q Question, out *swim.Output) (swim.OpID, error) {
	return n.AskEncoded(now, q, n.EncodeQuestion(&q), out)
}

// EncodeQuestion returns the payload with which Ask sends q. It changes q.Compare, and nothing of
// the node.
func (n *Node) EncodeQuestion(q *Question) []byte {
	m := wire.Ask{Member: []byte(q.History), RoundTrips: q.RoundTrips}
	if q.Compare != nil {
		n.askToCompare(&m, q.Compare, n.questionRoom(q))
	}
	return m.Append(nil)
}

// AskEncoded is Ask with the payload that EncodeQuestion returned, here or when this call was
// recorded: Compare and History are not used.
func (n *Node) AskEncoded(
	now swim.Time, q Question, payload []byte, out *swim.Output,
) (swim.OpID, error) {
	p := QueryParams{
		Name: askQuery, Payload: payload, Nodes: q.Nodes, RelayFactor: q.RelayFactor,
		Timeout: q.Timeout, Tags: map[string]string{askTag: askVersions}, direct: q.Direct,
	}
	n.call.begin(out)
	op, err := n.startQuery(now, p, out)
	n.finish(now, out)
	return op, err
}

// questionRoom is how many bytes a question has for more than its head.
func (n *Node) questionRoom(q *Question) int {
	const head = 200 // the head of a query, without names
	room := n.cfg.QuerySizeMax - head - len(n.cfg.Name) - len(q.History)
	if !q.Direct {
		for _, name := range q.Nodes {
			room -= len(name) + 3
		}
	}
	return room
}

// Report is what a member says about itself and its view.
type Report struct {
	// Clock is how long it had run when it answered.
	Clock  time.Duration
	Digest Digest
	Health int
	// The counts are of listed members. Suspects are alive, too.
	Alive, Suspect, Leaving, Failed, Left int
	// Busy: it was asked too often, and neither compared its view nor told its round trips.
	Busy bool
	// Status is how it lists the member whose history was wanted.
	Status Status

	answer wire.AskAnswer // the rest, which borrows
}

// ParseReport reads the Data of an EventQueryResponse to Ask. The result borrows from data.
func ParseReport(data []byte) (Report, error) {
	if len(data) == 0 || wire.SerfType(data[0]) != wire.SerfAskAnswer {
		return Report{}, wire.ErrType
	}
	m, err := wire.ParseAskAnswer(data[1:])
	return Report{
		Clock:  time.Duration(min(m.Clock, uint64(maxUptime))) * time.Microsecond,
		Digest: Digest(m.Digest), Health: int(m.Health),
		Alive: int(m.Alive), Suspect: int(m.Suspect), Leaving: int(m.Leaving),
		Failed: int(m.Failed), Left: int(m.Left),
		Busy: m.Busy, Status: Status(m.Status), answer: m,
	}, err
}

// History returns the last changes of the member whose history was wanted, the oldest first, and
// how many older ones there were. Their At is negative: how long before the answer they were.
func (r *Report) History() (changes []history.Change, dropped int, err error) {
	if len(r.answer.History) == 0 {
		return nil, 0, nil
	}
	return history.ParseCompact(r.answer.History)
}

// RoundTrips returns round trips that the member has measured: of all members the same few, if there
// are many, those whose names' hashes are the least.
func (r *Report) RoundTrips() ([]wire.RoundTrip, error) {
	return wire.ParseRoundTrips(r.answer.RoundTrips)
}

// settleAsks handles that a member has replied r to q. If that is its only reply to a ping and says
// that it is of the original, it won't answer what this node asks about views.
func (n *Node) settleAsks(now swim.Time, q *query, r replySet, id swim.MemberID) {
	if q.name != PingQuery || r&repliedExtended != 0 {
		return
	}
	for _, other := range n.queries {
		if other.name == askQuery {
			n.settle(now, other, id)
		}
	}
}

// answerAsk answers what another member of this implementation asks.
func (n *Node) answerAsk(now swim.Time, q *inboundQuery, payload []byte) []byte {
	if len(payload) == 0 || wire.SerfType(payload[0]) != wire.SerfAsk {
		n.count.BadMessages++
		return nil
	}
	ask, err := wire.ParseAsk(payload[1:])
	if err != nil {
		n.count.BadMessages++
		return nil
	}
	states := n.swim.States()
	a := wire.AskAnswer{
		Clock: uint64(n.age(now) / time.Microsecond), Digest: uint64(n.Digest()),
		Health: uint8(n.swim.Health()),
		Alive:  uint32(n.Count(StatusAlive)), Suspect: uint32(states[swim.Suspect]),
		Leaving: uint32(n.Count(StatusLeaving)),
		Failed:  uint32(n.Count(StatusFailed)), Left: uint32(n.Count(StatusLeft)),
	}
	if len(ask.Sums) > 0 {
		if a.Busy = !n.inbound.mayCompare(now); !a.Busy {
			n.answerComparison(&ask, &a, n.answerRoom(q, &a))
		}
	}
	if ask.RoundTrips {
		if a.Busy = !n.inbound.mayCompare(now); !a.Busy {
			a.RoundTrips = n.appendRoundTrips(nil, n.answerRoom(q, &a))
		}
	}
	if len(ask.Member) > 0 {
		a.Status = uint8(n.table.listed(n.lookup(ask.Member)))
		if h := n.swim.History(); h != nil {
			member := history.Member{}
			member.Changes, member.Dropped = h.Member(string(ask.Member))
			a.History = member.AppendCompact(nil, time.Duration(now), n.answerRoom(q, &a))
		}
	}
	return a.Append(nil)
}

// answerRoom is how many bytes a response to q has for more than a says already.
func (n *Node) answerRoom(q *inboundQuery, a *wire.AskAnswer) int {
	m := n.newReply(q)
	m.Payload = a.Append(nil)
	const heads = 64 // keys and lengths of further fields, and a longer one of the payload
	return n.cfg.QueryResponseSizeMax - len(m.Append(nil)) - heads
}

// mayCompare takes one turn of comparing views, if there is one.
func (a *inboundQueries) mayCompare(now swim.Time) bool {
	next := max(a.nextTurn, now.Add(-(compareBurst-1)*comparePause))
	if next > now {
		return false
	}
	a.nextTurn = next.Add(comparePause)
	return true
}
