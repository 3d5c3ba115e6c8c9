package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"serf/netsim/cluster"
)

const (
	progressEvery = 200 * time.Millisecond // of real time, between two looks of the bar
	progressStep  = 100 * time.Millisecond // of virtual time, as shown
	progressParts = 1000                   // of the whole
	progressWidth = 30                     // in letters
)

// progress is a bar that shows how far a simulation is, on a terminal only.
type progress struct {
	bar  *progressbar.ProgressBar // nil: nothing to draw on
	mu   sync.Mutex
	last time.Time
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{bar: progressbar.NewOptions(progressParts,
		progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(progressWidth), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true),
	)}
}

// draw shows the share that is done, from 0 to 1, and a text. Calls may come from several
// goroutines, and very often.
func (p *progress) draw(done float64, text func() string) {
	if p.bar == nil || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	if time.Since(p.last) < progressEvery {
		return
	}
	p.last = time.Now()
	p.bar.Describe(text())
	// Its errors are those of the terminal, where nobody would read about them.
	_ = p.bar.Set(min(int(done*progressParts), progressParts-1))
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

// clear takes the bar away.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
