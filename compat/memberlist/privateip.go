package memberlist

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// carrierNAT is shared address space (RFC 6598); cloud networks use it as private.
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// privateIP returns the first private IPv4 address of the interfaces that are up.
func privateIP() (net.IP, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("failed to get interface addresses: %v", err)
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("failed to get interface addresses: %v", err)
		}
		for _, addr := range addrs {
			prefix, err := netip.ParsePrefix(addr.String())
			if ip := prefix.Addr(); err == nil && ip.Is4() && (ip.IsPrivate() || carrierNAT.Contains(ip)) {
				return ip.AsSlice(), nil
			}
		}
	}
	return nil, errors.New("no private IP address found, and explicit IP not provided")
}
