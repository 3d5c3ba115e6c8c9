package memberlist

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"serf/internal/hostaddr"
)

// someAddress returns the address of this host that members are best told instead of an unspecified
// one: the same one if there is none.
func someAddress(unspecified netip.Addr) netip.Addr {
	chosen, err := hostaddr.Choose(hostaddr.Spec{Bind: unspecified.String()}, hostaddr.Interfaces)
	if err != nil {
		return unspecified
	}
	return chosen.Advertise.Addr()
}

// privateIP returns the private address of this host that members are best told.
func privateIP() (net.IP, error) {
	chosen, err := hostaddr.Choose(hostaddr.Spec{Bind: "0.0.0.0"}, hostaddr.Interfaces)
	if err != nil {
		return nil, fmt.Errorf("failed to get interface addresses: %v", err)
	}
	ip := chosen.Advertise.Addr()
	if ip.IsLoopback() || hostaddr.IsPublic(ip) { // the choice is private if any is
		return nil, errors.New("no private IP address found, and explicit IP not provided")
	}
	return ip.AsSlice(), nil
}
