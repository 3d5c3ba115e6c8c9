package main

import (
	"strings"
	"testing"
	"time"
)

// TestProgressLine: the bar fills, and the time left is what the rest takes at that speed.
func TestProgressLine(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		done    float64
		elapsed time.Duration
		want    string
	}{
		{-1, 0, "text [                              ]  0%"},
		{0.5, 10 * time.Second, "text [###############               ] 50%, 10s left"},
		{0.999, time.Minute, "text [############################# ] 100%"},
		{2, time.Minute, "text [##############################] 100%"},
	} {
		if got := progressLine(tc.done, "text", tc.elapsed); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.done, got, tc.want)
		}
	}
}

// TestProgressClearsItsLine: what is drawn fits the terminal, and nothing of it remains.
func TestProgressClearsItsLine(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &progress{w: &out, began: time.Now(), width: func() int { return 21 }}
	p.draw(0.5, func() string { return "a text for the bar" })
	p.clear()
	if want := "\ra text for the bar [\r" + strings.Repeat(" ", 20) + "\r"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	new(progress).clear() // no terminal, no output
}
