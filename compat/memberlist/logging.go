package memberlist

import "net"

// LogAddress returns addr for a line of the log: "from=127.0.0.1:7946".
func LogAddress(addr net.Addr) string {
	if addr == nil {
		return LogStringAddress("")
	}
	return "from=" + addr.String()
}

// LogStringAddress returns addr for a line of the log.
func LogStringAddress(addr string) string {
	if addr == "" {
		return "from=<unknown address>"
	}
	return "from=" + addr
}

// LogConn returns the address of the other end of conn for a line of the log.
func LogConn(conn net.Conn) string {
	if conn == nil {
		return LogAddress(nil)
	}
	return LogAddress(conn.RemoteAddr())
}
