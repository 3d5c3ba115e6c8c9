package swim

import (
	"bytes"
	"slices"
	"time"
)

// rejoins are members that aren't believed to be alive on every claim: those that came back after
// they had failed and haven't answered since, and those that were forgotten. The zero rejoins is
// empty.
//
// The first claim to be back is believed at once. A member that fails again without having answered
// may be unreachable for all, at an address that isn't forwarded for example: in its own push/pulls
// it reads that it is dead, and refutes. From then on it has to answer a ping, or to wait longer
// and longer.
type rejoins struct {
	returned  []rejoin // oldest first
	forgotten []tombstone
}

// rejoin is a member that was dead and came back. It may be dead again.
type rejoin struct {
	member MemberID
	fails  uint8 // since it last answered
	until  Time  // until then it has to answer to be believed
}

// tombstone is what remains of a forgotten member. Others may have missed its end, and say that it
// is alive.
type tombstone struct {
	name  uint64 // hash
	inc   uint32
	until Time
}

const (
	// maxRejoins bounds those that are watched. If more come back at once, a partition ended, and
	// they answer.
	maxRejoins = 256
	// rejoinPause is how long a member that failed again isn't believed. It doubles with each
	// failure up to rejoinPauseMax. A member that answers never waits.
	rejoinPause    = time.Minute
	rejoinPauseMax = 32 * time.Minute
	// maxTombstones bounds the forgotten, of 24 bytes each.
	maxTombstones = 4096
)

func (r *rejoins) find(id MemberID) *rejoin {
	for i := range r.returned {
		if r.returned[i].member == id {
			return &r.returned[i]
		}
	}
	return nil
}

// watch notes that id, which was dead, is believed to be back.
func (r *rejoins) watch(id MemberID) {
	if r.find(id) != nil {
		return
	}
	if len(r.returned) >= maxRejoins {
		r.returned = slices.Delete(r.returned, 0, 1)
	}
	r.returned = append(r.returned, rejoin{member: id})
}

// failed notes that id has failed: again, if it is watched.
func (r *rejoins) failed(now Time, id MemberID) {
	if x := r.find(id); x != nil {
		x.until = now.Add(min(rejoinPause<<x.fails, rejoinPauseMax))
		x.fails = min(x.fails+1, 16)
	}
}

// wait returns how long id, which is dead, still has to answer to be believed; at most 0 if it
// needn't.
func (r *rejoins) wait(now Time, id MemberID) time.Duration {
	if x := r.find(id); x != nil {
		return x.until.Sub(now)
	}
	return 0
}

// proven ends the watch over id: it has answered, or is forgotten.
func (r *rejoins) proven(id MemberID) {
	if len(r.returned) > 0 {
		r.returned = slices.DeleteFunc(r.returned, func(x rejoin) bool { return x.member == id })
	}
}

// addTombstone adds a tombstone, for a member forgotten at incarnation inc.
func (r *rejoins) addTombstone(name []byte, inc uint32, until Time) {
	if len(r.forgotten) >= maxTombstones {
		r.forgotten = slices.Delete(r.forgotten, 0, 1)
	}
	r.forgotten = append(r.forgotten, tombstone{hashName(name), inc, until})
}

// removeTombstone removes the tombstones of this name.
func (r *rejoins) removeTombstone(name []byte) {
	if len(r.forgotten) > 0 {
		hash := hashName(name)
		r.forgotten = slices.DeleteFunc(r.forgotten, func(t tombstone) bool {
			return t.name == hash
		})
	}
}

// hasTombstone tells whether a member of this name was forgotten, at incarnation inc or a higher
// one.
func (r *rejoins) hasTombstone(now Time, name []byte, inc uint32) bool {
	if len(r.forgotten) == 0 {
		return false
	}
	hash := hashName(name)
	return slices.ContainsFunc(r.forgotten, func(t tombstone) bool {
		return t.name == hash && inc <= t.inc && now < t.until
	})
}

// checkRejoin pings a member that c says is alive, at the address in c, which is applied when it
// answers. Claims are repeated at least in each push/pull: those that come while one is checked, or
// while there is no room, are dropped.
func (n *Node) checkRejoin(now Time, c *claim, out *Output) {
	if len(n.pings.list) >= maxDeferrable || n.pings.has(func(p *pendingPing) bool {
		return p.kind == pingRejoin && bytes.Equal(p.claim.name, c.name)
	}) {
		n.counters.DroppedStale++
		return
	}
	if out.scratch.forwards++; c.packet && out.scratch.forwards > maxForwards {
		n.counters.DroppedForwards++
		return
	}
	own := *c
	own.name, own.profile, own.packet = bytes.Clone(c.name), c.profile.clone(), false
	seq := n.begin(now, pendingPing{member: c.id, kind: pingRejoin, claim: &own})
	out.scratch.msg = n.appendPing(out.scratch.msg[:0], own.name, seq)
	n.sendBare(c.addr, c.id, out, out.scratch.msg)
	// A forged packet must not make us open streams to any address that it names.
	if n.trusts() || !c.packet {
		n.streamPing(c.id, own.name, c.versions, c.addr, seq, now.Add(n.cfg.ProbeInterval), out)
	}
}

// acceptRejoin applies a claim whose subject answered.
func (n *Node) acceptRejoin(now Time, c *claim, out *Output) {
	n.rejoins.removeTombstone(c.name)
	c.id = n.member(c.name)
	n.rejoins.proven(c.id)
	c.answered = true
	n.applyAlive(now, c, out)
	n.rejoins.proven(c.id)
}

// noteNoAnswer notes that a member that keeps claiming to be alive didn't answer.
func (n *Node) noteNoAnswer(now Time, c *claim, out *Output) {
	if c.id == NoMember || !n.view.has(c.id) {
		return
	}
	if wait := n.rejoins.wait(now, c.id); wait > 0 {
		seconds := int64(wait / time.Second)
		out.note(Note{Level: Warn, Code: NoteUnreachable, Member: c.id, From: c.addr, N: seconds})
	}
}
