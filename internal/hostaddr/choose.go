package hostaddr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// DefaultPort is where members listen unless they are told otherwise.
const DefaultPort = 7946

// Spec is the address of this member as a user configures it. ResolveNames replaces host
// names in it.
type Spec struct {
	Bind      string // IP, IP:port, [v6]:port or :port; empty for any address
	Interface string // whose address to bind to, or that must have Bind; empty for any
	Advertise string // as Bind; empty for the address bound
}

// Addresses are the addresses of an Spec on one host.
type Addresses struct {
	Bind      netip.AddrPort // to listen on; may be the unspecified address
	Advertise netip.AddrPort // to advertise; port 0 if that of Bind is 0
	// Reason says how Advertise (or Bind, on an interface) was chosen; empty if the user named it.
	Reason string
	// Interface is the one that Advertise was chosen from because Bind leaves the address open.
	Interface string
}

// Interface describes a network interface, as far as choosing an address needs it.
type Interface struct {
	Name  string
	Up    bool
	Addrs []netip.Addr
}

// Interfaces reads the interfaces of this host, in the system's order. Addresses that can't be
// read are left out.
func Interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("network interfaces: %w", err)
	}
	list := make([]Interface, 0, len(all))
	for _, i := range all {
		if n, err := readInterface(&i); err == nil { // else it went away meanwhile
			list = append(list, n)
		}
	}
	return list, nil
}

// readInterface reads the addresses of an interface. Those that can't be read are left out.
func readInterface(i *net.Interface) (Interface, error) {
	n := Interface{Name: i.Name, Up: i.Flags&net.FlagUp != 0}
	addrs, err := i.Addrs()
	if err != nil {
		return n, fmt.Errorf("interface %s: %w", i.Name, err)
	}
	n.Addrs = addrsOf(addrs)
	return n, nil
}

func addrsOf(addrs []net.Addr) (ips []netip.Addr) {
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			ips = append(ips, prefix.Addr().Unmap())
		}
	}
	return ips
}

func (i *Interface) has(ip netip.Addr) bool {
	for _, a := range i.Addrs {
		if a.WithZone("") == ip.WithZone("") {
			return true
		}
	}
	return false
}

// ChooseHere is Choose on this host, after the names in spec have been looked up. Where spec names
// all of it, the Reason says what the names stand for.
func ChooseHere(ctx context.Context, r Resolver, spec Spec) (Addresses, error) {
	spec, names, err := ResolveNames(ctx, r, spec)
	if err != nil {
		return Addresses{}, err
	}
	a, err := Choose(spec, Interfaces)
	if a.Reason == "" {
		a.Reason = names
	}
	return a, err
}

// Choose decides where to listen and which address to advertise. Where Bind leaves the
// address open, that is a private address if there is one, else a public one, else a loopback one.
// IPv4 goes before IPv6, unless Bind is [::]. interfaces lists those of this host, see
// Interfaces; it is called only if the choice depends on it, because some systems don't let
// every user list them.
func Choose(
	spec Spec, interfaces func() ([]Interface, error),
) (Addresses, error) {
	bind := netip.AddrPortFrom(netip.IPv4Unspecified(), DefaultPort)
	if spec.Bind != "" {
		var err error
		if bind, err = Parse(spec.Bind, DefaultPort); err != nil {
			return Addresses{}, fmt.Errorf("bind: %w", err)
		}
	}
	if bind.Addr().IsMulticast() {
		return Addresses{}, fmt.Errorf("bind: %v is a multicast address", bind.Addr())
	}
	a := Addresses{Bind: bind, Advertise: bind}
	var list []Interface
	if spec.Interface != "" || spec.Advertise == "" && bind.Addr().IsUnspecified() {
		var err error
		if list, err = interfaces(); err != nil {
			return Addresses{}, fmt.Errorf("%w; name an address with bind or advertise", err)
		}
	}
	if err := a.useInterface(spec.Interface, list); err != nil {
		return Addresses{}, err
	}
	if spec.Advertise != "" {
		return a, a.advertise(spec.Advertise)
	}
	if !a.Bind.Addr().IsUnspecified() {
		return a, a.checkAdvertised("bind")
	}
	picked, name, reason, ok := pickAddress(list, a.Bind.Addr().Is6())
	if !ok {
		return Addresses{}, errors.New("no interface has an address to tell the others: " +
			"set advertise, or bind to 127.0.0.1 to stay on this host")
	}
	if picked.Is6() && a.Bind.Addr().Is4() {
		// This takes both families.
		a.Bind = netip.AddrPortFrom(netip.IPv6Unspecified(), a.Bind.Port())
	}
	a.Advertise, a.Reason, a.Interface = netip.AddrPortFrom(picked, a.Bind.Port()), reason, name
	return a, nil
}

