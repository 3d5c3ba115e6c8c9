package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// waiting is a start or stop that doesn't end by itself, and its result.
type waiting struct {
	signals chan os.Signal
	cancel  context.CancelFunc
	caught  os.Signal
	ended   bool
	took    time.Duration
}

// await runs daemon.await with something that takes that long, while during happens.
func await(t *testing.T, long time.Duration, during func(w *waiting)) *waiting {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &waiting{signals: make(chan os.Signal), cancel: cancel}
	d := &daemon{signals: w.signals}
	go during(w)
	began := time.Now()
	w.caught, w.ended = d.await(ctx, func() { time.Sleep(long) })
	w.took = time.Since(began)
	return w
}

const forEver = 24 * time.Hour

func TestSignalsEndAStartAtAnyTime(t *testing.T) {
	for _, tt := range []struct {
		name   string
		long   time.Duration
		during func(w *waiting)
		caught os.Signal
		ended  bool
		took   time.Duration
	}{
		{"no signal", time.Minute, func(*waiting) {}, nil, true, time.Minute},
		{"it never ends", forEver, func(w *waiting) { w.signals <- os.Interrupt }, os.Interrupt, false, signalGrace},
		{"it is about to end", signalGrace / 2, func(w *waiting) { w.signals <- os.Interrupt }, os.Interrupt, true, signalGrace / 2},
		{"two signals", forEver, func(w *waiting) { w.signals <- os.Kill; w.signals <- os.Interrupt }, os.Kill, false, 0},
		{"the context ends", forEver, func(w *waiting) { w.cancel() }, os.Interrupt, false, signalGrace},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := await(t, tt.long, tt.during)
				if w.caught != tt.caught || w.ended != tt.ended || w.took != tt.took {
					t.Errorf("caught %v, ended %v, took %v; want %v, %v, %v",
						w.caught, w.ended, w.took, tt.caught, tt.ended, tt.took)
				}
				time.Sleep(forEver) // what never ended does
			})
		})
	}
}

func TestInterruptEndsACommandThatDoesntNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var errs strings.Builder
		stopped := false
		began := time.Now()
		time.AfterFunc(time.Minute, cancel)
		code := interruptible(ctx, func() { stopped = true }, env{Stderr: &errs}, &command{name: "sim", grace: simGrace}, func() int { time.Sleep(forEver); return exitOK })
		if code != exitError || errs.String() != "serf sim: interrupted\n" || !stopped || time.Since(began) != time.Minute+simGrace {
			t.Errorf("exit %d after %v, a second interrupt heard: %v; %s",
				code, time.Since(began), stopped, &errs)
		}
		time.Sleep(forEver)
	})
}

func TestInterruptedCommandEndsWithWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var errs strings.Builder
		code := interruptible(ctx, func() {}, env{Stderr: &errs}, &command{name: "event"}, func() int { time.Sleep(interruptGrace / 2); return 7 })
		if code != 7 || errs.Len() > 0 {
			t.Errorf("exit %d: %s", code, &errs)
		}
	})
}

// An endless device isn't a configuration, and costs no more than a file that is too large.
func TestEndlessDeviceIsRefused(t *testing.T) {
	const zeros = "/dev/zero"
	if _, err := os.Stat(zeros); err != nil {
		t.Skip("there is no such device here")
	}
	for _, option := range []string{"-config-file", "-tags-file", "-keyring-file"} {
		r := runTestAgent(t, option, zeros)
		r.wantExit(exitError)
		r.errs.await(t, zeros+`: more than 1048576 bytes`)
	}
}
