package hostaddr

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ResolveNames replaces the host names in an address spec by addresses. reason says what the names
// resolved to; empty if there were none. A name stands for its first IPv4 address; without one, or
// when the address to bind to is IPv6, for its first IPv6 address.
func ResolveNames(
	ctx context.Context, r Resolver, spec Spec,
) (resolved Spec, reason string, err error) {
	l := &lookups{resolver: r, slots: make(chan struct{}, joinLookups)}
	resolved = spec
	var reasons []string
	resolve := func(key string, text *string, six bool) error {
		host, rest, ok := hostName(*text)
		if !ok {
			return nil
		}
		found, err := l.resolveHost(ctx, host, 1) // only the address counts, so any port will do
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		ip := firstOfFamily(found, six)
		*text = withPort(ip, rest)
		reasons = append(reasons, fmt.Sprintf("%s is %v", host, ip))
		return nil
	}
	if err := resolve("bind", &resolved.Bind, false); err != nil {
		return spec, "", err
	}
	bind, err := Parse(resolved.Bind, DefaultPort)
	six := err == nil && bind.Addr().Is6() && !bind.Addr().IsUnspecified()
	if err := resolve("advertise", &resolved.Advertise, six); err != nil {
		return spec, "", err
	}
	return resolved, strings.Join(reasons, ", "), nil
}

// hostName splits name or name:port. ok is false for anything else, be it an address or a mistake.
func hostName(text string) (host, port string, ok bool) {
	host, port, _ = strings.Cut(text, ":")
	if host == "" || strings.ContainsAny(text, "[]%/ ") || strings.Contains(port, ":") {
		return "", "", false
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if last := labels[len(labels)-1]; last == "" || isNumber(last) {
		return "", "", false // an IPv4 address, or one with a mistake: no domain has such a name
	}
	return host, port, true
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 0, 64)
	return err == nil
}

func firstOfFamily(list []netip.AddrPort, six bool) netip.Addr {
	i := slices.IndexFunc(list, func(a netip.AddrPort) bool { return a.Addr().Is6() == six })
	return list[max(i, 0)].Addr()
}

// withPort is ip, with port if there is one.
func withPort(ip netip.Addr, port string) string {
	if port == "" {
		return ip.String()
	}
	return net.JoinHostPort(ip.String(), port)
}
