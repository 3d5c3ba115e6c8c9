package report

import (
	"fmt"
	"strings"
	"time"

	"serf/internal/invariant"
	"serf/swim"
)

// Spread is how one piece of news, an event or a crash, became known: when it had reached how many
// of the members that it was for.
type Spread struct {
	At      swim.Time // when it happened
	Last    swim.Time // when the latest of Reached heard of it, or Never
	Due     int       // members that it was for, less those that stopped before they heard of it
	Reached int       // of Due
	// Steps are some of the moments at which Reached grew, in order: the first, the last, and
	// in between at most maxSteps, evenly distributed over Due.
	Steps []Step
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

// maxSteps keeps a spread over thousands of members as small as a drawing of it.
const maxSteps = 100

// NewSpread returns the spread of something that happened at a time and is due at that many members.
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

// part is the part of a region, or a throwaway one without regions.
func (s *Spread) part(region int) *Part {
	if s.Parts == nil {
		return new(Part)
	}
	return &s.Parts[region]
}

// Expect takes in that it is for one more member, in that region.
func (s *Spread) Expect(region int) {
	s.Due++
	s.part(region).Due++
}

// Reach takes in that one more member, in that region, heard of it.
func (s *Spread) Reach(now swim.Time, region int) {
	p := s.part(region)
	p.Reached++
	p.Last = now
	s.Reached++
	s.Last = now
	invariant.Check(s.Reached <= s.Due, "report: news reached more members than there are")
	first := s.Reached == 1
	if first || s.Reached == s.Due || s.Reached*maxSteps/s.Due > (s.Reached-1)*maxSteps/s.Due {
		s.Steps = append(s.Steps, Step{now.Sub(s.At), s.Reached})
	}
}

// Lose strikes a member off that stopped before it heard of it. Those who stop later have heard.
func (s *Spread) Lose(region int) {
	s.Due--
	s.part(region).Due--
	invariant.Check(s.Due >= s.Reached, "report: news was for fewer members than it reached")
}

// Waiting is how many haven't heard of it yet.
func (s *Spread) Waiting() int { return s.Due - s.Reached }

// MissedBy names those that haven't heard of it, as far as they are named: "m3, m7 and 12 more".
func (s *Spread) MissedBy() string {
	text := strings.Join(s.Missed, ", ")
	if n := s.Waiting() - len(s.Missed); n > 0 {
		text = fmt.Sprintf("%s and %d more", text, n)
	}
	return text
}

// Share is how many of those it was for have heard of it, from 0 to 1.
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
