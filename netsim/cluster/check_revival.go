package cluster

import "serf/swim"

// revivalCheck: a member that somebody considers dead or left becomes alive there only at a higher
// incarnation, or at another address.
type revivalCheck struct {
	passive
	known []seen // pairs
}

func newRevivalCheck(p passive) *revivalCheck {
	return &revivalCheck{p, make([]seen, p.Len()*p.Len())}
}

func (k *revivalCheck) restarted(i int) { clear(k.known[i*k.Len() : (i+1)*k.Len()]) }

func (k *revivalCheck) sweep() { k.eachView(k.look) }

func (k *revivalCheck) event(_ swim.Time, host int, e *swim.Event) {
	k.viewsIn(e, host, k.look)
}

func (k *revivalCheck) look(observer, subject int, v swim.Member) {
	was := &k.known[observer*k.Len()+subject]
	if gone(was.state) && was.inc > 0 && !gone(v.State) && v.Inc <= was.inc && v.Addr == was.addr {
		k.Violate("revival", "%s had %s %v at incarnation %d and now %v at %d",
			k.Name(observer), k.Name(subject), was.state, was.inc, v.State, v.Inc)
	}
	*was = seen{v.Inc, v.State, v.Addr}
}

func gone(s swim.State) bool { return s == swim.Dead || s == swim.Left }
