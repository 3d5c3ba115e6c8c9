package swim

import "time"

// noticePause is called first with every input. If a Tick is overdue although nothing kept this node
// from it, this node stood still, not the others: its process was stopped, or its host
// slept or was busy. Answers and refutations may wait to be read, so what was about to end gets the
// time back: judgements are passed after so much time in which this node ran, not after so much time.
func (n *Node) noticePause(now Time, out *Output) {
	due := max(n.seen, min(n.probe.deadline(), n.suspicions.deadline()))
	gap, late := now.Sub(n.seen), now.Sub(due)
	n.seen = now
	if late <= n.cfg.ProbeTimeout/pauseShare || !n.has(PauseCompensation) {
		return
	}
	if late <= n.cfg.ProbeInterval {
		if now >= n.lateAgain {
			n.lateAgain = now.Add(n.cfg.ProbeInterval)
			n.giveBack(late + min(late, n.cfg.ProbeTimeout)) // no more than that is lost for sure
		}
		return
	}
	n.counters.Pauses++
	out.note(Note{Level: Warn, Code: NotePaused, N: gap.Milliseconds()})
	n.giveBack(gap + n.cfg.ProbeTimeout)
}

// pauseShare: a timer that is late by less than such a share of the time that a ping may take matters to nobody.
const pauseShare = 4

// giveBack lets all that is to be judged wait so much longer: the time that was lost, and some
// in which to read what waits.
func (n *Node) giveBack(d time.Duration) {
	n.suspicions.shift(d)
	n.moves.shift(d)
	for i := range n.errands.list { // a nack is due to whoever asked, an ack may wait
		n.errands.list[i].deadline = n.errands.list[i].deadline.Add(d)
	}
	n.probe.giveBack(d)
	n.silence.giveBack(d)
}

func (q *inquiry) giveBack(d time.Duration) {
	if q.target != NoMember {
		q.ask, q.end, q.untimed = q.ask.Add(d), q.end.Add(d), true
	}
}

// shift gives all suspects so much more time.
func (s *suspicions) shift(by time.Duration) {
	for i := range s.heap {
		s.heap[i].start = s.heap[i].start.Add(by)
		s.heap[i].deadline = s.heap[i].deadline.Add(by)
		s.heap[i].floor = s.heap[i].floor.Add(by)
		s.heap[i].early = s.heap[i].early.Add(by)
	}
}
