package agent

import (
	"log/slog"
	"net/netip"
	"time"

	"serf/internal/hostaddr"
	"serf/swim"
)

// startAddressWatch starts watching the address, unless the user named one that this host need not
// have.
func (a *Agent) startAddressWatch() {
	addr := a.conf.Advertise
	w := hostaddr.NewWatch(a.conf.host, !a.addr.Addr().Is4(), addr, a.conf.Interface)
	bound := a.addr.Addr() == addr.Addr() && !addr.Addr().IsLoopback()
	followed, open := w.On != "" || bound, a.addr.Addr() == netip.IPv6Unspecified()
	if a.conf.host.All == nil || !followed && !open {
		return
	}
	a.workers.Go(func() {
		for a.driver.Sleep(a.conf.host.Poll) {
			if followed {
				a.watchAddress(w)
			}
			if open {
				a.watchFamilies()
			}
		}
	})
}

// watchFamilies tells the node if the families have changed.
func (a *Agent) watchFamilies() {
	f := a.conf.host.Families(a.addr.Addr(), a.advertised.Load().Addr())
	if f != a.sendable {
		if a.do(a.ctx, func(swim.Time) { a.loop.node.SetFamilies(f) }) == nil {
			a.sendable = f
		}
	}
}

// watchAddress looks once, and acts on it.
func (a *Agent) watchAddress(w *hostaddr.Watch) {
	alone := false
	if w.Advertised.Addr().IsLoopback() {
		a.read(func() { alone = a.loop.node.Swim().Live() <= 1 })
	}
	s, err := w.Look(time.Now(), alone)
	if err != nil {
		a.log.Repeatf(slog.LevelDebug, "agent", "interfaces",
			"Can't see whether this host still has its address: %v", err)
	}
	switch {
	case s.Move.IsValid():
		a.changeAddress(w, &s)
	case s.Lost && w.On == "":
		a.log.Warnf("agent", "this host has no longer %v, where this agent listens: nobody can "+
			"reach it "+
			"until that is back, or it is started with another address", w.Advertised.Addr())
	case s.Lost:
		a.log.Warnf("agent", "this host has no longer %v, which others are told, "+
			"and no other address for them yet", w.Advertised.Addr())
	case s.Back:
		a.log.Infof("agent", "this host has %v again", w.Advertised.Addr())
	}
}

// changeAddress advertises another address.
func (a *Agent) changeAddress(w *hostaddr.Watch, s *hostaddr.Step) {
	was := w.Advertised
	addr := netip.AddrPortFrom(s.Move, was.Port())
	err := a.try(a.ctx,
		func(now swim.Time) error { return a.loop.node.SetAddr(now, addr, &a.loop.out) })
	if err != nil {
		a.log.Repeatf(slog.LevelError, "agent", "readdress",
			"The others can't be told the new address %v: %v", addr, err)
		return
	}
	w.Moved(s)
	a.advertised.Store(&addr)
	a.log.Warnf("agent", "advertising %v instead of %v, which %s: %s", s.Move, was.Addr(),
		lossOf(was.Addr()), s.Reason)
	a.warnPublic(s.Move)
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
	if hostaddr.IsPublic(ip) && (len(a.conf.Keys) == 0 || a.conf.SendPlain) {
		a.log.Warnf("memberlist", "Binding to public address without encryption!")
	}
}
