package server

import (
	"fmt"
	"net"
	"syscall"
)

// processOf says which process is at the other end of a connection: " (process 12, user 1000)", or
// nothing if that isn't known.
func processOf(c *net.UnixConn) string {
	raw, err := c.SyscallConn()
	if err != nil {
		return "" // it is closed
	}
	text := ""
	raw.Control(func(fd uintptr) {
		cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if err == nil {
			text = fmt.Sprintf(" (process %d, user %d)", cred.Pid, cred.Uid)
		}
	})
	return text
}
