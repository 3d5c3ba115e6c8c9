//go:build unix

package systest

import (
	"syscall"
	"time"
)

// CPUTime is the processor time that this process has used. On a busy machine it says more than the
// clock.
func CPUTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
