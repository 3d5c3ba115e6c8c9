package hostaddr

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// gatherTime is how long resolved addresses wait for those that are still being looked up, to be
// contacted together.
const gatherTime = 50 * time.Millisecond

// Finder resolves join addresses for a member.
type Finder struct {
	Resolver Resolver
	Port     uint16                  // of addresses without one
	Own      map[netip.AddrPort]bool // the member's own addresses, which it need not contact
}

// Each resolves join addresses and passes them on in batches as they are resolved, each once. It
// counts the member's own addresses instead. err is about names that couldn't be resolved.
func (f *Finder) Each(ctx context.Context, addrs []string,
	contact func(batch []netip.AddrPort)) (own int, err error) {
	seen := make(map[netip.AddrPort]bool)
	results := resolveEach(ctx, f.Resolver, addrs, f.Port)
	errs := make([]error, len(addrs), len(addrs)+1)
	batch := make([][]netip.AddrPort, len(addrs)) // in the order of addrs
	var full <-chan time.Time
	flush := func() {
		if all := slices.Concat(batch...); len(all) > 0 {
			contact(all)
		}
		clear(batch)
		full = nil
	}
	for {
		select {
		case r, ok := <-results:
			if !ok {
				flush()
				if len(seen) > joinTargets {
					errs = append(errs, tooManyTargets(len(seen)))
				}
				return own, errors.Join(errs...)
			}
			errs[r.index] = r.err
			for _, addr := range r.targets {
				switch fresh := !seen[addr]; {
				case fresh && f.Own[addr]:
					own++
				case fresh && len(seen) < joinTargets:
					batch[r.index] = append(batch[r.index], addr)
				}
				seen[addr] = true
			}
			if full == nil {
				full = time.After(gatherTime)
			}
		case <-full:
			flush()
		}
	}
}

// Own are the addresses by which a member reaches itself: the one bound, on every interface if it is
// unspecified, and the one advertised.
func Own(bound, advertised netip.AddrPort) map[netip.AddrPort]bool {
	local := map[netip.AddrPort]bool{bound: true, advertised: true}
	if !bound.Addr().IsUnspecified() {
		return local
	}
	ifaces, err := net.InterfaceAddrs()
	if err != nil {
		return local // less is known, but nothing is wrong
	}
	for _, i := range ifaces {
		if n, ok := i.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				local[netip.AddrPortFrom(ip.Unmap(), bound.Port())] = true
			}
		}
	}
	return local
}
