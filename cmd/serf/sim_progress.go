package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"serf/netsim/cluster"
)

const (
	progressEvery = 200 * time.Millisecond // of real time, between two looks of the bar
	progressStep  = 100 * time.Millisecond // of virtual time, as shown
	progressWidth = 30                     // of the bar, in letters
)

// progress is a line that shows how far a simulation is, on a terminal only.
type progress struct {
	w     io.Writer  // nil: nothing to draw on
	width func() int // of the terminal, in letters
	began time.Time

	mu   sync.Mutex
	last time.Time
	used int // letters of the line that is shown
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{w: w, began: time.Now(), width: func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 80
		}
		return width
	}}
}

// draw shows the share that is done, from 0 to 1, and a text. Calls may come from several
// goroutines, and very often.
func (p *progress) draw(done float64, text func() string) {
	if p.w == nil || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	if time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	p.show(progressLine(done, text(), p.last.Sub(p.began)))
}

// progressLine says how much is done, and how long the rest takes if it goes on like that.
func progressLine(done float64, text string, elapsed time.Duration) string {
	done = min(max(done, 0), 1)
	full := int(done * progressWidth)
	line := fmt.Sprintf("%s [%s%s] %2.0f%%", text,
		strings.Repeat("#", full), strings.Repeat(" ", progressWidth-full), 100*done)
	if left := time.Duration(float64(elapsed) * (1 - done) / done); done > 0 &&
		left >= time.Second {
		line += fmt.Sprintf(", %v left", left.Round(time.Second))
	}
	return line
}

// show replaces the line. Spaces clear what is left of the last one: not each terminal knows escape
// sequences. Errors are those of the terminal, where nobody would read about them.
func (p *progress) show(line string) {
	line = line[:min(len(line), max(p.width()-1, 0))]
	fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", max(p.used-len(line), 0)))
	p.used = len(line)
}

// share shows a share that is done, with a text.
func (p *progress) share(text string) func(done float64) {
	return func(done float64) { p.draw(done, func() string { return text }) }
}

// run shows how far a single run of the given length is.
func (p *progress) run(length time.Duration) func(*cluster.Cluster, time.Duration) {
	return func(c *cluster.Cluster, left time.Duration) {
		p.draw(1-left.Seconds()/length.Seconds(), func() string {
			views := "views differ"
			if c.Settled() {
				views = "all views agree"
			}
			return fmt.Sprintf("simulated %v of %v, %s", (length - left).Truncate(progressStep),
				length, views)
		})
	}
}

// clear takes the line away.
func (p *progress) clear() {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show("")
	fmt.Fprint(p.w, "\r")
}
