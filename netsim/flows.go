package netsim

import (
	"net/netip"
	"slices"
	"time"

	"serf/swim"
)

// Flows describes a table of flows before a host, as connection tracking and NAT have it: with whom
// the host exchanges packets. A flow is what passes between it and one address, both ways; each
// stream is one, too. The zero Flows is no table.
type Flows struct {
	// Max is how many flows it holds. When it is full, packets of others are dropped, in both
	// directions, and attempts to connect. 0: no limit.
	Max int
	// Idle is for how long a flow is known after its last packet; 0: for ever, or with Ports not
	// beyond the next packet that the host sends.
	Idle time.Duration
	// Ports gives each flow that the host begins a source port of its own, instead of the host's.
	// What is sent there arrives while the flow is known. What is sent to the host's own address
	// always arrives.
	Ports bool
}

// flowTable is the table before one host. Only the host's worker uses it while time passes.
type flowTable struct {
	Flows
	rule    int // the impairment that it belongs to
	flows   map[place]flow
	streams []swim.Time // when each stream began, in that order
	expires swim.Time   // no flow in flows expires before
	begun   int         // flows so far
	outside []place     // by port, with Ports
}

// flow is what a table knows of one flow.
type flow struct {
	last swim.Time
	port int // index in outside
}

// natPorts is how many ports a NAT has for one host. A port comes up again so much later that what
// was sent to it before is no longer on its way.
const (
	natPorts     = 32
	natPortFirst = 40_000
)

// addFlows puts the table of a rule before host h, if the rule has one.
func (s *Sim) addFlows(h int32, r *rule) {
	if r.Flows == (Flows{}) {
		return
	}
	t := &flowTable{Flows: r.Flows, rule: r.id, flows: make(map[place]flow)}
	s.cold[h].flows = append(s.cold[h].flows, t)
	s.tables++
	s.moveFlows(h)
}

// moveFlows gives the NATs before host h ports at the address where it lives now.
func (s *Sim) moveFlows(h int32) {
	at := s.hosts[h].place
	for _, t := range s.cold[h].flows {
		if !t.Ports || at == nowhere {
			continue
		}
		s.closePorts(t)
		for port := range natPorts {
			outside := netip.AddrPortFrom(s.places.addrs[at].Addr(), uint16(natPortFirst+port))
			t.outside = append(t.outside, s.places.add(outside))
			s.places.hosts[t.outside[port]] = h
		}
	}
}

func (s *Sim) closePorts(t *flowTable) {
	for _, outside := range t.outside {
		s.places.hosts[outside] = none
	}
	t.outside = t.outside[:0]
}

// removeFlows removes the tables before host h for which ok holds.
func (s *Sim) removeFlows(h int32, ok func(*flowTable) bool) {
	p := &s.cold[h]
	p.flows = slices.DeleteFunc(p.flows, func(t *flowTable) bool {
		if !ok(t) {
			return false
		}
		s.closePorts(t)
		s.tables--
		return true
	})
	s.moveFlows(h) // of two NATs, the ports of one may have been the other's
}

// admitOut reports whether host h may send a packet to a place.
func (w *worker) admitOut(h int32, to place) bool {
	for _, t := range w.sim.cold[h].flows {
		if !t.admit(to, w.now, t.Ports && t.Idle == 0) {
			return false
		}
	}
	return true
}

// admitIn reports whether a packet from a place gets to host h. to is where it was sent, and becomes
// the host's own address if it is that of a NAT.
func (w *worker) admitIn(h int32, from place, to *place) bool {
	for _, t := range w.sim.cold[h].flows {
		switch {
		case slices.Contains(t.outside, *to):
			f, known := t.flows[from]
			if !known || !t.knows(f, w.now) || t.outside[f.port] != *to {
				return false
			}
			*to = w.sim.hosts[h].place
		case !t.Ports && !t.admit(from, w.now, false):
			return false
		}
	}
	return true
}

// admitStream reports whether a stream may begin at host h.
func (w *worker) admitStream(h int32) bool {
	if w.sim.tables == 0 {
		return true
	}
	for _, t := range w.sim.cold[h].flows {
		if t.Ports {
			continue
		}
		if !t.room(w.now) {
			return false
		}
		t.streams = append(t.streams, w.now)
	}
	return true
}

// source is where a packet of host h seems to come from.
func (w *worker) source(h int32, to place) place {
	if w.sim.tables > 0 {
		for _, t := range w.sim.cold[h].flows {
			if f, known := t.flows[to]; known && len(t.outside) > 0 {
				return t.outside[f.port]
			}
		}
	}
	return w.sim.hosts[h].place
}

// admit reports whether a packet to or from a place passes, and notes that it does. With anew, it
// begins a flow in any case.
func (t *flowTable) admit(peer place, now swim.Time, anew bool) bool {
	f, known := t.flows[peer]
	if !known || anew || !t.knows(f, now) {
		delete(t.flows, peer)
		if !t.room(now) {
			return false
		}
		f.port = t.begun % natPorts
		t.begun++
	}
	f.last = now
	t.flows[peer] = f
	return true
}

func (t *flowTable) knows(f flow, now swim.Time) bool {
	return t.Idle == 0 || now.Sub(f.last) <= t.Idle
}

// room reports whether there is room for one more flow, and forgets those that are over if need be.
func (t *flowTable) room(now swim.Time) bool {
	full := func() bool { return t.Max > 0 && len(t.flows)+len(t.streams) >= t.Max }
	for t.Idle > 0 && len(t.streams) > 0 && now.Sub(t.streams[0]) > t.Idle {
		t.streams = t.streams[1:]
	}
	if !full() || now <= t.expires || t.Idle == 0 {
		return !full()
	}
	t.expires = now.Add(t.Idle) // as of one that begins now
	for peer, f := range t.flows {
		if t.knows(f, now) {
			t.expires = min(t.expires, f.last.Add(t.Idle))
		} else {
			delete(t.flows, peer)
		}
	}
	return !full()
}
