package scenario

import (
	"cmp"
	"math"
	"time"

	"serf/netsim"
	"serf/netsim/cluster"
)

// Faults of systems: what routers, firewalls, kernels and clocks do to a node, beyond what a worse
// network does.

// Defaults and limits of such faults.
const (
	// defaultIdle is for how long Linux knows a UDP flow.
	defaultIdle = Duration(30 * time.Second)
	// defaultPeriod is that of a cgroup's quota of processor time.
	defaultPeriod = Duration(100 * time.Millisecond)
	// minPeriod and maxPeriod are what Linux allows for it, and minPeriod is its least quota.
	minPeriod = time.Millisecond
	maxPeriod = time.Second
	// minMTU is that of IPv4, maxMTU the largest packet.
	minMTU = 68
	maxMTU = 65_535
	// maxEntries is the default of Linux on a large host.
	maxEntries = 262_144
	// maxBuffer is more than systems let a socket have.
	maxBuffer = 1 << 30
	// minRate and maxRate are far beyond what oscillators, or corrections by NTP, amount to: about
	// 0.02 and 10 percent.
	minRate = 0.5
	maxRate = 2
)

func (f *Fault) idle() Duration {
	if f.Kind == FaultConntrack {
		return cmp.Or(f.Idle, defaultIdle)
	}
	return f.Idle
}

func (f *Fault) period() Duration {
	if f.Kind == FaultThrottle {
		return cmp.Or(f.Period, defaultPeriod)
	}
	return 0
}

// streams is what f does to streams.
func (f *Fault) streams() netsim.StreamFault {
	switch {
	case f.Kind == FaultHalfOpen && f.TCP == "hang":
		return netsim.StreamsHang
	case f.Kind == FaultHalfOpen:
		return netsim.StreamsSilent
	case f.Kind == FaultReject && f.Error == "refused":
		return netsim.StreamsRefuse
	}
	return netsim.StreamsPass
}

// drift is how much too fast the clocks of f are.
func (f *Fault) drift() netsim.Rate {
	if f.Rate == 0 {
		return 0
	}
	return netsim.Rate(math.Round((f.Rate - 1) * float64(netsim.RightRate)))
}

// disturb has f happen to the hosts of members for its length.
func (run *scenarioRun) disturb(f *Fault, members []int) {
	c := run.c
	end := func() {}
	switch f.Kind {
	case FaultClock:
		if f.Jump != 0 {
			c.Leap(members, time.Duration(f.Jump))
		}
		if f.Rate != 0 {
			end = c.Drift(members, f.drift())
		}
	case FaultThrottle:
		end = c.Throttle(members, time.Duration(f.Quota), time.Duration(f.period()))
	case FaultOwnName:
		end = c.NameSelf(members)
	case FaultSuspend:
		first := map[string]netsim.First{"timers": netsim.TimersFirst, "reads": netsim.ReadsFirst}
		how := cluster.Suspension{
			Buffer: f.Buffer, ClockStops: f.ClockStops, First: first[f.First], // else either
		}
		for _, i := range members {
			c.Suspend(i, cmp.Or(time.Duration(f.Length), MaxTime), how)
		}
		return
	}
	if f.Length > 0 {
		c.Sim().After(time.Duration(f.Length), end)
	}
}

// system checks the keys of faults of systems. kindOf has seen to it that no others are set.
func (v *validator) system(key string, f *Fault) {
	number := func(name string, n, least, most int, unit string) {
		v.bad(n == 0 || n >= least && n <= most, joinKey(key, name), "%d: allowed %d to %d%s", n,
			least, most, unit)
	}
	word := func(name, got, one, other string) {
		v.bad(got == "" || got == one || got == other, joinKey(key, name),
			"%q: allowed are %s and %s", got, one, other)
	}
	number("mtu", f.MTU, minMTU, maxMTU, " bytes")
	number("entries", f.Entries, 1, maxEntries, "")
	number("buffer", f.Buffer, 1, maxBuffer, " bytes")
	word("tcp", f.TCP, "silent", "hang")
	word("error", f.Error, "unreachable", "refused")
	word("first", f.First, "timers", "reads")
	v.within(key+".idle", f.Idle, 0, MaxTime)
	v.within(key+".jump", f.Jump, -MaxTime, MaxTime)
	v.bad(f.Rate == 0 || f.Rate >= minRate && f.Rate <= maxRate, key+".rate",
		"%v: allowed %v to %v", f.Rate, minRate, maxRate)
	v.bad(f.Kind != FaultClock || f.Rate != 0 || f.Length == 0 || f.Repeat > 1, key+".length",
		"has no meaning without rate")
	v.quota(key, f)
}

func (v *validator) quota(key string, f *Fault) {
	if f.Kind != FaultThrottle {
		return
	}
	v.bad(f.Period == 0 || f.Period >= Duration(minPeriod) && f.Period <= Duration(maxPeriod),
		key+".period", "%v: allowed %v to %v", f.Period, minPeriod, maxPeriod)
	v.bad(f.Quota == 0 || f.Quota >= Duration(minPeriod) && f.Quota <= f.period(), key+".quota",
		"%v: allowed %v to the period, %v", f.Quota, minPeriod, f.period())
}
