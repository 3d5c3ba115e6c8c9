//go:build unix

package errno

import "syscall"

// What the system says when an address can't be bound, or nothing listens there.
const (
	AddrInUse   = syscall.EADDRINUSE
	NoAddr      = syscall.EADDRNOTAVAIL
	NoAccess    = syscall.EACCES
	ConnRefused = syscall.ECONNREFUSED
)

// NoAccessRemedy is what to do about NoAccess, followed by the option.
const NoAccessRemedy = "choose a port from 1024 on"
