package replay

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"serf/agent/recording"
	"serf/internal/textwrap"
	"serf/wire"
)

// Stretch is a part of a recording's time. A zero time is no bound.
type Stretch struct{ From, To time.Time }

// Has tells whether a time is in the stretch.
func (s Stretch) Has(t time.Time) bool {
	return !t.Before(s.From) && (s.To.IsZero() || !t.After(s.To))
}

// Walk plays a stretch of a recording, once.
type Walk struct {
	Recording *recording.Recording
	// Keys are added to: a node learns keys while it is played.
	Keys recording.Keys
	In   Stretch
	Flaws
	// Inputs counts those of the stretch that were played.
	Inputs int

	segment *recording.Segment // the present one, or the last
	past    bool               // it has inputs that come after the stretch
	player  *Player            // of that segment, if all of it was played
	end     recording.End      // of that segment, likewise
}

// Flaws are why what is shown isn't all that happened, or not what happened.
type Flaws struct {
	// Unplayed says of each segment that is missing, or that can't be played to its end, why. Each
	// text begins with the path of a file.
	Unplayed []string
	// NeedsKey tells that one of them is for want of a key.
	NeedsKey bool
	// Lost counts inputs that weren't recorded because the disk was too slow.
	Lost uint64
	// Differ counts inputs of which something else came than was recorded, and First is the first.
	Differ int
	First  string

	alike int              // files that the last of Unplayed stands for, if they need a key
	needs wire.Fingerprint // that key
}

// Lines has a line for each flaw.
func (f *Flaws) Lines() []string {
	lines := slices.Clone(f.Unplayed)
	if f.Lost > 0 {
		lines = append(lines, textwrap.Count(int(f.Lost), "input")+lostText)
	}
	if f.Differ > 0 {
		lines = append(lines, fmt.Sprintf("%s with other effects than those recorded, the first is "+
			"%s: this is what this program does, and not what happened",
			textwrap.Count(f.Differ, "input"), f.First))
	}
	return lines
}

const lostText = " not recorded: the disk was too slow"

// ErrNothing means that a recording has nothing of the time that was asked for.
var ErrNothing = errors.New("the recording has nothing of that time")

// Nothing is ErrNothing if no input of the stretch was played, though none couldn't be.
func (w *Walk) Nothing() error {
	if w.Inputs == 0 && len(w.Unplayed) == 0 {
		return ErrNothing
	}
	return nil
}

// unplayed notes why a segment can't be played. Files in a row that need the same key are one flaw.
func (w *Walk) unplayed(err error) {
	var key *recording.KeyError
	n := len(w.Unplayed)
	switch {
	case !errors.As(err, &key):
		w.alike = 0
	case w.alike > 0 && w.needs == key.Key:
		first, _, _ := strings.Cut(w.Unplayed[n-1], alikeText)
		w.Unplayed[n-1] = first + alikeText + textwrap.Count(w.alike, "more file")
		w.alike++
		return
	default:
		w.NeedsKey, w.needs, w.alike = true, key.Key, 1
	}
	w.Unplayed = append(w.Unplayed, err.Error())
}

const alikeText = "; so do "

// Step is an input, with the node as it is before the input is played, and after.
type Step struct {
	*Player
	Segment *recording.Segment
	Start   *recording.Checkpoint // of the segment
	Entry   *recording.Entry
	Wall    time.Time
	In      bool // it is in the stretch
	Got     recording.Effects

	played bool
	err    error
}

// Play plays the input, unless that was done. The error says that it can't be.
func (s *Step) Play() error {
	if !s.played {
		s.played = true
		s.Got, s.err = s.Player.Play(s.Entry)
	}
	return s.err
}

// Same tells whether what came of the input is what was recorded. An input within which the
// recording ends has no effects to compare.
func (s *Step) Same() bool { return !s.Entry.Ended || s.Got == s.Entry.Effects && s.Wrong == 0 }

// Steps yields the inputs of the segments that may have a part of the stretch, from the beginning of
// the first, and each before it is played: that is done when the loop goes on, unless it did.
func (w *Walk) Steps() iter.Seq[*Step] {
	return func(yield func(*Step) bool) {
		for _, s := range covering(w.Recording.Segments, w.In) {
			w.follow(s)
			if !w.play(s, yield) {
				return
			}
		}
	}
}

// covering returns the segments that may have a part of a stretch. If the host's clock was set back,
// that are more.
func covering(all []*recording.Segment, in Stretch) []*recording.Segment {
	over := func(s, next *recording.Segment) bool {
		return !next.Time.After(in.From) && !next.Time.Before(s.Time)
	}
	for len(all) > 1 && over(all[0], all[1]) {
		all = all[1:]
	}
	n := len(all)
	for n > 0 && !in.To.IsZero() && all[n-1].Time.After(in.To) {
		n--
	}
	return all[:n]
}

// follow goes on to a segment, and notes what is missing between it and the one before.
func (w *Walk) follow(s *recording.Segment) {
	before := w.segment
	w.segment, w.past = s, false
	if before == nil || before.Run != s.Run || s.Err != nil {
		return
	}
	switch missing := s.Segment - before.Segment - 1; {
	case missing > 1:
		w.unplayed(fmt.Errorf("%s: segments %d to %d of its run, which come before it, are missing",
			s.Path, before.Segment+2, s.Segment))
	case missing == 1:
		w.unplayed(fmt.Errorf("%s: segment %d of its run, which comes before it, is missing", s.Path,
			s.Segment))
	case w.player != nil && w.end.Reason == recording.EndNone:
		w.unplayed(fmt.Errorf("%s: the end is missing", before.Path))
	default:
		return
	}
	w.player = nil
}

// play plays a segment.
func (w *Walk) play(s *recording.Segment, yield func(*Step) bool) (more bool) {
	before := w.player
	w.player = nil
	r, err := s.Open(w.Keys)
	if err != nil {
		w.unplayed(err)
		return true
	}
	start := r.Checkpoint
	if before != nil && w.end.Reason == recording.EndNext && start.State != nil &&
		string(before.Node.AppendState(nil)) != string(start.State) {
		w.unplayed(fmt.Errorf("%s: the state of the node isn't that of this checkpoint", s.Path))
	}
	p, err := Begin(start, w.Keys)
	if err != nil {
		w.unplayed(fmt.Errorf("%s: %w", s.Path, err))
		return true
	}
	for e, err := range r.Entries() {
		if err != nil {
			w.unplayed(err)
			return true
		}
		step := &Step{Player: p, Segment: s, Start: start, Entry: e,
			Wall: start.Wall.Add(e.At.Sub(start.At))}
		if w.past = !w.In.To.IsZero() && step.Wall.After(w.In.To); w.past {
			return true
		}
		if step.In = w.In.Has(step.Wall); !yield(step) {
			return false
		}
		if err := step.Play(); err != nil {
			w.unplayed(fmt.Errorf("%s: input %d: %w", s.Path, e.Number, err))
			return true
		}
		w.count(step)
	}
	if p.Node != nil {
		w.player, w.end = p, r.End
	}
	w.Lost += r.End.Lost
	return true
}

// count counts an input that was played.
func (w *Walk) count(s *Step) {
	if s.In {
		w.Inputs++
	}
	if s.Same() {
		return
	}
	if w.Differ++; w.Differ == 1 {
		w.First = fmt.Sprintf("input %d of %s", s.Entry.Number, s.Segment.Path)
	}
}
