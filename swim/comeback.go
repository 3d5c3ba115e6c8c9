package swim

import (
	"bytes"
	"slices"
	"time"

	"serf/wire"
)

// comebacks are members about whom not every claim that they live is believed: those that came back after they had
// failed and haven't answered since, and those that are forgotten. The zero comebacks has none.
//
// The first claim to be back is believed at once. Whoever fails again without having answered meanwhile may be
// one that nobody can reach, at an address that isn't forwarded, say: it hears in its own exchanges that it is taken
// for failed, and says that it isn't. From then on it has to answer a ping, or to wait, ever longer.
type comebacks struct {
	returned  []comeback // oldest first
	forgotten []tombstone
}

// comeback is a member that was failed and is back, or was.
type comeback struct {
	member MemberID
	fails  uint8 // since it answered for the last time
	until  Time  // it isn't believed unless it answers
}

// tombstone is what remains of a member that is forgotten. Others may not have heard of its end, and say that it lives.
type tombstone struct {
	name  uint64 // hash
	inc   uint32
	until Time
}

const (
	// maxComebacks bounds those that are watched. More at once come back from a partition, and answer.
	maxComebacks = 256
	// comebackPause is for how long a member that failed again isn't believed, doubled each time up to
	// comebackPauseMax. One that answers never waits.
	comebackPause    = time.Minute
	comebackPauseMax = 32 * time.Minute
	// maxTombstones bounds the forgotten, at 24 bytes each.
	maxTombstones = 4096
)

func (c *comebacks) find(id MemberID) *comeback {
	for i := range c.returned {
		if c.returned[i].member == id {
			return &c.returned[i]
		}
	}
	return nil
}

// watch notes that id, which had failed, is believed to be back.
func (c *comebacks) watch(id MemberID) {
	if c.find(id) != nil {
		return
	}
	if len(c.returned) >= maxComebacks {
		c.returned = slices.Delete(c.returned, 0, 1)
	}
	c.returned = append(c.returned, comeback{member: id})
}

// failed notes that id has failed, again if it is watched.
func (c *comebacks) failed(now Time, id MemberID) {
	if x := c.find(id); x != nil {
		x.until = now.Add(min(comebackPause<<x.fails, comebackPauseMax))
		x.fails = min(x.fails+1, 16)
	}
}

// waits tells whether id, which is failed, isn't believed to be back unless it answers.
func (c *comebacks) waits(now Time, id MemberID) bool {
	x := c.find(id)
	return x != nil && now < x.until
}

// proven ends the watch over id: it has answered, or is forgotten.
func (c *comebacks) proven(id MemberID) {
	if len(c.returned) > 0 {
		c.returned = slices.DeleteFunc(c.returned, func(x comeback) bool { return x.member == id })
	}
}

// bury remembers a member that is forgotten at incarnation inc until then.
func (c *comebacks) bury(name []byte, inc uint32, until Time) {
	if len(c.forgotten) >= maxTombstones {
		c.forgotten = slices.Delete(c.forgotten, 0, 1)
	}
	c.forgotten = append(c.forgotten, tombstone{hashName(name), inc, until})
}

// exhume forgets that one was forgotten.
func (c *comebacks) exhume(name []byte) {
	if len(c.forgotten) > 0 {
		hash := hashName(name)
		c.forgotten = slices.DeleteFunc(c.forgotten, func(t tombstone) bool { return t.name == hash })
	}
}

// buried tells whether a member of this name was forgotten at incarnation inc or a higher one.
func (c *comebacks) buried(now Time, name []byte, inc uint32) bool {
	if len(c.forgotten) == 0 {
		return false
	}
	hash := hashName(name)
	return slices.ContainsFunc(c.forgotten, func(t tombstone) bool { return t.name == hash && inc <= t.inc && now < t.until })
}

// askClaimed pings the member that c says lives, at the address where it says so, and keeps c for when it answers.
// Claims are repeated, with each exchange at least: while one is checked or there is no room, others are dropped.
func (n *Node) askClaimed(now Time, c *claim, out *Output) {
	asked := func(e errand) bool { return e.claim != nil && bytes.Equal(e.claim.name, c.name) }
	if len(n.errands.list) >= maxDeferrable || slices.ContainsFunc(n.errands.list, asked) {
		n.counters.DroppedStale++
		return
	}
	if out.scratch.forwards++; c.packet && out.scratch.forwards > maxForwards {
		n.counters.DroppedForwards++
		return
	}
	own := *c
	own.name, own.meta, own.packet = bytes.Clone(c.name), bytes.Clone(c.meta), false
	e := errand{seq: n.nextSeq(), member: c.id, claim: &own, nackAt: Never, deadline: now.Add(n.cfg.ProbeInterval)}
	n.errands.list = append(n.errands.list, e)
	p := wire.Ping{
		Seq: e.seq, Node: own.name,
		SourceAddr: n.ownAddr, SourcePort: n.cfg.Addr.Port(), SourceNode: n.roster.nameBytes(n.self),
	}
	out.scratch.msg = p.Append(out.scratch.msg[:0])
	n.sendBare(c.addr, c.id, out, out.scratch.msg)
	// A packet may be forged, and is to cost whoever lives at the address that it names no more than another.
	if c.versions[1] >= streamPingSince && !n.cfg.DisableStreamPing && (n.trusts() || !c.packet) {
		n.callStream(StreamOut{Kind: StreamCall, To: c.addr, Data: p.Append(nil), Deadline: e.deadline},
			call{kind: callPing, member: c.id, seq: e.seq}, out)
	}
}

// believe takes over a claim whose subject answered.
func (n *Node) believe(now Time, c *claim, out *Output) {
	n.comebacks.exhume(c.name)
	c.id = n.member(c.name)
	n.comebacks.proven(c.id)
	n.applyAlive(now, c, out)
	n.comebacks.proven(c.id)
}

// noteSilent says of a member that keeps saying that it lives that it didn't answer.
func (n *Node) noteSilent(now Time, c *claim, out *Output) {
	if c.id == NoMember || !n.view.has(c.id) {
		return
	}
	if x := n.comebacks.find(c.id); x != nil && now < x.until {
		out.note(Note{Level: Warn, Code: NoteUnreachable, Member: c.id, From: c.addr, N: int64(x.until.Sub(now) / time.Second)})
	}
}
