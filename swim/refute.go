package swim

import "serf/swim/history"

// unpingedMax is the number of refutations without a ping from another member after which a node
// notes that nobody reaches it.
const unpingedMax = 4

// maybeRefute outbids an accusation of this node, unless it's outdated or true.
func (n *Node) maybeRefute(now Time, inc uint32, from []byte, out *Output) {
	if !n.refutes(inc) {
		n.maybeLeaveAgain(now, inc, out)
		return
	}
	n.counters.Refutations++
	n.raise(now, inc)
	n.record(now, n.self, history.Change{To: history.Alive, Cause: history.Refutation})
	n.adjustHealth(1, out)
	n.announceAlive(n.self, out)
	if n.unpinged++; n.unpinged == unpingedMax {
		out.note(Note{Level: Warn, Code: NoteNotPinged, From: n.cfg.Addr, N: unpingedMax})
	}
	if string(from) == n.cfg.Name {
		out.note(Note{Level: Info, Code: NoteOutbidding, N: int64(n.inc)})
	} else {
		out.note(Note{Level: Warn, Code: NoteRefuting, Text: ClipText(from), N: int64(n.inc)})
	}
}

// refutes tells whether this node outbids an accusation at incarnation inc.
func (n *Node) refutes(inc uint32) bool { return inc >= n.inc && !n.leaving.begun() }

// raise raises this node's incarnation above inc.
func (n *Node) raise(now Time, inc uint32) {
	n.inc = min(max(n.inc, inc)+1, incMax)
	n.view.set(n.self, n.view.at(n.self).state, n.inc, now)
}

// applyOwnName takes a claim to this node's own name.
func (n *Node) applyOwnName(now Time, c *claim, out *Output) {
	ident := n.identity(n.self)
	switch {
	case n.leaving.begun():
		if c.addr == ident.addr {
			n.maybeLeaveAgain(now, c.inc, out)
		}
	case c.addr != ident.addr:
		n.checkMove(now, n.self, c, out) // stock members reject us, whatever its incarnation
	case c.inc < n.inc:
	case c.inc > n.inc || !ident.same(c.profile):
		// From before a restart: say again what holds now.
		n.maybeRefute(now, c.inc, c.name, out)
	}
}
