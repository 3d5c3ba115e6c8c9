package agent

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"serf/swim"
)

const (
	// addressPoll is how often the agent checks that this host still has its address. Reading one
	// interface takes a tenth of a millisecond.
	addressPoll = time.Second
	// addressGrace is how long an interface may be without an address before another interface's is
	// advertised: while a lease changes there is none.
	addressGrace = 3 * time.Second
)

// hostAddrs reads the addresses of this host; tests replace it.
type hostAddrs struct {
	all   func() ([]NetInterface, error)
	named func(name string) (NetInterface, error) // of one; it costs much less
	ips   func() ([]netip.Addr, error)            // of all, up or not

	poll, grace time.Duration // addressPoll, addressGrace
}

var systemAddrs = hostAddrs{NetInterfaces, interfaceNamed, hostIPs, addressPoll, addressGrace}

// errNoInterface says that there is no interface of that name, or no longer.
var errNoInterface = errors.New("no such interface")

func interfaceNamed(name string) (NetInterface, error) {
	i, err := net.InterfaceByName(name)
	if err != nil { // the system doesn't tell apart that there is none and that it can't be read
		return NetInterface{}, errNoInterface
	}
	return readInterface(i)
}

func hostIPs() ([]netip.Addr, error) {
	addrs, err := net.InterfaceAddrs()
	return addrsOf(addrs), err
}

// addressWatch follows the address that this member advertises.
type addressWatch struct {
	host       hostAddrs
	six        bool // the sockets take IPv6, too
	advertised netip.AddrPort
	on         string // the interface that has it; empty if the user named it

	// home is the interface that the address was chosen from at the start, and like its kind: the
	// watch returns to such an address as soon as there is one. Other interfaces, such as a bridge
	// of virtual machines, may not lead to the others.
	home string
	like class

	lost  time.Time // when the address was first missed; zero if it is there
	noted bool      // the loss has been logged
}

// step is the result of one look.
type step struct {
	move   netip.Addr // to be advertised from now on, if valid
	on     string
	reason string

	lost, back bool // to be logged: the address is gone with no other in sight, or is back
}

// look decides what to do now. alone says that no other member can be using the present address.
func (w *addressWatch) look(now time.Time, alone bool) (step, error) {
	switch {
	case w.on == "":
		ips, err := w.host.ips()
		return w.note(err != nil || slices.Contains(ips, w.advertised.Addr()), now), err
	case w.advertised.Addr().IsLoopback() && alone: // no interface was up at the start
		return w.elsewhere(step{})
	case w.advertised.Addr().IsLoopback():
		return step{}, nil
	}
	present, err := w.present()
	if err != nil {
		return step{}, err
	}
	if present && w.on == w.home && classify(w.advertised.Addr()) == w.like {
		return w.note(true, now), nil // nearly always
	}
	if ip, ok := w.atHome(); ok {
		return step{move: ip, on: w.home, reason: "on " + w.home + ", as before"}, nil
	}
	s := w.note(present, now)
	if present || now.Sub(w.lost) < w.host.grace {
		return s, nil
	}
	return w.elsewhere(s)
}

// note records whether the address is there, and reports changes.
func (w *addressWatch) note(present bool, now time.Time) step {
	if present {
		back := w.noted
		w.lost, w.noted = time.Time{}, false
		return step{back: back}
	}
	if w.lost.IsZero() {
		w.lost = now
	}
	first := !w.noted && now.Sub(w.lost) >= w.host.grace
	w.noted = w.noted || first
	return step{lost: first}
}

// present says whether the address is still where it was.
func (w *addressWatch) present() (bool, error) {
	i, err := w.host.named(w.on)
	if errors.Is(err, errNoInterface) {
		return false, nil
	}
	if err != nil || !i.Up {
		return false, err
	}
	return i.has(w.advertised.Addr()), nil
}

