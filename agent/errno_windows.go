package agent

import "golang.org/x/sys/windows"

// What the system says when an address can't be bound, or nothing listens there. The names of the
// same in package syscall are numbers that only Go knows.
const (
	errAddrInUse   = windows.WSAEADDRINUSE
	errNoAddr      = windows.WSAEADDRNOTAVAIL
	errNoAccess    = windows.WSAEACCES
	errConnRefused = windows.WSAECONNREFUSED

	// Windows has no ports for administrators, but ranges that it keeps for itself.
	noAccessRemedy = "Windows reserves the port, or another program holds it for itself alone; " +
		"choose another"
)
