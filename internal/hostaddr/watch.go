package hostaddr

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"serf/swim"
)

const (
	// pollEvery is how often the agent checks that this host still has its address. Reading one
	// interface takes a tenth of a millisecond.
	pollEvery = time.Second
	// graceTime is how long an interface may be without an address before another interface's is
	// advertised: while a lease changes there is none.
	graceTime = 3 * time.Second
)

// Host reads the addresses of a host. The zero value reads nothing.
type Host struct {
	All   func() ([]Interface, error)
	Named func(name string) (Interface, error) // of one; it costs much less
	IPs   func() ([]netip.Addr, error)         // of all, up or not

	Poll, Grace time.Duration // pollEvery, graceTime
}

// System is this host.
var System = Host{Interfaces, interfaceNamed, hostIPs, pollEvery, graceTime}

// errNoInterface says that there is no interface of that name, or no longer.
var errNoInterface = errors.New("no such interface")

func interfaceNamed(name string) (Interface, error) {
	i, err := net.InterfaceByName(name)
	if err != nil { // the system doesn't tell apart that there is none and that it can't be read
		return Interface{}, errNoInterface
	}
	return readInterface(i)
}

func hostIPs() ([]netip.Addr, error) {
	addrs, err := net.InterfaceAddrs()
	return addrsOf(addrs), err
}

// Watch follows the address that this member advertises. One goroutine uses it.
type Watch struct {
	host       Host
	six        bool // the sockets take IPv6, too
	Advertised netip.AddrPort
	On         string // the interface that has it; empty if the user named it

	// home is the interface that the address was chosen from at the start, and like its kind: the
	// watch returns to such an address as soon as there is one. Other interfaces, such as a bridge
	// of virtual machines, may not lead to the others.
	home string
	like class

	lost  time.Time // when the address was first missed; zero if it is there
	noted bool      // the loss has been logged
}

// Step is the result of one Look.
type Step struct {
	Move   netip.Addr // to be advertised from now on, if valid
	Reason string     // for it
	on     string

	Lost, Back bool // to be logged: the address is gone with no other in sight, or is back
}

// Look decides what to do now. alone says that no other member can be using the present address.
func (w *Watch) Look(now time.Time, alone bool) (Step, error) {
	switch {
	case w.On == "":
		ips, err := w.host.IPs()
		return w.note(err != nil || slices.Contains(ips, w.Advertised.Addr()), now), err
	case w.Advertised.Addr().IsLoopback() && alone: // no interface was up at the start
		return w.elsewhere(Step{})
	case w.Advertised.Addr().IsLoopback():
		return Step{}, nil
	}
	present, err := w.present()
	if err != nil {
		return Step{}, err
	}
	if present && w.On == w.home && classify(w.Advertised.Addr()) == w.like {
		return w.note(true, now), nil // nearly always
	}
	if ip, ok := w.atHome(); ok {
		return Step{Move: ip, on: w.home, Reason: "on " + w.home + ", as before"}, nil
	}
	s := w.note(present, now)
	if present || now.Sub(w.lost) < w.host.Grace {
		return s, nil
	}
	return w.elsewhere(s)
}

// note records whether the address is there, and reports changes.
func (w *Watch) note(present bool, now time.Time) Step {
	if present {
		back := w.noted
		w.lost, w.noted = time.Time{}, false
		return Step{Back: back}
	}
	if w.lost.IsZero() {
		w.lost = now
	}
	first := !w.noted && now.Sub(w.lost) >= w.host.Grace
	w.noted = w.noted || first
	return Step{Lost: first}
}

// present says whether the address is still where it was.
func (w *Watch) present() (bool, error) {
	i, err := w.host.Named(w.On)
	if errors.Is(err, errNoInterface) {
		return false, nil
	}
	if err != nil || !i.Up {
		return false, err
	}
	return i.has(w.Advertised.Addr()), nil
}

// atHome returns an address of the first kind on the first interface.
func (w *Watch) atHome() (netip.Addr, bool) {
	i, err := w.host.Named(w.home)
	if err != nil || !i.Up {
		return netip.Addr{}, false
	}
	for _, ip := range i.Addrs {
		if classify(ip) == w.like && ip != w.Advertised.Addr() {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// elsewhere picks an address of any interface that the others can use; without one it returns s.
func (w *Watch) elsewhere(s Step) (Step, error) {
	all, err := w.host.All()
	if err != nil {
		return s, err
	}
	var usable []Interface
	for _, i := range all {
		i.Addrs = w.usable(i.Addrs)
		usable = append(usable, i)
	}
	ip, name, reason, ok := pickAddress(usable, w.six)
	if !ok || ip == w.Advertised.Addr() && name == w.On {
		return s, nil
	}
	if w.Advertised.Addr().IsLoopback() {
		w.home, w.like = name, classify(ip) // it wasn't at home yet
	}
	return Step{Move: ip, on: name, Reason: reason}, nil
}

func (w *Watch) usable(ips []netip.Addr) (usable []netip.Addr) {
	for _, ip := range ips {
		if (ip.Is4() || w.six) && !ip.IsLoopback() {
			usable = append(usable, ip)
		}
	}
	return usable
}

// Moved records that another address is advertised now.
func (w *Watch) Moved(s *Step) netip.AddrPort {
	w.Advertised, w.On, w.lost, w.noted = netip.AddrPortFrom(s.Move, w.Advertised.Port()), s.on, time.Time{},
		false
	return w.Advertised
}

// NewWatch returns a watch of the address that a member advertises, which is on an interface of the
// host, or if on is empty was named by a user. six says that the member's sockets take IPv6, too.
func NewWatch(host Host, six bool, advertised netip.AddrPort, on string) *Watch {
	return &Watch{host: host, six: six, Advertised: advertised, On: on, home: on,
		like: classify(advertised.Addr())}
}

// Families are the versions of IP that a socket bound to that address can send to: those that it
// takes and for which the host has addresses like the one that is advertised. 0 means both, or
// unknown.
func (h Host) Families(bound, advertised netip.Addr) swim.Families {
	switch {
	case bound.Is4():
		return swim.IPv4
	case !bound.IsUnspecified():
		return swim.IPv6
	case h.IPs == nil:
		return 0
	}
	ips, err := h.IPs()
	if err != nil {
		return 0
	}
	return familiesOf(ips, advertised.IsLoopback())
}

// familiesOf are the versions of IP among a host's addresses, counting either the loopback
// addresses alone or all others.
func familiesOf(ips []netip.Addr, loopback bool) (f swim.Families) {
	for _, ip := range ips {
		switch {
		case ip.IsLoopback() != loopback:
		case ip.Is4():
			f |= swim.IPv4
		case !ip.IsLinkLocalUnicast(): // which all interfaces have that are up
			f |= swim.IPv6
		}
	}
	return f
}
