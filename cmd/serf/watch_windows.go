package main

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// endSignals end a watch.
var endSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

// prepareOutput makes a console understand control sequences. It stays so: programs that don't
// write any don't notice.
func prepareOutput(out *os.File) error {
	var mode uint32
	console := windows.Handle(out.Fd())
	if err := windows.GetConsoleMode(console, &mode); err != nil {
		return err
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
}

// sizeEvery is how often the size is looked at: consoles send no signal.
const sizeEvery = time.Second

// watchSize returns a channel that gets a value when the size may have changed.
func watchSize() (resized <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	tick := time.NewTicker(sizeEvery)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-tick.C:
				select {
				case c <- struct{}{}:
				default: // one waits
				}
			case <-done:
				return
			}
		}
	}()
	return c, func() { tick.Stop(); close(done) }
}

// stopProcess has no meaning here.
func stopProcess() {}
