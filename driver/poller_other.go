//go:build !linux || !(amd64 || arm64)

package driver

import "net/netip"

func newWaiter(d *Driver) waiter { return newQueued(d) }

// poller is for other systems.
type poller struct{}

func (*poller) send([]byte, netip.AddrPort) error { panic("BUG: no poller here") }
func (*poller) close() error                      { panic("BUG: no poller here") }
