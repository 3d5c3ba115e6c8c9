package driver

import (
	"net"
	"net/netip"
)

// sender leaves all to package net: sending overlaps there, so there is no attempt that doesn't
// wait.
type sender struct{}

func newSender(*net.UDPConn, netip.Addr) (*sender, error) { return &sender{}, nil }

func (*sender) send([]byte, netip.AddrPort) (done bool, err error) { return false, nil }
