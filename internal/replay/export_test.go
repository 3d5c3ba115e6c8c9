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
