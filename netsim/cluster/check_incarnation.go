package cluster

import (
	"net/netip"

	"serf/swim"
)

// incarnationCheck: the incarnation that a member knows of another never decreases, unless the
// other has moved: a restart begins at 1 again.
type incarnationCheck struct {
	passive
	known []seen // pairs
}

// seen is what an observer knew of a subject when last looked at.
type seen struct {
	inc   uint32 // 0: nothing
	state swim.State
	addr  netip.AddrPort
}

func newIncarnationCheck(p passive) *incarnationCheck {
	return &incarnationCheck{p, make([]seen, p.Len()*p.Len())}
}

func (k *incarnationCheck) restarted(i int) { clear(k.known[i*k.Len() : (i+1)*k.Len()]) }

func (k *incarnationCheck) sweep() { k.eachView(k.look) }

func (k *incarnationCheck) event(_ swim.Time, host int, e *swim.Event) {
	k.viewsIn(e, host, k.look)
}

func (k *incarnationCheck) look(observer, subject int, v swim.Member) {
	was := &k.known[observer*k.Len()+subject]
	if v.Inc < was.inc && v.Addr == was.addr {
		k.Violate("incarnation", "%s knew %s at incarnation %d and now at %d",
			k.Name(observer), k.Name(subject), was.inc, v.Inc)
	}
	*was = seen{v.Inc, v.State, v.Addr}
}