// atHome returns an address of the first kind on the first interface.
func (w *addressWatch) atHome() (netip.Addr, bool) {
	i, err := w.host.named(w.home)
	if err != nil || !i.Up {
		return netip.Addr{}, false
	}
	for _, ip := range i.Addrs {
		if classify(ip) == w.like && ip != w.advertised.Addr() {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// elsewhere picks an address of any interface that the others can use; without one it returns s.
func (w *addressWatch) elsewhere(s step) (step, error) {
	all, err := w.host.all()
	if err != nil {
		return s, err
	}
	var usable []NetInterface
	for _, i := range all {
		i.Addrs = w.usable(i.Addrs)
		usable = append(usable, i)
	}
	ip, name, reason, ok := pickAddress(usable, w.six)
	if !ok || ip == w.advertised.Addr() && name == w.on {
		return s, nil
	}
	if w.advertised.Addr().IsLoopback() {
		w.home, w.like = name, classify(ip) // it wasn't at home yet
	}
	return step{move: ip, on: name, reason: reason}, nil
}

func (w *addressWatch) usable(ips []netip.Addr) (usable []netip.Addr) {
	for _, ip := range ips {
		if (ip.Is4() || w.six) && !ip.IsLoopback() {
			usable = append(usable, ip)
		}
	}
	return usable
}

// moved records that another address is advertised now.
func (w *addressWatch) moved(s *step) netip.AddrPort {
	w.advertised, w.on, w.lost, w.noted = netip.AddrPortFrom(s.move, w.advertised.Port()), s.on, time.Time{},
		false
	return w.advertised
}

// startAddressWatch starts watching the address, unless the user named one that this host need not
// have.
func (a *Agent) startAddressWatch() {
	addr := a.conf.Serf.Addr
	w := &addressWatch{
		host: a.conf.host, six: !a.addr.Addr().Is4(), advertised: addr,
		on: a.conf.Interface, home: a.conf.Interface, like: classify(addr.Addr()),
	}
	bound := a.addr.Addr() == addr.Addr() && !addr.Addr().IsLoopback()
	followed, open := w.on != "" || bound, a.addr.Addr() == netip.IPv6Unspecified()
	if a.conf.host.all == nil || !followed && !open {
		return
	}
	a.workers.Go(func() {
		for sleep(a.ctx, a.conf.host.poll) {
			if followed {
				a.watchAddress(w)
			}
			if open {
				a.watchFamilies()
			}
		}
	})
}

// families are the versions of IP that can be sent to: those of the socket for which the host has
// addresses. 0 means both, or unknown.
func (a *Agent) families() swim.Families {
	switch bound := a.addr.Addr(); {
	case bound.Is4():
		return swim.IPv4
	case !bound.IsUnspecified():
		return swim.IPv6
	case a.conf.host.ips == nil:
		return 0
	}
	ips, err := a.conf.host.ips()
	if err != nil {
		return 0
	}
	return familiesOf(ips, a.advertised.Load().Addr().IsLoopback())
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

// watchFamilies tells the node if the families have changed.
func (a *Agent) watchFamilies() {
	if f := a.families(); f != a.sendable {
		if a.do(a.ctx, func(swim.Time) { a.loop.node.SetFamilies(f) }) == nil {
			a.sendable = f
		}
	}
}

// watchAddress looks once, and acts on it.
func (a *Agent) watchAddress(w *addressWatch) {
	alone := false
	if w.advertised.Addr().IsLoopback() {
		a.read(func() { alone = a.loop.node.Swim().Live() <= 1 })
	}
	s, err := w.look(time.Now(), alone)
	if err != nil {
		a.log.Repeatf(slog.LevelDebug, "agent", "interfaces",
			"Can't see whether this host still has its address: %v", err)
	}
	switch {
	case s.move.IsValid():
		a.changeAddress(w, &s)
	case s.lost && w.on == "":
		a.log.Warnf("agent", "this host has no longer %v, where this agent listens: nobody can "+
			"reach it "+
			"until that is back, or it is started with another address", w.advertised.Addr())
	case s.lost:
		a.log.Warnf("agent", "this host has no longer %v, which others are told, "+
			"and no other address for them yet", w.advertised.Addr())
	case s.back:
		a.log.Infof("agent", "this host has %v again", w.advertised.Addr())
	}
}

// changeAddress advertises another address.
func (a *Agent) changeAddress(w *addressWatch, s *step) {
	was := w.advertised
	addr := netip.AddrPortFrom(s.move, was.Port())
	err := a.try(a.ctx,
		func(now swim.Time) error { return a.loop.node.SetAddr(now, addr, &a.loop.out) })
	if err != nil {
		a.log.Repeatf(slog.LevelError, "agent", "readdress",
			"The others can't be told the new address %v: %v", addr, err)
		return
	}
	w.moved(s)
	a.advertised.Store(&addr)
	a.log.Warnf("agent", "advertising %v instead of %v, which %s: %s", s.move, was.Addr(),
		lossOf(was.Addr()), s.reason)
	a.warnPublic(s.move)
	if f := a.conf.AddressChanged; f != nil {
		f(addr)
	}
}

func lossOf(ip netip.Addr) string {
	if ip.IsLoopback() {
		return "only this host can reach"
	}
	return "this host has no longer"
}

// warnPublic warns if an address that everybody can send to is used without encryption.
func (a *Agent) warnPublic(ip netip.Addr) {
	if s := a.conf.Serf.Sealer; IsPublic(ip) && (s == nil || s.Keys == nil || s.PlainOut) {
		a.log.Warnf("memberlist", "Binding to public address without encryption!")
	}
}
