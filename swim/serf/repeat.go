package serf

import (
	"time"

	"serf/swim"
	"serf/wire"
)

// A query is repeated to the members that may still respond, each time to fewer. The original
// ignores repetitions; members of this kind reply again, so that neither a lost query nor a lost
// response costs more than some time.
const (
	// repeatShare: a query is first repeated after one part in so many of the default timeout, when
	// gossip has reached nearly all, then at intervals that double up to the same part of its own
	// timeout. With a third of all packets lost each repetition brings half of what is missing:
	// seven are enough.
	repeatShare = 8
	// repeatBurst members are asked again at once, or repeatStreams if each takes a stream, and the
	// next after repeatPause: a large cluster must not respond all at once.
	repeatBurst   = 64
	repeatStreams = 8
	repeatPause   = 10 * time.Millisecond
)

// repeat is when and how to repeat a query.
type repeat struct {
	msg     []byte
	unicast bool          // every member is asked this way: too large to be gossiped, or direct
	at      swim.Time     // when to continue
	gap     time.Duration // from this round to the next
	maxGap  time.Duration
	next    swim.MemberID // the first that this round hasn't asked yet
}

// planRepeats schedules the repetitions of q, which is m on the wire.
func (n *Node) planRepeats(now swim.Time, q *query, m *wire.Query, p *QueryParams) {
	again := *m
	again.Flags |= wire.QueryNoBroadcast
	r := repeat{
		msg:    again.Append(nil),
		maxGap: max(p.Timeout/repeatShare, repeatPause),
		gap:    max(min(p.Timeout, n.DefaultQueryTimeout())/repeatShare, repeatPause),
	}
	r.at = now.Add(r.gap)
	if p.direct || len(r.msg) > n.swim.MaxUser() {
		r.at, r.unicast = now, true
	}
	q.repeat = r
}

// repeatQuery asks some of the pending members of q again.
func (n *Node) repeatQuery(now swim.Time, q *query, out *swim.Output) {
	r := &q.repeat
	room := repeatBurst
	if len(r.msg) > n.swim.MaxUser() {
		room = repeatStreams
	}
	for {
		id, ok := q.pending.from(r.next)
		switch {
		case !ok:
			r.next, r.at = 0, now.Add(r.gap)
			r.gap = min(2*r.gap, r.maxGap)
			return
		case room == 0:
			r.at = now.Add(repeatPause)
			return
		}
		r.next = id + 1
		to := n.view(id).Addr
		if id == n.self {
			to = q.rival
		}
		if to.IsValid() && !q.ignoresRepeats(n.roster.Name(id)) {
			n.count.QueriesRepeated++
			n.sendTo(now, to, r.msg, out)
			room--
		}
	}
}

// ignoresRepeats says whether asking a member again is useless: it has the query, and is of the
// original's kind.
func (q *query) ignoresRepeats(name string) bool {
	return q.replies[name]&(repliedAck|repliedExtended) == repliedAck
}
