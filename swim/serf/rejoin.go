package serf

import (
	"net/netip"
	"slices"
	"time"

	"serf/swim"
)

// Previous is a member of an earlier run, from its snapshot.
type Previous struct {
	Name string
	Addr netip.AddrPort
}

const (
	// rejoinPauseMin is the pause after the first attempt that reached nobody: all of them may be
	// starting. It doubles each time.
	rejoinPauseMin = 250 * time.Millisecond
	// rejoinPauseMax is the longest pause of a node that is alone. One that isn't leaves the
	// missing members to reconnect, then.
	rejoinPauseMax = 5 * time.Second
	// rejoinAddrsMax is how many are tried each time once the pause is that long.
	rejoinAddrsMax = 64
)

// rejoin looks for the members of an earlier run. Finding one isn't enough: after an outage in
// which all members considered each other failed, and a restart of all, each would find one and
// most no other.
type rejoin struct {
	missing []Previous // not known here yet
	op      swim.OpID  // of the running attempt
	pause   time.Duration
	warned  bool // that an attempt failed
}

// startRejoin starts looking for c.Previous.
func (n *Node) startRejoin(now swim.Time, c *Config) {
	for _, p := range c.Previous {
		if p.Name != c.Name && p.Addr != c.Addr {
			n.rejoin.missing = append(n.rejoin.missing, p)
		}
	}
	if len(n.rejoin.missing) > 0 {
		n.rejoin.pause = rejoinPauseMin
		n.arm(timerRejoin, now)
	}
}

// stepRejoin starts an attempt to find one of the missing members.
func (n *Node) stepRejoin(now swim.Time, out *swim.Output) {
	r := &n.rejoin
	n.dropFound()
	if len(r.missing) == 0 || n.leave.phase != leaveNone {
		r.missing = nil
		return
	}
	if r.pause > rejoinPauseMax && !n.alone() {
		for _, p := range r.missing {
			n.lost.add(lostMember{p.Name, p.Addr, now})
		}
		r.missing = nil
		return
	}
	to := make([]netip.AddrPort, len(r.missing))
	for i, p := range r.missing {
		k := n.swim.Random(i + 1)
		to[i], to[k] = to[k], p.Addr
	}
	if r.pause >= rejoinPauseMax {
		to = to[:min(len(to), rejoinAddrsMax)]
	}
	level := swim.Info
	if r.warned {
		level = swim.Debug // it may take long
	}
	n.note(out, level, NoteRejoin, swim.Note{From: to[0]})
	r.op = n.swim.JoinOne(now, to, out)
}

// dropFound drops the missing members that are known by now: whether they live is found out as for
// any other. The snapshot drops those that left, so that the next run doesn't look for them either.
func (n *Node) dropFound() {
	addrs := make(map[netip.AddrPort]bool)
	for m := range n.All() {
		addrs[m.Addr] = addrs[m.Addr] || m.Status == StatusAlive
	}
	n.rejoin.missing = slices.DeleteFunc(n.rejoin.missing, func(p Previous) bool {
		status := n.table.at(n.lookup([]byte(p.Name))).status
		if status == StatusLeft || addrs[p.Addr] && status == StatusNone {
			n.journalGone(p.Name)
		}
		return status != StatusNone || addrs[p.Addr]
	})
}

// handleRejoinDone ends an attempt. After a successful one the next waits until both sides have had
// time to gossip what they learned.
func (n *Node) handleRejoinDone(now swim.Time, e *swim.Event, out *swim.Output) {
	r := &n.rejoin
	r.op = 0
	switch {
	case e.N > 0:
		n.note(out, swim.Info, NoteRejoined, swim.Note{From: e.Addr})
		r.pause = max(rejoinPauseMin, 2*n.cfg.GossipInterval)
		r.missing = slices.DeleteFunc(r.missing, func(p Previous) bool { return p.Addr == e.Addr })
		if n.leave.phase == leaveNone {
			n.sendJoinIntent()
		}
	case !r.warned:
		r.warned = true
		n.note(out, swim.Warn, NoteRejoinFailed, swim.Note{Err: e.Err})
	}
	pause := r.pause
	if n.alone() {
		pause = min(pause, rejoinPauseMax)
	}
	// Nodes that start together don't all try at the same moments.
	n.arm(timerRejoin, now.Add(time.Duration((0.5+n.swim.RandomFloat()/2)*float64(pause))))
	if e.N == 0 {
		r.pause *= 2
		if n.alone() {
			r.pause = min(r.pause, rejoinPauseMax)
		}
	}
}
