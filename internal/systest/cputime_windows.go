package systest

import (
	"syscall"
	"time"
)

// CPUTime is the processor time that this process has used. On a busy machine it says more than the
// clock.
func CPUTime() time.Duration {
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
