package replay

import (
	"time"

	"serf/agent/recording"
)

// VerifyAltered is Verify of a recording whose entries are changed before they are played.
func VerifyAltered(w *Walk, alter func(*recording.Segment, *recording.Entry)) *Report {
	return verify(w, func(yield func(*Step) bool) {
		for s := range w.Steps() {
			if alter(s.Segment, s.Entry); !yield(s) {
				return
			}
		}
	}, "test")
}

// Repeated tells for each of the moments at which a message arrived which of those sent it was, by
// its index, or -1.
func Repeated(sent, got []time.Duration) []int {
	s := sources{Timeline: Timeline{Clocks: []*Clock{{}}}, runs: []runTime{{}}}
	begin, index, w := time.Unix(0, 0), make(map[*Message]int), new(traffic)
	for i, at := range sent {
		m := &Message{by: &Moment{at: begin.Add(at)}}
		index[m] = i
		w.sent = append(w.sent, m)
	}
	for _, at := range got {
		w.got = append(w.got, &Moment{at: begin.Add(at)})
	}
	s.matchRepeated(w)
	var which []int
	for _, x := range w.got {
		which = append(which, -1)
		if i, ok := index[x.Cause]; ok {
			which[len(which)-1] = i
		}
	}
	return which
}
