package replay

import (
	"time"

	"serf/agent/recording"
)

// VerifyAltered is Verify of a recording whose entries are changed before they are played.
func VerifyAltered(r *recording.Recording, keys recording.Keys, in Stretch,
	alter func(*recording.Segment, *recording.Entry)) (*Report, error) {
	v := newVerifier(r, "test")
	visitor := v.visitor()
	visitor.Before = func(p *Player, s *recording.Segment, e *recording.Entry, _ time.Time) { alter(s, e) }
	err := Walk(r, keys, in, visitor)
	if OnlyDiffers(err) {
		err = nil
	}
	return v.report(), err
}

// Repeated tells for each of the moments at which a message arrived which of those sent it was, by
// its index, or -1.
func Repeated(sent, got []time.Duration) []int {
	s := sources{Timeline: Timeline{Clocks: []*Clock{{}}}}
	begin, index, w := time.Unix(0, 0), make(map[*Message]int), new(traffic)
	for i, at := range sent {
		m := &Message{at: begin.Add(at)}
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
