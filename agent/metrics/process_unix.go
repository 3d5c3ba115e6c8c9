//go:build unix

package metrics

import "syscall"

// openMax is how many files this process may have open.
func openMax() uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	return uint64(l.Cur)
}
