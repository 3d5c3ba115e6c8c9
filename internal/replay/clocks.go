package replay

import (
	"math"
	"sort"
	"time"
)

// Clock is the clock of a run of a node beside that of the first: a packet can't arrive before it
// was sent, and one each way bounds the difference from both sides.
type Clock struct {
	Node string `json:"node"`
	Run  string `json:"run"`
	// Known: packets went both ways between this run and those before, or it is the first.
	Known bool `json:"known"`
	// Ahead is by how much the clock is ahead at first, give or take Within. Clocks drift, and are
	// set: AheadAtEnd is by how much it is at last.
	Ahead      time.Duration `json:"ahead_ns"`
	AheadAtEnd time.Duration `json:"ahead_at_end_ns"`
	Within     time.Duration `json:"within_ns"`
	Packets    int           `json:"packets"`
	// SetBack is by how much the clock was set back meanwhile: times after that are by the clock as
	// it was.
	SetBack time.Duration `json:"set_back_ns,omitempty"`

	pieces []piece
}

// piece is from when on, by a clock, it is ahead by so much. The first is for the time before, too.
type piece struct {
	from  time.Time
	ahead time.Duration
}

// common is a time of a run by the clock of the first.
func (s *sources) common(run int, t time.Time) time.Time {
	pieces := s.Clocks[run].pieces
	if len(pieces) == 0 {
		return t
	}
	after := sort.Search(len(pieces), func(i int) bool { return pieces[i].from.After(t) })
	return t.Add(-pieces[max(after-1, 0)].ahead)
}

// bound is what a message says of a clock at a time by it: that it is ahead by at least low, or by
// at most high.
type bound struct {
	at        time.Time
	low, high time.Duration
}

// reconcile estimates the clocks of all runs: from the first on, time after time, that of the run
// that has most messages to and from those that are known.
func (s *sources) reconcile() {
	s.Clocks = nil
	for i, r := range s.runs {
		s.Clocks = append(s.Clocks, &Clock{Node: s.Nodes[r.node], Run: r.id, Known: i == 0,
			SetBack: r.setBack})
	}
	for {
		next, most := -1, 0
		for i, c := range s.Clocks {
			if n := s.bothWays(i); !c.Known && n > most {
				next, most = i, n
			}
		}
		if next < 0 {
			return
		}
		s.Clocks[next].fit(s.bounds(next))
	}
}

// bothWays is how many messages a run exchanged with those whose clocks are known, in the direction
// that has less.
func (s *sources) bothWays(run int) int {
	var there, back int
	for _, m := range s.sent {
		switch {
		case m.got == nil:
		case m.by.run == run && s.Clocks[m.got.run].Known:
			there++
		case m.got.run == run && s.Clocks[m.by.run].Known:
			back++
		}
	}
	return min(there, back)
}

// bounds are those of a run's clock, in their order.
func (s *sources) bounds(run int) (list []bound) {
	for _, m := range s.sent {
		switch {
		case m.got == nil:
		case m.by.run == run && s.Clocks[m.got.run].Known:
			low := m.by.at.Sub(s.common(m.got.run, m.got.at))
			list = append(list, bound{m.by.at, low, math.MaxInt64})
		case m.got.run == run && s.Clocks[m.by.run].Known:
			high := m.got.at.Sub(s.common(m.by.run, m.by.at))
			list = append(list, bound{m.got.at, math.MinInt64, high})
		}
	}
	sort.SliceStable(list, func(i, k int) bool { return list[i].at.Before(list[k].at) })
	return list
}

// fit estimates a clock. While one difference is within all bounds, that is in their middle. Where
// the next bound leaves none, the clock has drifted or was set meanwhile, and another difference
// begins, as early as the bounds before allow: packets that came late by the old one are of the new.
func (c *Clock) fit(list []bound) {
	c.Known, c.Packets = true, len(list)
	first, now := 0, list[0]
	end := func() {
		ahead := c.AheadAtEnd // as near as the bounds allow, if there are none on one side
		if now.low != math.MinInt64 && now.high != math.MaxInt64 {
			ahead = now.low + (now.high-now.low)/2
			c.Within = max(c.Within, (now.high-now.low)/2)
		}
		c.AheadAtEnd = min(max(ahead, now.low), now.high)
		c.pieces = append(c.pieces, piece{list[first].at, c.AheadAtEnd})
	}
	for i := 1; i < len(list); i++ {
		if now.narrow(list[i]) {
			continue
		}
		end()
		from := i
		for now = list[i]; from > first+1 && now.narrow(list[from-1]); {
			from--
		}
		first = from
	}
	end()
	c.Ahead = c.pieces[0].ahead
}

// narrow adds a bound, if that leaves any difference.
func (b *bound) narrow(by bound) bool {
	low, high := max(b.low, by.low), min(b.high, by.high)
	if low <= high {
		b.low, b.high = low, high
	}
	return low <= high
}
