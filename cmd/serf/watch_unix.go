//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// endSignals end a watch.
var endSignals = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

// prepareOutput has nothing to do: terminals understand control sequences.
func prepareOutput(*os.File) error { return nil }

// watchSize returns a channel that gets a value when the terminal's size changes.
func watchSize() (resized <-chan struct{}, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	c := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-signals:
				select {
				case c <- struct{}{}:
				default: // one waits
				}
			case <-done:
				return
			}
		}
	}()
	return c, func() { signal.Stop(signals); close(done) }
}

// stopProcess stops this job, as Ctrl-Z does, until it is continued.
func stopProcess() { syscall.Kill(0, syscall.SIGTSTP) }