// useInterface picks the address of the named interface, or checks that it has the one to bind to.
func (a *Addresses) useInterface(name string, interfaces []Interface) error {
	if name == "" {
		return nil
	}
	i, err := findInterface(name, interfaces)
	if err != nil {
		return err
	}
	if ip := a.Bind.Addr(); !ip.IsUnspecified() {
		if i.has(ip) {
			return nil
		}
		return fmt.Errorf("interface: %s doesn't have the address %v, it has %v", name, ip, i.Addrs)
	}
	picked, _, reason, ok := pickAddress([]Interface{i}, a.Bind.Addr().Is6())
	if !ok {
		return fmt.Errorf("interface: %s has no usable address, it has %v", name, i.Addrs)
	}
	a.Bind = netip.AddrPortFrom(picked, a.Bind.Port())
	a.Advertise, a.Reason = a.Bind, reason
	return nil
}

func findInterface(name string, interfaces []Interface) (Interface, error) {
	var names []string
	for _, i := range interfaces {
		switch {
		case i.Name == name && i.Up:
			return i, nil
		case i.Name == name:
			return Interface{}, fmt.Errorf("interface: %s is down", name)
		}
		names = append(names, i.Name)
	}
	return Interface{}, fmt.Errorf("interface: no %q here, there are %s", name,
		strings.Join(names, ", "))
}

// advertise sets the address to advertise. The default port is that of Bind.
func (a *Addresses) advertise(text string) error {
	addr, err := Parse(text, a.Bind.Port())
	if err != nil {
		return fmt.Errorf("advertise: %w", err)
	}
	if addr.Port() == 0 && a.Bind.Port() != 0 {
		return fmt.Errorf("advertise: %q: nobody can reach port 0", text)
	}
	a.Advertise, a.Reason = addr, ""
	return a.checkAdvertised("advertise")
}

// checkAdvertised refuses addresses that would send the others nowhere, or to themselves.
func (a *Addresses) checkAdvertised(option string) error {
	ip := a.Advertise.Addr()
	reason := ""
	switch {
	case ip.IsUnspecified():
		reason = "the others can't send to the unspecified address"
	case ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		reason = "one member's address can't be that of many"
	case ip.Is6() && ip.IsLinkLocalUnicast():
		reason = "a link-local address means nothing without its zone, which others aren't told"
	case ip.IsLoopback() && !a.Bind.Addr().IsLoopback():
		reason = "the others would send to themselves; bind to it to stay on this host"
	}
	if reason != "" {
		return fmt.Errorf("%s: %v: %s", option, ip, reason)
	}
	return nil
}

// Complete is the address to advertise: addr as configured, with what it leaves open taken from
// bound.
func Complete(addr, bound netip.AddrPort) netip.AddrPort {
	ip, port := addr.Addr(), addr.Port()
	if !ip.IsValid() {
		ip = bound.Addr()
	}
	if port == 0 {
		port = bound.Port()
	}
	return netip.AddrPortFrom(ip, port)
}

