//go:build unix

package agent

import "syscall"

// What the system says when an address can't be bound, or nothing listens there.
const (
	errAddrInUse   = syscall.EADDRINUSE
	errNoAddr      = syscall.EADDRNOTAVAIL
	errNoAccess    = syscall.EACCES
	errConnRefused = syscall.ECONNREFUSED

	noAccessRemedy = "choose a port from 1024 on"
)
