package swim

import "time"

// pause detects pauses of this node: its process was stopped, or its host slept or was overloaded.
type pause struct {
	lastInput  Time
	shortAfter Time // until then short delays don't count: a node that is always late must go on
}

// pauseShare: a timer that is late by less than this share of a ping's time-out does no harm.
const pauseShare = 4

// noticePause is called first with every input. If a Tick is overdue, this node paused, not the
// others. Answers and refutations may wait to be read, so all pending judgements get the time back:
// they depend on how long this node ran, not on how much time passed.
func (n *Node) noticePause(now Time, out *Output) {
	due := max(n.pause.lastInput, min(n.probe.deadline(), n.suspicions.deadline()))
	gap, late := now.Sub(n.pause.lastInput), now.Sub(due)
	n.pause.lastInput = now
	if late <= n.cfg.ProbeTimeout/pauseShare || !n.has(PauseCompensation) {
		return
	}
	if late <= n.cfg.ProbeInterval {
		if now >= n.pause.shortAfter {
			n.pause.shortAfter = now.Add(n.cfg.ProbeInterval)
			n.extendDeadlines(late + min(late, n.cfg.ProbeTimeout)) // surely no more was lost
		}
		return
	}
	n.counters.Pauses++
	out.note(Note{Level: Warn, Code: NotePaused, N: gap.Milliseconds()})
	n.extendDeadlines(gap + n.cfg.ProbeTimeout)
	n.recordPause(now, gap)
}

// extendDeadlines delays all pending judgements by d: the time that was lost, and some to read what
// waits.
func (n *Node) extendDeadlines(d time.Duration) {
	n.suspicions.extend(d)
	n.moves.extend(d)
	for i := range n.pings.list { // nacks stay due: the asker waits for them
		n.pings.list[i].deadline = n.pings.list[i].deadline.Add(d)
	}
	n.pings.settle()
	n.probe.extend(d)
	n.unresponsive.extend(d)
}

func (q *inquiry) extend(d time.Duration) {
	if q.target != NoMember {
		q.ask, q.end, q.untimed = q.ask.Add(d), q.end.Add(d), true
	}
}

func (ms *moves) extend(d time.Duration) {
	for i := range ms.list {
		ms.list[i].begun = ms.list[i].begun.Add(d)
		ms.list[i].deadline = ms.list[i].deadline.Add(d)
	}
	ms.due = ms.due.Add(d)
}
