package main

import (
	"context"
	"os"
	"time"
)

// signalGrace is how long a start or a stop may still take when a signal asks for the end: much
// more than either needs, unless it waits for a file that never comes or a disk that hangs.
const signalGrace = time.Second

// await runs f. A signal that is to end the program, or the end of ctx, gives it signalGrace more,
// and a second one none. If f hasn't ended then, neither has what it uses.
func (d *daemon) await(ctx context.Context, f func()) (caught os.Signal, ended bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	var grace <-chan time.Time
	canceled := ctx.Done()
	for {
		s := os.Interrupt
		select {
		case <-done:
			return caught, true
		case <-grace:
			return caught, false
		case <-canceled:
			canceled = nil
		case s = <-d.signals:
		}
		switch {
		case s == reloadSignal || s == dumpSignal: // there is nothing yet, or any more
		case caught != nil:
			return caught, false
		default:
			caught, grace = s, time.After(signalGrace)
		}
	}
}

// loading is what a reload has read.
type loading struct {
	setup setup
	err   error
}

// load begins to read the configuration again. It may take long, or never end: from a pipe that
// nobody writes, say.
func (d *daemon) load() {
	d.loadNext = d.loading
	if d.loading {
		return
	}
	d.out.step("Reloading configuration...")
	d.loading = true
	go func() {
		s, err := loadSetup(d.args)
		d.loaded <- loading{s, err} // there is room: one at a time
	}()
}
