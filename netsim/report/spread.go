package report

import (
	"fmt"
	"strings"
	"time"

	"serf/internal/invariant"
	"serf/swim"
)

// Spread is how an event, or the knowledge of a crash, reached the members it was for: how many of
// them had it by when.
type Spread struct {
	At      swim.Time // when it happened
	Last    swim.Time // when it reached the latest of Reached, or Never
	Due     int       // members that it was for, less those that stopped before it reached them
	Reached int       // of Due
	// Steps are some of the moments at which Reached grew, in order: the first, the last, and in
	// between at most maxSteps, evenly distributed over Due.
	Steps []Step
	// By is how many it had reached, of Due, by each of Marks.
	By [len(Marks)]uint32
	// Name says what it is, and Region where it comes from.
	Name   string
	Region int
	// Parts are Due, Reached and Last by region of the members; nil if there are no regions.
	Parts []Part
	// Missed names some of those that it should have reached by now and hasn't.
	Missed []string
}

// MissedMost is how many names Missed has at most.
const MissedMost = 10

// Part is what a spread is in one region.
type Part struct {
	Due, Reached int
	Last         swim.Time // or Never
}

// Step is a moment of a spread.
type Step struct {
	After   time.Duration
	Reached int
}

// Marks are the times after which it is counted how many a spread has reached.
var Marks = [...]time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 600 * time.Millisecond,
	800 * time.Millisecond, time.Second, 1500 * time.Millisecond, 2 * time.Second, 3 * time.Second,
	5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute,
}

// maxSteps keeps a spread over thousands of members as small as a drawing of it.
const maxSteps = 100

// NewSpread returns the spread of something that happened at that time, to so many members.
func NewSpread(at swim.Time, due int) Spread {
	return Spread{At: at, Last: swim.Never, Due: due}
}

// Split divides Due by region; call it first.
func (s *Spread) Split(due []int) {
	s.Parts = make([]Part, len(due))
	for i, n := range due {
		s.Parts[i] = Part{Due: n, Last: swim.Never}
	}
}

// Expect records that it is for one more member, in that region.
func (s *Spread) Expect(region int) {
	s.Due++
	if s.Parts != nil {
		s.Parts[region].Due++
	}
}

// Reach records that it reached one more member, in that region.
func (s *Spread) Reach(now swim.Time, region int) {
	if s.Parts != nil {
		s.Parts[region].Reached++
		s.Parts[region].Last = now
	}
	for i := len(Marks) - 1; i >= 0 && now.Sub(s.At) <= Marks[i]; i-- {
		s.By[i]++
	}
	s.Reached++
	s.Last = now
	invariant.Check(s.Reached <= s.Due, "report: more members were reached than there are")
	first := s.Reached == 1
	if first || s.Reached == s.Due || s.Reached*maxSteps/s.Due > (s.Reached-1)*maxSteps/s.Due {
		s.Steps = append(s.Steps, Step{now.Sub(s.At), s.Reached})
	}
}

// Lose leaves out a member, of that region, that stopped before it was reached.
func (s *Spread) Lose(region int) {
	s.Due--
	if s.Parts != nil {
		s.Parts[region].Due--
	}
	invariant.Check(s.Due >= s.Reached, "report: fewer members were due than were reached")
}

// Waiting is how many members it hasn't reached yet.
func (s *Spread) Waiting() int { return s.Due - s.Reached }

// MissedBy names the members that it hasn't reached, as far as Missed does: "m3, m7 and 12 more".
func (s *Spread) MissedBy() string {
	text := strings.Join(s.Missed, ", ")
	if n := s.Waiting() - len(s.Missed); n > 0 {
		text = fmt.Sprintf("%s and %d more", text, n)
	}
	return text
}

// Share is the part of Due that it reached, from 0 to 1.
func (s *Spread) Share() float64 {
	if s.Due == 0 {
		return 1
	}
	return float64(s.Reached) / float64(s.Due)
}

// ToAll is how long it took to reach all, and whether it has.
func (s *Spread) ToAll() (time.Duration, bool) {
	if s.Reached < s.Due || s.Reached == 0 {
		return 0, false
	}
	return s.Last.Sub(s.At), true
}

// To is how long it took to reach a share of those that were due, and whether it has; to a hundredth
// of them.
func (s *Spread) To(share float64) (time.Duration, bool) {
	for _, x := range s.Steps {
		if float64(x.Reached) >= share*float64(s.Due) {
			return x.After, true
		}
	}
	return 0, false
}
