package driver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"serf/internal/errno"
)

// Network opens sockets. [System] is the operating system's; package memnet has one in memory;
// programs may bring their own.
type Network interface {
	// Listen opens both sockets at bind; they have the same port. Port 0 takes any port that is
	// free for both.
	Listen(bind netip.AddrPort) (PacketConn, StreamListener, error)
	// PacketMax is the size in bytes of the largest packet that can be sent. Whoever makes the
	// machine sees to it that its packets aren't larger.
	PacketMax() int
	// Dial opens a stream from an address of this host; the unspecified one lets the network
	// choose. It ends when ctx does. An error that is [swim.ErrStreamRefused], or the system's for a
	// refused connection, says that the host is up and nothing listens there.
	Dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error)
}

// PacketConn sends and receives packets. One goroutine reads from it, and another one writes to it.
type PacketConn interface {
	// ReadFrom waits for a packet and copies it into b. It fails with net.ErrClosed after Close.
	// After any other error it is called again, 50 ms later.
	ReadFrom(b []byte) (n int, from netip.AddrPort, err error)
	// WriteTo sends a packet, which is borrowed. It is called by the loop and mustn't make it wait:
	// packets may get lost. If there is no room for this packet nor for those that follow, the
	// error is os.ErrDeadlineExceeded.
	WriteTo(b []byte, to netip.AddrPort) error
	// LocalAddr is the address that was bound, with its port.
	LocalAddr() netip.AddrPort
	Close() error
}

// StreamListener accepts streams. The address of who dialled is the RemoteAddr of what it returns,
// a *net.TCPAddr. Closing a connection, and the listener, ends the calls that wait in it.
type StreamListener interface {
	Accept() (net.Conn, error)
	Close() error
}

// BindError is an address that couldn't be bound.
type BindError struct {
	Addr netip.AddrPort
	Err  error
}

// Error names the address and, if there is one, the remedy.
func (e *BindError) Error() string {
	return fmt.Sprintf("bind %v: %s", e.Addr, ExplainBind(e.Err, "Config.Bind"))
}

// Unwrap is the error of the operating system.
func (e *BindError) Unwrap() error { return e.Err }

// ExplainBind says why an address couldn't be bound, in the same words on all systems, and what can
// be done about it with the option that sets the address.
func ExplainBind(err error, option string) string {
	switch {
	case errors.Is(err, errno.AddrInUse):
		return "address already in use: another agent may be running there; stop it" +
			" or choose another with " + option
	case errors.Is(err, errno.NoAddr):
		return "no interface of this host has that address; choose another with " + option
	case errors.Is(err, errno.NoAccess), errors.Is(err, os.ErrPermission):
		return "permission denied: " + errno.NoAccessRemedy + " with " + option
	}
	return reason(err).Error()
}

// reason strips the address from a network error: the caller names it already.
func reason(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
