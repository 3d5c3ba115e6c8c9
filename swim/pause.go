package swim

import "time"

// noticePause is called first with every input. If nothing came for so long that a Tick is
// overdue, this node stood still, not the others: its process was stopped or its host slept.
// Answers and refutations may wait to be read, so what was about to end gets the time
// back, and the probe is begun anew.
func (n *Node) noticePause(now Time, out *Output) {
	due := max(n.seen, min(n.probe.deadline(), n.suspicions.deadline()))
	gap := now.Sub(n.seen)
	n.seen = now
	if !n.has(Standstill) {
		return
	}
	if now.Sub(due) <= n.cfg.ProbeInterval {
		return
	}
	n.counters.Pauses++
	out.note(Note{Level: Warn, Code: NotePaused, N: gap.Milliseconds()})
	gap += n.cfg.ProbeTimeout // in which what waits is read
	n.suspicions.shift(gap)
	for i := range n.moves {
		n.moves[i].begun = n.moves[i].begun.Add(gap)
		n.moves[i].deadline = n.moves[i].deadline.Add(gap)
	}
	if n.probe.target != NoMember {
		n.startProbe(now, n.probe.target, out)
	}
}

// shift gives all suspects so much more time.
func (s *suspicions) shift(by time.Duration) {
	for i := range s.heap {
		s.heap[i].start = s.heap[i].start.Add(by)
		s.heap[i].deadline = s.heap[i].deadline.Add(by)
	}
}
