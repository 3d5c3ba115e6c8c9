package report

import (
	"testing"
	"time"

	"serf/swim"
)

func TestSpreadOverFewKeepsEachStep(t *testing.T) {
	s := NewSpread(swim.Time(time.Second), 4)
	for i := range 3 {
		s.Reach(swim.Time(time.Second)+swim.Time(i), 0)
	}
	if _, all := s.ToAll(); all || s.Share() != 0.75 || len(s.Steps) != 3 {
		t.Errorf("3 of 4: all %v, share %v, %d steps", all, s.Share(), len(s.Steps))
	}
	if half, ok := s.To(0.5); half != 1 || !ok {
		t.Errorf("to half: %v, %v", half, ok)
	}
	if _, ok := s.To(0.8); ok {
		t.Error("it reached 80%")
	}
	s.Lose(0)
	if took, all := s.ToAll(); !all || took != 2 || s.Share() != 1 {
		t.Errorf("the 4th is gone: all %v after %v, share %v", all, took, s.Share())
	}
}

func TestSpreadOverManyIsBounded(t *testing.T) {
	const due = 10_007
	s := NewSpread(0, due)
	for i := range due {
		s.Reach(swim.Time(i), 0)
	}
	if n := len(s.Steps); n > maxSteps+1 || n < maxSteps {
		t.Errorf("%d steps, want the first and %d", n, maxSteps)
	}
	if first, last := s.Steps[0], s.Steps[len(s.Steps)-1]; first.Reached != 1 || last.Reached != due || last.After != due-1 {
		t.Errorf("from %+v to %+v", first, last)
	}
}

func TestSpreadCountsAtMarks(t *testing.T) {
	s := NewSpread(0, 5)
	for _, after := range []time.Duration{0, Marks[0], Marks[0] + 1, time.Minute, time.Minute + 1} {
		s.Reach(swim.Time(after), 0)
	}
	if last := len(Marks) - 1; s.By[0] != 2 || s.By[1] != 3 || s.By[last-1] != 3 || s.By[last] != 4 {
		t.Errorf("by %v: %v", Marks, s.By)
	}
}

func TestNewsForNobodyReachesNobody(t *testing.T) {
	s := NewSpread(0, 0)
	if _, all := s.ToAll(); all || s.Share() != 1 {
		t.Errorf("all %v, share %v", all, s.Share())
	}
}
