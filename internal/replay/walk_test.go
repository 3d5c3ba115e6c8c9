package replay

import (
	"testing"
	"time"

	"serf/agent/recording"
)

// A stretch has all segments that may have a part of it, also if the host's clock was set back.
func TestSegmentsOfAStretch(t *testing.T) {
	clock := func(hour int) time.Time { return time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		hours    []int // at which segments begin
		from, to int   // 0: no bound
		want     []int // numbers of segments, from 0
	}{
		{[]int{1, 2, 3, 4}, 0, 0, []int{0, 1, 2, 3}},
		{[]int{1, 2, 3, 4}, 2, 3, []int{1, 2}},
		{[]int{1, 2, 3, 4}, 9, 9, []int{3}},
		{[]int{3, 4}, 1, 2, nil},
		{[]int{1, 5, 2, 3}, 4, 4, []int{0, 1, 2, 3}},
		{[]int{1, 5, 2, 3}, 2, 2, []int{0, 1, 2}},
	} {
		var all []*recording.Segment
		number := make(map[*recording.Segment]int)
		for i, h := range c.hours {
			s := &recording.Segment{Header: recording.Header{Time: clock(h)}}
			all, number[s] = append(all, s), i
		}
		var in Stretch
		if c.from > 0 {
			in.From = clock(c.from)
		}
		if c.to > 0 {
			in.To = clock(c.to)
		}
		got := covering(all, in)
		same := len(got) == len(c.want)
		for i := range got {
			same = same && number[got[i]] == c.want[i]
		}
		if !same {
			t.Errorf("of segments from %v, %d to %d is in %d of them, want %v", c.hours, c.from, c.to, len(got), c.want)
		}
	}
}
