//go:build !linux

package sdnotify

import "time"

// started is where monotonic begins: systemd runs on Linux only, and other managers have no clock
// to compare it with.
var started = time.Now()

func monotonic() time.Duration { return time.Since(started) }