// Parse reads IP, IP:port, [v6], [v6]:port or :port, which is the unspecified IPv4 address.
// Names are not looked up.
func Parse(text string, defaultPort uint16) (netip.AddrPort, error) {
	host, port, err := splitPort(text, defaultPort)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if host == "" {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), port), nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{},
			fmt.Errorf("%q: want IP, IP:port, [v6]:port, :port or the name of a host", text)
	}
	return netip.AddrPortFrom(ip.Unmap(), port), nil
}

// splitPort splits host, host:port, :port, v6, [v6] and [v6]:port into host, without brackets, and
// port.
func splitPort(text string, defaultPort uint16) (host string, port uint16, err error) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if inner, ok := strings.CutSuffix(inner, "]"); ok {
			return inner, defaultPort, nonEmpty(text, inner)
		}
	} else if n := strings.Count(text, ":"); n != 1 {
		return text, defaultPort, nonEmpty(text, text) // without a port, or IPv6
	}
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, fmt.Errorf("%q: want host, host:port or [v6]:port", text)
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q: port %q, allowed 0 to 65535", text, digits)
	}
	return host, uint16(n), nil
}

func nonEmpty(text, host string) error {
	if host == "" {
		return fmt.Errorf("%q: has no address", text)
	}
	return nil
}

// class is the kind of an address, for choosing which one to advertise.
type class uint8

const (
	useless class = iota
	private4
	public4
	private6
	public6
	loopback4
	loopback6
)

// In order of preference. A member bound to [::] advertises an IPv6 address if there is one.
var (
	fourFirst = []class{private4, public4, private6, public6, loopback4, loopback6}
	sixFirst  = []class{private6, public6, private4, public4, loopback6, loopback4}
)

var classNames = [...]string{
	private4:  "private IPv4 address",
	public4:   "public IPv4 address",
	private6:  "private IPv6 address",
	public6:   "public IPv6 address",
	loopback4: "loopback address, which only this host can reach",
	loopback6: "loopback address, which only this host can reach",
}

// pickAddress returns the preferred address of the interfaces that are up, the first among equals,
// with the name of its interface and the reason for the choice.
func pickAddress(
	interfaces []Interface, six bool,
) (ip netip.Addr, name, reason string, ok bool) {
	order := fourFirst
	if six {
		order = sixFirst
	}
	for rank, c := range order {
		ip, name, ok := firstOf(c, interfaces)
		if !ok {
			continue
		}
		reason = fmt.Sprintf("on %s, %s", name, classNames[c])
		if rank > 0 {
			reason += fmt.Sprintf(" (no %s found)", classNames[order[0]])
		}
		return ip, name, reason, true
	}
	return netip.Addr{}, "", "", false
}

func firstOf(c class, interfaces []Interface) (ip netip.Addr, name string, ok bool) {
	for _, i := range interfaces {
		if !i.Up {
			continue
		}
		for _, ip := range i.Addrs {
			if classify(ip) == c {
				return ip, i.Name, true
			}
		}
	}
	return netip.Addr{}, "", false
}

func classify(ip netip.Addr) class {
	switch {
	case ip.IsLoopback() && ip.Is4():
		return loopback4
	case ip.IsLoopback():
		return loopback6
	case !ip.IsGlobalUnicast(): // unspecified, multicast, link-local, broadcast
		return useless
	case ip.Is4() && (ip.IsPrivate() || carrierNAT.Contains(ip)):
		return private4
	case ip.Is4():
		return public4
	case ip.IsPrivate():
		return private6
	}
	return public6
}

// carrierNAT is shared address space (RFC 6598); cloud networks use it as private.
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// IsPublic reports whether ip can be reached from the internet: it is in none of the
// special-purpose ranges of RFC 6890.
func IsPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return ip.IsValid() && !ip.IsMulticast()
}

var special = parsePrefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "::/128", "::1/128", "64:ff9b::/96",
	"100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fc00::/7", "fe80::/10",
)

func parsePrefixes(texts ...string) []netip.Prefix {
	prefixes := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		prefixes[i] = netip.MustParsePrefix(text)
	}
	return prefixes
}
