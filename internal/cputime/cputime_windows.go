package cputime

import (
	"syscall"
	"time"
)

// Used is the processor time of this process until now, 0 if the system doesn't tell. On a busy
// machine it says more than the clock.
func Used() time.Duration {
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0
	}
	var created, ended, kernel, user syscall.Filetime
	if syscall.GetProcessTimes(self, &created, &ended, &kernel, &user) != nil {
		return 0
	}
	// In steps of 100 ns, not since 1601 as Filetime.Nanoseconds has them.
	steps := func(t syscall.Filetime) time.Duration {
		return time.Duration(int64(t.HighDateTime)<<32 | int64(t.LowDateTime))
	}
	return 100 * (steps(kernel) + steps(user))
}
