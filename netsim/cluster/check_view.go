package cluster

import (
	"net/netip"

	"serf/swim"
)

// viewCheck holds what a member knows of another to two rules. The incarnation never decreases, and
// one that is considered dead or left becomes alive only at a higher incarnation. Neither holds when
// the other has moved, as a restart begins at 1 again, or was forgotten.
type viewCheck struct {
	passive
	known []seen // pairs
	swept []sweptView
}

// seen is what an observer knew of a subject when last looked at.
type seen struct {
	inc   uint32 // 0: nothing
	state swim.State
	addr  netip.AddrPort
}

// sweptView says up to which change an observer's views have been looked at.
type sweptView struct {
	node    *swim.Node // a restart makes another, as does a restored state
	changes uint64
}

func newViewCheck(p passive) *viewCheck {
	return &viewCheck{p, make([]seen, p.c.Len()*p.c.Len()), make([]sweptView, p.c.Len())}
}

func (k *viewCheck) restarted(i int) { clear(k.known[i*k.c.Len() : (i+1)*k.c.Len()]) }

// sweepViews is about how many views a sweep looks at, at most. In larger clusters the observers take
// turns. Views named in an event are looked at with the event.
const sweepViews = 4000

func (k *viewCheck) sweep() {
	turns := (k.c.Len()*k.c.Len() + sweepViews - 1) / sweepViews
	for o := int(k.c.Now()/swim.Time(sweepInterval)) % turns; o < k.c.Len(); o += turns {
		if k.c.Node(o) == nil {
			continue
		}
		n := k.c.Node(o).Swim()
		now := sweptView{n, n.ViewChanges()}
		if now == k.swept[o] {
			continue
		}
		k.swept[o] = now
		for s := range k.c.members {
			v, _ := n.View(id(s))
			k.look(o, s, &v)
		}
	}
}

func (k *viewCheck) event(_ swim.Time, observer int, e *swim.Event) {
	if s, ok := k.c.Index(e.Member); ok && e.Kind == swim.EventForgotten {
		k.known[observer*k.c.Len()+s] = seen{} // it may be met anew before the next sweep
	}
	for _, id := range e.Members {
		if s, ok := k.c.Index(id); ok && k.c.Node(observer) != nil {
			v, _ := k.c.Node(observer).Swim().View(id)
			k.look(observer, s, &v)
		}
	}
}

func (k *viewCheck) look(observer, subject int, v *swim.Member) {
	was := &k.known[observer*k.c.Len()+subject]
	if *was != (seen{v.Inc, v.State, v.Addr}) {
		k.judge(observer, subject, was, v)
		*was = seen{v.Inc, v.State, v.Addr}
	}
}

func (k *viewCheck) judge(observer, subject int, was *seen, v *swim.Member) {
	if v.Addr != was.addr {
		return
	}
	if v.Inc < was.inc {
		k.c.Violate("incarnation", "%s knew %s at incarnation %d and now at %d",
			k.c.Name(observer), k.c.Name(subject), was.inc, v.Inc)
	}
	if gone(was.state) && was.inc > 0 && !gone(v.State) && v.Inc <= was.inc {
		k.c.Violate("revival", "%s had %s %v at incarnation %d and now %v at %d",
			k.c.Name(observer), k.c.Name(subject), was.state, was.inc, v.State, v.Inc)
	}
}

func gone(s swim.State) bool { return s == swim.Dead || s == swim.Left }
