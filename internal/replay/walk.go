package replay

import (
	"errors"
	"fmt"
	"time"

	"serf/agent/recording"
	"serf/internal/std"
	"serf/internal/textwrap"
	"serf/swim"
)

// Stretch is a part of a recording's time. A zero time is no bound.
type Stretch struct{ From, To time.Time }

// Has tells whether a time is in the stretch.
func (s Stretch) Has(t time.Time) bool {
	return !t.Before(s.From) && (s.To.IsZero() || !t.After(s.To))
}

// Step is an input that was played, with the node as it is afterwards.
type Step struct {
	*Player
	Segment *recording.Segment
	Entry   *recording.Entry
	Wall    time.Time
	Got     recording.Effects
}

// Visitor is called with what is played.
type Visitor struct {
	// Before is called before an entry is played, and may be nil.
	Before func(p *Player, s *recording.Segment, e *recording.Entry, wall time.Time)
	// Step is called after each entry. An error ends the walk.
	Step func(*Step) error
	// Trouble is called, if it isn't nil, when a segment can't be played on, or its checkpoint
	// isn't the state that the node has. The walk goes on with the next segment.
	Trouble func(s *recording.Segment, err error)
	// Segment, if not nil, is called when a segment begins.
	Segment func(s *recording.Segment, c *recording.Checkpoint, p *Player)
	// End, if not nil, is called when a segment was played to its end.
	End func(recording.End)
}

// ErrState means that the node's state isn't that of the checkpoint that follows.
var ErrState = errors.New("the state of the node isn't that of this checkpoint")

// DifferError means that inputs had other effects than those recorded: what was shown is what this
// program does, and not what happened.
type DifferError struct {
	Count   int
	Segment string
	Number  int // of the first
}

func (e *DifferError) Error() string {
	return fmt.Sprintf("%s with other effects than those recorded, the first is input %d of %s: "+
		"this is what this program does, and not what happened",
		textwrap.Count(e.Count, "input"), e.Number, e.Segment)
}

// OnlyDiffers tells whether err is nil or a DifferError.
func OnlyDiffers(err error) bool {
	var differ *DifferError
	return err == nil || errors.As(err, &differ)
}

// Walk plays the segments of a recording that may have a part of a stretch, each from its
// checkpoint. Whether an entry is in the stretch is for the visitor to see; what comes after it
// isn't played. If inputs had other effects, the error is a *DifferError, at the end.
func Walk(r *recording.Recording, keys recording.Keys, in Stretch, v *Visitor) error {
	differ := new(DifferError)
	for i, run := range r.Runs {
		last := run.Segments[len(run.Segments)-1]
		if i+1 < len(r.Runs) && over(last, r.Runs[i+1].Segments[0], in.From) {
			continue // the stretch begins in a later run
		}
		w := walker{keys: keys, in: in, v: v, differ: differ}
		for _, s := range covering(run.Segments, in) {
			if err := w.segment(s); err != nil {
				return err
			}
		}
	}
	if differ.Count > 0 {
		return differ
	}
	return nil
}

// over tells whether a segment was over by then, since the next one began. That isn't known if one
// has no header, or if the host's clock was set back meanwhile.
func over(s, next *recording.Segment, by time.Time) bool {
	return s.Err == nil && next.Err == nil && !next.Time.After(by) && !next.Time.Before(s.Time)
}

// covering returns the segments that may have a part of a stretch.
func covering(all []*recording.Segment, in Stretch) []*recording.Segment {
	for len(all) > 1 && over(all[0], all[1], in.From) {
		all = all[1:]
	}
	later := func(s *recording.Segment) bool {
		return !in.To.IsZero() && s.Err == nil && s.Time.After(in.To)
	}
	n := len(all)
	for n > 0 && later(all[n-1]) {
		n--
	}
	return all[:n]
}

// walker plays a run.
type walker struct {
	keys recording.Keys
	in   Stretch
	v    *Visitor

	differ *DifferError
	before *Player // that played the segment before, to its end
}

func (w *walker) trouble(s *recording.Segment, err error) {
	if w.v.Trouble != nil {
		w.v.Trouble(s, err)
	}
}

// segment plays a segment.
func (w *walker) segment(s *recording.Segment) error {
	before := w.before
	w.before = nil
	if s.Err != nil {
		w.trouble(s, s.Err)
		return nil
	}
	r, err := s.Open(w.keys)
	if err != nil {
		w.trouble(s, err)
		return keyError(err)
	}
	if before != nil && r.Checkpoint.State != nil &&
		string(before.Node.AppendState(nil)) != string(r.Checkpoint.State) {
		w.trouble(s, ErrState)
	}
	p, err := Begin(r.Checkpoint, w.keys)
	if err != nil {
		w.trouble(s, std.Errorf("%s: %w", s.Path, err))
		return nil
	}
	if w.v.Segment != nil {
		w.v.Segment(s, r.Checkpoint, p)
	}
	done, err := w.entries(s, r, p)
	if err == nil && done && w.v.End != nil {
		w.v.End(r.End)
	}
	if err == nil && done && r.End.Reason == recording.EndNext {
		w.before = p
	}
	return err
}

// keyError is err if it is for want of a key: without it nothing can be read.
func keyError(err error) error {
	var missing *recording.KeyError
	if errors.As(err, &missing) {
		return err
	}
	return nil
}

// entries plays the entries of a segment; done, if all of them were.
func (w *walker) entries(s *recording.Segment, r *recording.Reader, p *Player) (done bool, err error) {
	for e, err := range r.Entries() {
		if err != nil {
			w.trouble(s, err)
			return false, keyError(err)
		}
		wall := wallOf(r.Checkpoint, e)
		if !w.in.To.IsZero() && wall.After(w.in.To) {
			return false, nil
		}
		if w.v.Before != nil {
			w.v.Before(p, s, e, wall)
		}
		step, err := w.play(p, e)
		if err != nil {
			w.trouble(s, std.Errorf("%s: input %d: %w", s.Path, e.Number, err))
			return false, nil
		}
		step.Segment, step.Wall = s, wall
		if !step.Same() {
			if w.differ.Count == 0 {
				w.differ.Segment, w.differ.Number = s.Path, e.Number
			}
			w.differ.Count++
		}
		if err := w.v.Step(step); err != nil {
			return false, err
		}
	}
	return p.Node != nil, nil
}

// play plays an entry. A node of another build may break on it.
func (w *walker) play(p *Player, e *recording.Entry) (step *Step, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = std.Errorf("the node panicked: %v", broken)
		}
	}()
	got, err := p.Play(e)
	return &Step{Player: p, Entry: e, Got: got}, err
}

// Same tells whether what came of the input is what was recorded. An input within which the
// recording ends has no effects to compare.
func (s *Step) Same() bool { return !s.Entry.Ended || s.Got == s.Entry.Effects && s.Wrong == 0 }

// NodeTime is the time of a node's clock, which begins with its process.
func NodeTime(t swim.Time) string { return time.Duration(t).String() }
