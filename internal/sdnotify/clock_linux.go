package sdnotify

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic is the time of the clock that the manager compares with.
func monotonic() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic("BUG: no monotonic clock: " + err.Error())
	}
	return time.Duration(now.Nano())
}
