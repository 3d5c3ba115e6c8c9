package errno

import "golang.org/x/sys/windows"

// What the system says when an address can't be bound, or nothing listens there. The names of the
// same in package syscall are numbers that only Go knows.
const (
	AddrInUse   = windows.WSAEADDRINUSE
	NoAddr      = windows.WSAEADDRNOTAVAIL
	NoAccess    = windows.WSAEACCES
	ConnRefused = windows.WSAECONNREFUSED
)

// NoAccessRemedy is what to do about NoAccess, followed by the option. Windows has no ports for
// administrators, but ranges that it keeps for itself.
const NoAccessRemedy = "Windows reserves the port, or another program holds it for itself alone; " +
	"choose another"
