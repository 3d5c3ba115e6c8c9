package serf

import (
	"time"

	"serf/swim"
	"serf/wire"
)

// A query is repeated to the members that may still answer, each time to fewer. Serf ignores
// what it has seen before; members of this kind reply again, so that neither a lost
// answer nor a lost query costs more than some time (F24).
const (
	// repeatShare: a query is first repeated after so small a part of the default time-out, when gossip
	// has told nearly all, then at intervals that double up to this part of its own time-out. With
	// a third of all packets lost half of what is missing comes with each repetition: seven are enough.
	repeatShare = 8
	// repeatBurst members are asked again at once, repeatStreams if it takes a stream each, and
	// the next after repeatPause: a large cluster's answers mustn't come all together.
	repeatBurst   = 64
	repeatStreams = 8
	repeatPause   = 10 * time.Millisecond
)

// repeat is when and how to repeat a query.
type repeat struct {
	msg  []byte
	only bool          // it is too large to be gossiped: this is how all are asked
	at   swim.Time     // when to go on
	gap  time.Duration // to the round after this
	most time.Duration // that gap may become
	next swim.MemberID // this round has come so far
}

// planRepeats says when q, which is m on the wire, is to be repeated.
func (n *Node) planRepeats(now swim.Time, q *query, m *wire.Query, timeout time.Duration) {
	again := *m
	again.Flags |= wire.QueryNoBroadcast
	r := repeat{
		msg:  again.Append(nil),
		most: max(timeout/repeatShare, repeatPause),
		gap:  max(min(timeout, n.DefaultQueryTimeout())/repeatShare, repeatPause),
	}
	r.at = now.Add(r.gap)
	if len(r.msg) > n.swim.MaxUser() {
		r.at, r.only = now, true
	}
	q.repeat = r
}

// repeatQuery asks some of those again that may still answer q.
func (n *Node) repeatQuery(now swim.Time, q *query, out *swim.Output) {
	r := &q.repeat
	room := repeatBurst
	if len(r.msg) > n.swim.MaxUser() {
		room = repeatStreams
	}
	for {
		id, ok := q.open.from(r.next)
		switch {
		case !ok:
			r.next, r.at = 0, now.Add(r.gap)
			r.gap = min(2*r.gap, r.most)
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
		if to.IsValid() && !q.deaf(n.roster.Name(id)) {
			n.count.QueriesRepeated++
			n.sendTo(now, to, r.msg, out)
			room--
		}
	}
}

// deaf says whether it is in vain to ask a member again: it has got the query, and is not of our kind.
func (q *query) deaf(name string) bool {
	return q.heard[name]&(repliedAck|repliedExtended) == repliedAck
}
