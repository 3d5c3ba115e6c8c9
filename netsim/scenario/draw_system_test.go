package scenario

import (
	"math/bits"
	"time"

	"serf/netsim"
)

// systems adds faults of systems, in half of the scenarios. It has a stream of its own: the rest of
// a scenario is as without.
func (g *drawing) systems(seed uint64) {
	d := netsim.NewDraws(seed, 3, 0)
	if d.Below(2) > 0 {
		return
	}
	g.Draws = d
	for range 1 + g.Below(6) {
		f := systemFaults[g.Below(len(systemFaults))](g)
		f.Start = g.below(time.Duration(g.s.For))
		if f.Length = g.length(f.Start); f.Kind == FaultClock && f.Rate == 0 {
			f.Length = 0
		}
		g.fault(f)
	}
}

// oneOrSome draws a member, or about half of them.
func (g *drawing) oneOrSome() Who {
	if g.Below(3) == 0 {
		return g.half()
	}
	return g.one()
}

// someTo draws the other ends of a fault of the network: all, or some.
func (g *drawing) someTo() *Who {
	if g.coin() {
		return nil
	}
	to := g.oneOrSome()
	return &to
}

// upTo draws a duration of up to most, at least a millisecond.
func (g *drawing) upTo(most time.Duration) Duration {
	return Duration(time.Millisecond) + g.below(most)
}

// below draws a duration in [0, d), the same on all processors: an int may have 32 bits.
func (g *drawing) below(d time.Duration) Duration {
	hi, _ := bits.Mul64(g.Next(), uint64(d))
	return Duration(hi)
}

// systemFaults draw faults of each kind, without start and length.
var systemFaults = []func(g *drawing) Fault{
	func(g *drawing) Fault { // from what NTP corrects to a clock that nobody watches
		off := []float64{0.0005, 0.01, 0.1, 0.3}[g.Below(4)]
		if g.coin() {
			off = -off
		}
		return Fault{Kind: FaultClock, Who: g.oneOrSome(), Rate: 1 + off}
	},
	func(g *drawing) Fault {
		jump := g.upTo(60 * g.unit)
		if g.Below(4) == 0 {
			jump = -jump
		}
		return Fault{Kind: FaultClock, Who: g.oneOrSome(), Jump: jump}
	},
	func(g *drawing) Fault {
		return Fault{
			Kind: FaultSuspend, Who: g.oneOrSome(), Buffer: []int{0, 10_000, 200_000}[g.Below(3)],
			ClockStops: g.coin(), First: []string{"", "timers", "reads"}[g.Below(3)],
		}
	},
	func(g *drawing) Fault {
		return Fault{Kind: FaultMTU, Who: g.oneOrSome(), To: g.someTo(), Way: g.way(), MTU: 300 + g.Below(1100)}
	},
	func(g *drawing) Fault {
		return Fault{Kind: FaultHalfOpen, Who: g.oneOrSome(), To: g.someTo(), Way: g.way(), TCP: []string{"", "hang"}[g.Below(2)]}
	},
	func(g *drawing) Fault {
		to := g.oneOrSome()
		return Fault{Kind: FaultReject, Who: g.one(), To: &to, Way: g.way(), Error: []string{"", "refused"}[g.Below(2)]}
	},
	func(g *drawing) Fault {
		return Fault{Kind: FaultConntrack, Who: g.oneOrSome(), Entries: 1 + g.Below(2*g.s.Members), Idle: g.upTo(60 * g.unit)}
	},
	func(g *drawing) Fault {
		f := Fault{Kind: FaultNATPorts, Who: g.oneOrSome()}
		if g.coin() {
			f.Idle = g.upTo(10 * g.unit)
		}
		return f
	},
	func(g *drawing) Fault {
		return Fault{Kind: FaultReceiveBuffer, Who: g.oneOrSome(), Buffer: 1 + g.Below(20_000)}
	},
	func(g *drawing) Fault {
		f := Fault{Kind: FaultThrottle, Who: g.oneOrSome(), Quota: g.upTo(90 * time.Millisecond)}
		if g.Below(4) == 0 {
			f.Period = Duration(time.Second)
		}
		return f
	},
	func(g *drawing) Fault { return Fault{Kind: FaultOwnName, Who: g.oneOrSome()} },
}
