package swim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// join is a Join in progress.
type join struct {
	op      OpID
	waiting []netip.AddrPort // not tried yet
	flying  int
	reached int
	alone   bool  // we knew nobody when it began, and nobody has answered yet
	err     error // the last failure
}

// joinAtOnce bounds a join's exchanges in flight: each carries the whole state.
const joinAtOnce = 8

var errNoAddress = errors.New("no address to join")

// Join exchanges states with the members at these addresses. It ends with an
// EventJoinDone that says how many answered; each failure is noted.
func (n *Node) Join(now Time, to []netip.AddrPort, out *Output) OpID {
	j := join{op: n.nextOp(), waiting: slices.Clone(to), alone: n.others() == 0, err: errNoAddress}
	n.joins = append(n.joins, j)
	n.advanceJoin(now, len(n.joins)-1, out)
	return j.op
}

func (n *Node) advanceJoin(now Time, i int, out *Output) {
	j := &n.joins[i]
	for j.flying < joinAtOnce && len(j.waiting) > 0 {
		to := unmapped(j.waiting[0])
		j.waiting = j.waiting[1:]
		if !n.callPushPull(now, to, call{kind: callJoin, op: j.op}, true, out) {
			j.err = errTooManyCalls
			out.note(Note{Level: Warn, Code: NoteJoinFailed, From: to, Err: j.err})
			continue
		}
		j.flying++
	}
	if j.flying > 0 {
		return
	}
	e := Event{Kind: EventJoinDone, Op: j.op, N: int64(j.reached)}
	if j.reached == 0 {
		e.Err = j.err
	}
	n.joins = slices.Delete(n.joins, i, i+1)
	out.Events = append(out.Events, e)
}

// startsFrom says whether the answer to c is the first that this node hears of a cluster. Of it nothing is
// gossiped: those who could be told are all in it, and know each other from who answers. (The
// original tells a thousand members who they are, a dozen times each.) A second address may be of
// another cluster, so what it adds is news again.
func (n *Node) startsFrom(c *call) bool {
	i := slices.IndexFunc(n.joins, func(j join) bool { return c.kind == callJoin && j.op == c.op && j.alone })
	if i < 0 {
		return false
	}
	n.joins[i].alone = false
	return true
}

// joined takes the end of one of a join's exchanges.
func (n *Node) joined(now Time, c *call, err error, out *Output) {
	i := slices.IndexFunc(n.joins, func(j join) bool { return j.op == c.op })
	invariant(i >= 0, "exchange of no join")
	j := &n.joins[i]
	if err != nil && n.retryJoin(now, c, out) {
		return
	}
	j.flying--
	if err == nil {
		j.reached++
	} else {
		j.err = fmt.Errorf("%v: %w", c.to, err)
		out.note(Note{Level: Warn, Code: NoteJoinFailed, From: c.to, Err: err})
	}
	n.advanceJoin(now, i, out)
}

// retryJoin tries a join's exchange once more, with the next of the keys, and says whether it does. Who was away while the
// key was changed can't read what the primary encrypts and hangs up; if it has forgotten us
// it never speaks first, so that nobody would learn that it lags behind (F26). What can't be reached has
// taken all the time there is, which the keys share.
func (n *Node) retryJoin(now Time, c *call, out *Output) bool {
	next := call{kind: callJoin, op: c.op, key: c.key + 1, deadline: c.deadline}
	return now < c.deadline && next.key < n.cfg.Sealer.KeysOut() && n.callPushPull(now, c.to, next, true, out)
}
