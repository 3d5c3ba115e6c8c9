//go:build unix

package driver

import (
	"net"
	"net/netip"
	"os"
	"syscall"
)

// sender sends packets without waiting and without a timer. A write deadline is a timer that fires
// later and wakes up a thread for nothing; a member with little to do would spend much of its time
// on that.
type sender struct {
	conn syscall.RawConn
	v4   bool               // the socket's family
	try  func(uintptr) bool // s.attempt, made once: a new one each time would be garbage

	// State of the call in progress; the loop makes one at a time.
	packet []byte
	to4    syscall.SockaddrInet4
	to6    syscall.SockaddrInet6
	err    error
}

func newSender(conn *net.UDPConn, bind netip.Addr) (*sender, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &sender{conn: raw, v4: bind.Is4()}
	s.try = s.attempt
	return s, nil
}

// send sends a packet. done is false if the system has no room for it now, or if the address is one
// that only package net can handle.
func (s *sender) send(b []byte, to netip.AddrPort) (done bool, err error) {
	ip := to.Addr()
	switch {
	case !ip.IsValid(), ip.Zone() != "", s.v4 && !ip.Unmap().Is4():
		return false, nil
	case s.v4:
		s.to4.Addr, s.to4.Port = ip.Unmap().As4(), int(to.Port())
	default:
		s.to6.Addr, s.to6.Port = ip.As16(), int(to.Port())
	}
	s.packet = b
	err = s.conn.Write(s.try)
	s.packet = nil
	switch {
	case err != nil:
		return true, err
	case s.err == syscall.EAGAIN:
		return false, nil
	}
	return true, os.NewSyscallError("sendto", s.err)
}

// attempt makes one try and never asks to be called again when the socket is writable.
func (s *sender) attempt(fd uintptr) bool {
	for {
		if s.v4 {
			s.err = syscall.Sendto(int(fd), s.packet, 0, &s.to4)
		} else {
			s.err = syscall.Sendto(int(fd), s.packet, 0, &s.to6)
		}
		if s.err != syscall.EINTR {
			return true
		}
	}
}
