package cluster

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"serf/netsim"
	"serf/swim"
)

// Profile is a set of timings and the network that they are meant for.
type Profile struct {
	Name   string
	Timing swim.Timing
	Link   netsim.Link // without faults
}

var profiles = []Profile{
	{"lan", swim.LAN(),
		netsim.Link{Latency: netsim.Exponential(100*time.Microsecond, 500*time.Microsecond)}},
	{"wan", swim.WAN(),
		netsim.Link{Latency: netsim.LogNormal(10*time.Millisecond, 60*time.Millisecond, 0.4)}},
	{"local", swim.Local(),
		netsim.Link{Latency: netsim.Uniform(20*time.Microsecond, 100*time.Microsecond)}},
}

// ProfileByName returns the profile lan, wan or local.
func ProfileByName(name string) (Profile, error) {
	i := slices.IndexFunc(profiles, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, fmt.Errorf("profile %q: allowed are %s", name,
			strings.Join(ProfileNames(), ", "))
	}
	return profiles[i], nil
}

// ProfileNames lists the profiles.
func ProfileNames() []string {
	var names []string
	for _, p := range profiles {
		names = append(names, p.Name)
	}
	return names
}

// The formulas below are written from the protocol, not from the code of package swim: its
// behaviour is held to them. n is the number of members.

// suspicionMin is the least time that a suspect has to refute.
func (p *Profile) suspicionMin(n int) time.Duration {
	scale := max(1, math.Log10(max(1, float64(n))))
	return time.Duration(float64(p.Timing.SuspicionMult) * scale * float64(p.Timing.ProbeInterval))
}

// suspicionMax is the longest, when nobody else confirms. Clusters too small for confirmations
// don't wait for any.
func (p *Profile) suspicionMax(n int) time.Duration {
	if n-2 < p.Timing.SuspicionMult-2 {
		return p.suspicionMin(n)
	}
	return time.Duration(p.Timing.SuspicionMaxMult) * p.suspicionMin(n)
}

// quietRounds bounds the probe intervals until somebody probes a given member. Each other member
// does with probability 1/(n-1) in an interval, so nobody does in k intervals with probability e^-k
// at most; and each one does within two of its rounds of n-1 in any case.
func quietRounds(n int) int {
	const unlikely = 14 // e^-14 is one in a million
	return max(1, min(unlikely, 2*(n-1)))
}

// confirmRounds bounds the probe intervals until SuspicionMult-2 more members have confirmed a
// suspicion: about one an interval, and at worst one for each probe round of a small cluster.
func (p *Profile) confirmRounds(n int) int {
	return (p.Timing.SuspicionMult - 2) * min(4, 2*(n-1))
}

// Spread bounds the time in which gossip reaches all members if nothing is lost. Each round at
// least doubles the number of members that know, until half of them do, and a few more rounds reach
// the rest.
func (p *Profile) Spread(n int) time.Duration {
	rounds := math.Ceil(math.Log2(float64(n+1)))*2 + 4
	return time.Duration(rounds)*p.Timing.GossipInterval + 8*p.Link.Latency.Max()
}

// pushPull is the time between two push/pulls of a member.
func (p *Profile) pushPull(n int) time.Duration {
	const unscaled = 32 // members
	if n <= unscaled {
		return p.Timing.PushPullInterval
	}
	doublings := math.Ceil(math.Log2(float64(n)) - math.Log2(unscaled))
	return p.Timing.PushPullInterval * time.Duration(doublings+1)
}

// DetectionBounds returns the earliest and the latest time after a crash at which the first member
// may report it, in an otherwise healthy cluster of n. All others report it within Spread(n) of the
// first.
func (p *Profile) DetectionBounds(n int) (earliest, latest time.Duration) {
	interval := p.Timing.ProbeInterval
	// A probe fails at the end of its interval, and a failed probe may have doubled the prober's
	// interval for the next one.
	latest = time.Duration(quietRounds(n)+2) * interval
	confirmed := max(p.suspicionMin(n), time.Duration(2*p.confirmRounds(n))*interval) + p.Spread(n)
	latest += min(p.suspicionMax(n), confirmed)
	return p.suspicionMin(n), latest
}
