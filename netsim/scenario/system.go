package scenario

import (
	"cmp"
	"math"
	"slices"
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
	for _, x := range []struct {
		name        string
		n           int
		least, most int
		unit        string
	}{
		{".mtu", f.MTU, minMTU, maxMTU, " bytes"}, {".entries", f.Entries, 1, maxEntries, ""},
		{".buffer", f.Buffer, 1, maxBuffer, " bytes"},
	} {
		v.bad(x.n == 0 || x.n >= x.least && x.n <= x.most, key+x.name, "%d: allowed %d to %d%s",
			x.n, x.least, x.most, x.unit)
	}
	for _, x := range [][4]string{
		{".tcp", f.TCP, "silent", "hang"}, {".error", f.Error, "unreachable", "refused"},
		{".first", f.First, "timers", "reads"},
	} {
		v.bad(x[1] == "" || slices.Contains(x[2:], x[1]), key+x[0], "%q: allowed are %s and %s",
			x[1], x[2], x[3])
	}
	v.within(key+".idle", f.Idle, 0, MaxTime)
	v.within(key+".jump", f.Jump, -MaxTime, MaxTime)
	v.bad(f.Rate == 0 || f.Rate >= minRate && f.Rate <= maxRate, key+".rate",
		"%v: allowed %v to %v", f.Rate, minRate, maxRate)
	v.bad(f.Kind != FaultClock || f.Rate != 0 || f.Length == 0 || f.Repeat > 1, key+".length",
		"has no meaning without rate")
	v.quota(key, f)
}

func (v *validator) quota(key string, f *Fault) {
	if f.Kind == FaultThrottle && f.Quota != 0 {
		v.within(key+".period", f.period(), minPeriod, maxPeriod)
		v.within(key+".quota", f.Quota, minPeriod, time.Duration(f.period()))
	}
}
