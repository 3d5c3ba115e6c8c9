package serf

import (
	"net/netip"
	"slices"
	"time"

	"serf/swim"
)

// Previous is a member of an earlier run, as a snapshot has it.
type Previous struct {
	Name string
	Addr netip.AddrPort
}

const (
	// rejoinSoon is the pause after the first attempt to rejoin that reached nobody: they may all be starting.
	// It doubles each time.
	rejoinSoon = 250 * time.Millisecond
	// rejoinMost is the longest pause of a node that is alone: it has nothing better to do. One that isn't leaves
	// those who are missing to reconnecting, then.
	rejoinMost = 5 * time.Second
	// rejoinFew is how many are then tried each time.
	rejoinFew = 64
)

// rejoin looks for the members of an earlier run. To have found one isn't enough: after an outage in which all had
// given up each other, and a restart of all, each would find one, and most nobody else.
type rejoin struct {
	left  []Previous // nothing is known here of them
	op    swim.OpID  // of the attempt that runs
	pause time.Duration
	told  bool // that an attempt failed
}

// startRejoin begins to look for c.Previous.
func (n *Node) startRejoin(now swim.Time, c *Config) {
	for _, p := range c.Previous {
		if p.Name != c.Name && p.Addr != c.Addr {
			n.rejoin.left = append(n.rejoin.left, p)
		}
	}
	if len(n.rejoin.left) > 0 {
		n.rejoin.pause = rejoinSoon
		n.arm(dutyRejoin, now)
	}
}

// stepRejoin looks for one more of those who are missing.
func (n *Node) stepRejoin(now swim.Time, out *swim.Output) {
	r := &n.rejoin
	n.dropFound()
	if len(r.left) == 0 || n.leave.phase != leaveNot {
		r.left = nil
		return
	}
	if r.pause > rejoinMost && !n.alone() {
		for _, p := range r.left {
			n.lost.add(lostMember{p.Name, p.Addr, now})
		}
		r.left = nil
		return
	}
	to := make([]netip.AddrPort, len(r.left))
	for i, p := range r.left {
		k := n.swim.Random(i + 1)
		to[i], to[k] = to[k], p.Addr
	}
	if r.pause >= rejoinMost {
		to = to[:min(len(to), rejoinFew)]
	}
	level := swim.Info
	if r.told {
		level = swim.Debug // for as long as it takes
	}
	n.note(out, swim.Note{Level: level, Code: NoteRejoin, From: to[0]})
	r.op = n.swim.JoinOne(now, to, out)
}

// dropFound takes those off the list of whom something is known: whether they live is then found out as for any
// other, and who has left is no longer looked for by the next run either.
func (n *Node) dropFound() {
	addrs := make(map[netip.AddrPort]bool)
	for m := range n.All() {
		addrs[m.Addr] = addrs[m.Addr] || m.Status == StatusAlive
	}
	n.rejoin.left = slices.DeleteFunc(n.rejoin.left, func(p Previous) bool {
		status := n.table.at(n.lookup([]byte(p.Name))).status
		if status == StatusLeft || addrs[p.Addr] && status == StatusNone {
			n.journalGone(p.Name)
		}
		return status != StatusNone || addrs[p.Addr]
	})
}

// handleRejoinDone ends an attempt. After one that reached somebody the next waits until what it
// brought is known to the others, and theirs here.
func (n *Node) handleRejoinDone(now swim.Time, e *swim.Event, out *swim.Output) {
	r := &n.rejoin
	r.op = 0
	switch {
	case e.N > 0:
		n.note(out, swim.Note{Level: swim.Info, Code: NoteRejoined, From: e.Addr})
		r.pause = max(rejoinSoon, 2*n.cfg.GossipInterval)
		r.left = slices.DeleteFunc(r.left, func(p Previous) bool { return p.Addr == e.Addr })
		if n.leave.phase == leaveNot {
			n.sendJoinIntent()
		}
	case !r.told:
		r.told = true
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteRejoinFailed, Err: e.Err})
	}
	pause := r.pause
	if n.alone() {
		pause = min(pause, rejoinMost)
	}
	// Those who start together don't all call at the same moments.
	n.arm(dutyRejoin, now.Add(time.Duration((0.5+n.swim.RandomFloat()/2)*float64(pause))))
	if e.N == 0 {
		r.pause *= 2
		if n.alone() {
			r.pause = min(r.pause, rejoinMost)
		}
	}
}
