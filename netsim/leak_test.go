package netsim

import "testing"

// Of faults that have ended nothing is left, and nothing of the packets and streams that met them.
func TestNothingIsLeftOfFaultsThatEnded(t *testing.T) {
	for _, workers := range []int{1, 2} {
		s, _ := crowd(t, 1, Exponential(tick/2, tick), workers)
		s.Run(at(39 * tick))
		if s.tables == 0 || s.Stats().NoFlow == 0 || s.Stats().Rejected == 0 {
			t.Fatal("the faults do nothing")
		}
		s.At(at(40*tick)+1, func() {
			for h := range s.hosts {
				if m := s.Machine(h).(*gossipToy); m.self == h {
					m.every = 0 // says nothing more by itself
				}
			}
		})
		s.Run(at(40*tick + 2*clockCheck))
		if s.tables != 0 || s.impairments != 0 {
			t.Errorf("%d tables of flows and %d impairments are left", s.tables, s.impairments)
		}
		for i, addr := range s.places.addrs {
			if addr.Port() >= natPortFirst && s.places.hosts[i] != none {
				t.Errorf("port %v of a NAT is left", addr)
			}
		}
		for h := range s.cold {
			if p := &s.cold[h]; len(p.held)+len(p.flows)+len(p.in)+len(p.out)+p.heldSize > 0 {
				t.Errorf("host %d: %d things wait, %d tables, %d impairments", h, len(p.held), len(p.flows), len(p.in)+len(p.out))
			}
		}
		for _, w := range s.workers {
			calls, messages := len(w.calls.slots)-len(w.calls.free), len(w.messages.slots)-len(w.messages.free)
			flying := 0
			for _, c := range w.inFlight.chunks {
				flying += c.live
			}
			if calls+messages+flying > 0 {
				t.Errorf("worker %d of %d: %d calls, %d messages and %d packets are left", w.id, workers, calls, messages, flying)
			}
		}
	}
}
