package memberlist

import (
	"fmt"
	"net"
	"strings"
)

// ParseCIDRs reads networks such as "10.0.0.0/8". It returns those that it could read, never nil,
// and an error that names the others.
func ParseCIDRs(v []string) ([]net.IPNet, error) {
	nets := make([]net.IPNet, 0, len(v))
	var errs joinedErrors
	for _, text := range v {
		_, ipNet, err := net.ParseCIDR(strings.TrimSpace(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("invalid cidr: %s", text))
			continue
		}
		nets = append(nets, *ipNet)
	}
	return nets, errs.err()
}

// IPMustBeChecked tells whether CIDRsAllowed restricts addresses.
func (c *Config) IPMustBeChecked() bool { return len(c.CIDRsAllowed) > 0 }

// IPAllowed returns an error if CIDRsAllowed doesn't have ip.
func (c *Config) IPAllowed(ip net.IP) error {
	if !c.IPMustBeChecked() {
		return nil
	}
	for i := range c.CIDRsAllowed {
		if c.CIDRsAllowed[i].Contains(ip) {
			return nil
		}
	}
	return fmt.Errorf("%s is not allowed", ip)
}
