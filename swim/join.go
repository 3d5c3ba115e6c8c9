package swim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// join is a Join in progress.
type join struct {
	op       OpID
	waiting  []netip.AddrPort // not tried yet
	reached  int
	alone    bool // this node knew nobody when it began, and nobody has answered yet
	one      bool // one answer is enough
	failures JoinError
	// slots is how many exchanges may be in flight. It grows at widen, with the number of those
	// that seem stuck: many addresses may belong to hosts that are gone, and each takes its whole
	// time to fail.
	slots int
	widen Time
}

const (
	// joinAtOnce is how many exchanges of a join may be in flight at first: each carries the whole
	// state.
	joinAtOnce = 8
	// joinsFlying bounds those of all joins. Of 300 addresses that swallow packets, the last is
	// tried when the first have failed.
	joinsFlying = 256
	// joinsFlyingSize bounds them in bytes of state, beyond joinAtOnce.
	joinsFlyingSize = 64 << 20
	// joinWidenMax is the time after which an exchange counts as stuck, at most: otherwise a tenth
	// of its time-out.
	joinWidenMax = time.Second
	// joinErrorsMax is how many failures a JoinError lists.
	joinErrorsMax = 4
)

var errNoAddress = errors.New("no address to join")

// JoinError is why a join reached nobody. Each error names its address.
type JoinError struct {
	Failed int     // addresses
	First  []error // of the addresses that failed first, at most 4
	Last   error   // of the one that failed last
}

// Error is that of Last.
func (e *JoinError) Error() string { return e.Last.Error() }

// Unwrap is Last.
func (e *JoinError) Unwrap() error { return e.Last }

// Join exchanges states with the members at these addresses. It ends with an EventJoinDone that
// says how many answered; each failure is noted.
func (n *Node) Join(now Time, to []netip.AddrPort, out *Output) OpID {
	return n.beginJoin(now, join{waiting: slices.Clone(to), slots: joinAtOnce}, out)
}

// JoinOne exchanges states with the first of these addresses that answers. It tries more and more
// of them at once as time goes by.
func (n *Node) JoinOne(now Time, to []netip.AddrPort, out *Output) OpID {
	return n.beginJoin(now, join{waiting: slices.Clone(to), slots: 1, one: true}, out)
}

func (n *Node) beginJoin(now Time, j join, out *Output) OpID {
	j.op, j.alone = n.nextOp(), n.others() == 0
	j.widen = now.Add(n.joinWiden())
	n.joins = append(n.joins, j)
	n.advanceJoins(now, out)
	return j.op
}

func (n *Node) joinWiden() time.Duration { return min(n.cfg.StreamTimeout/10, joinWidenMax) }

// advanceJoins starts exchanges while there is room for them, and ends the joins that are over.
func (n *Node) advanceJoins(now Time, out *Output) {
	most := min(max(joinsFlyingSize/max(n.view.size, 1), joinAtOnce), joinsFlying)
	flying := n.joining(func(*call) bool { return true })
	for i := 0; i < len(n.joins); {
		j := &n.joins[i]
		own := n.joining(func(c *call) bool { return c.op == j.op })
		for own < j.slots && flying < most && len(j.waiting) > 0 {
			to := unmapped(j.waiting[0])
			j.waiting = j.waiting[1:]
			if n.callPushPull(now, to, call{kind: callJoin, op: j.op}, true, out) {
				own, flying = own+1, flying+1
			} else {
				n.failJoin(j, to, errTooManyCalls, out)
			}
		}
		if own+len(j.waiting) > 0 {
			i++
			continue
		}
		n.endJoin(i, netip.AddrPort{}, out)
	}
}

// joining counts the exchanges of joins in flight for which ok holds.
func (n *Node) joining(ok func(*call) bool) (count int) {
	for i := range n.streams.calls {
		if c := &n.streams.calls[i]; c.kind == callJoin && ok(c) {
			count++
		}
	}
	return count
}

func (n *Node) failJoin(j *join, to netip.AddrPort, err error, out *Output) {
	f := &j.failures
	f.Failed++
	f.Last = fmt.Errorf("%v: %w", to, err)
	if f.Failed <= joinErrorsMax {
		f.First = append(f.First, f.Last)
	}
	level := Warn
	if j.one {
		level = Debug // not all are expected to answer
	}
	out.note(Note{Level: level, Code: NoteJoinFailed, From: to, Err: err})
}

// endJoin ends join number i, whose last answer came from the given address.
func (n *Node) endJoin(i int, from netip.AddrPort, out *Output) {
	j := &n.joins[i]
	e := Event{Kind: EventJoinDone, Op: j.op, N: int64(j.reached), Addr: from}
	if j.reached == 0 {
		e.Err = errNoAddress
		if j.failures.Failed > 0 {
			failures := j.failures // j is reused
			e.Err = &failures
		}
	}
	n.joins = slices.Delete(n.joins, i, i+1)
	out.event(e)
}

// joinsDeadline is when some join gets more slots.
func (n *Node) joinsDeadline() Time {
	d := Never
	for i := range n.joins {
		if j := &n.joins[i]; len(j.waiting) > 0 {
			d = min(d, j.widen)
		}
	}
	return d
}

// tickJoins gives joins more slots if exchanges seem stuck.
func (n *Node) tickJoins(now Time, out *Output) {
	if now < n.joinsDeadline() {
		return
	}
	age := n.joinWiden()
	for i := range n.joins {
		j := &n.joins[i]
		if now < j.widen {
			continue
		}
		j.widen = now.Add(age)
		stuck := n.joining(func(c *call) bool {
			return c.op == j.op && c.deadline.Sub(now) <= n.cfg.StreamTimeout-age
		})
		j.slots = max(j.slots, min(2*stuck+1, joinsFlying))
	}
	n.advanceJoins(now, out)
}

// firstContact tells whether the answer to c is the first that this node hears of a cluster. It
// needn't be gossiped: all members that this node could send it to are in it, and know each other
// from the member that answered. (memberlist tells a thousand members who they are, a dozen times
// each.) A second address may belong to another cluster, so what its answer adds is gossiped, also
// if another join gets it.
func (n *Node) firstContact(c *call) bool {
	first := func(j join) bool { return c.kind == callJoin && j.op == c.op && j.alone }
	if !slices.ContainsFunc(n.joins, first) {
		return false
	}
	for i := range n.joins {
		n.joins[i].alone = false
	}
	return true
}

// joined takes the end of an exchange of a join.
func (n *Node) joined(now Time, c *call, err error, out *Output) {
	if err != nil && !errors.Is(err, ErrMergeRefused) && n.retryJoin(now, c, out) {
		return
	}
	i := slices.IndexFunc(n.joins, func(j join) bool { return j.op == c.op })
	switch {
	case i < 0: // one answer was enough, and came before
	case err != nil:
		n.failJoin(&n.joins[i], c.to, err, out)
	default:
		n.joins[i].reached++
		if n.joins[i].one {
			n.endJoin(i, c.to, out)
		}
	}
	n.advanceJoins(now, out)
}

// retryJoin repeats an exchange of a join with the next key, if there is one. A member that was
// away during a key rotation can't read what the primary encrypts, and hangs up; if it has
// forgotten us it never speaks first, so nobody would learn that it lacks the key (F26). The keys
// share the time-out: an address that doesn't answer has used it up.
func (n *Node) retryJoin(now Time, c *call, out *Output) bool {
	next := call{kind: callJoin, op: c.op, key: c.key + 1, deadline: c.deadline}
	return now < c.deadline && next.key < n.cfg.Sealer.KeysOut() &&
		n.callPushPull(now, c.to, next, true, out)
}
