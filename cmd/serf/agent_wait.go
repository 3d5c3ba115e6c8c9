package main

import (
	"context"
	"os"
	"time"
)

// signalGrace is how long a start or stop may go on after a signal to end: much longer than either
// takes, unless it waits for a file that never comes or a disk that hangs.
const signalGrace = time.Second

// await runs f. A signal to end the program, or the end of ctx, gives it signalGrace more; a second
// signal gives it no time. If f hasn't ended by then, it is still using its resources.
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
		case !isEnd(s): // nothing runs yet, or any longer
		case caught != nil:
			return caught, false
		default:
			caught, grace = s, time.After(signalGrace)
		}
	}
}

// isEnd reports whether a signal is to end the agent.
func isEnd(s os.Signal) bool {
	return s != reloadSignal && s != dumpSignal && s != reopenSignal
}

// loading is the result of reading the configuration again.
type loading struct {
	setup setup
	err   error
}

// load starts reading the configuration again. That may take long, or never end, if it reads from a
// pipe for instance.
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
