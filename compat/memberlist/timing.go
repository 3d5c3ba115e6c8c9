package memberlist

import (
	"time"

	"serf/membership"
)

// never stands for an interval of 0, which turns something off.
const never = 10 * 365 * 24 * time.Hour

// Limits of what a configuration may say; beyond them it is taken for the limit. The last ones are
// those of package swim.
const (
	intervalMin = time.Millisecond
	pushPullMin = 10 * time.Millisecond
	countMax    = 64
	multMax     = 100
)

// timing is that of the configuration. A program that moves may have values that make no sense, and
// that its own library took without a word: such are taken for the nearest that make some.
func (c *Config) timing() membership.Timing {
	t := membership.LAN()
	t.ProbeInterval = interval(c.ProbeInterval)
	t.ProbeTimeout = max(min(c.ProbeTimeout, t.ProbeInterval-intervalMin), intervalMin)
	t.ProbeInterval = max(t.ProbeInterval, 2*intervalMin)
	t.IndirectProbes = min(max(c.IndirectChecks, 0), countMax)
	t.DisableStreamPing = c.DisableTcpPings
	t.GossipInterval, t.GossipNodes = interval(c.GossipInterval), min(c.GossipNodes, countMax)
	if c.GossipNodes <= 0 {
		t.GossipInterval, t.GossipNodes = never, 1
	}
	t.GossipToTheDead = max(c.GossipToTheDeadTime, 0)
	t.RetransmitMult = multiplier(c.RetransmitMult)
	t.SuspicionMult = multiplier(c.SuspicionMult)
	t.SuspicionMaxMult = multiplier(c.SuspicionMaxTimeoutMult)
	t.AwarenessMax = min(max(c.AwarenessMaxMultiplier, 1), countMax)
	t.PushPullInterval = 0
	if c.PushPullInterval > 0 {
		t.PushPullInterval = max(c.PushPullInterval, pushPullMin)
	}
	if c.TCPTimeout > 0 {
		t.StreamTimeout = max(c.TCPTimeout, intervalMin)
	}
	return t
}

func interval(d time.Duration) time.Duration {
	if d <= 0 {
		return never
	}
	return max(d, intervalMin)
}

func multiplier(n int) int { return min(max(n, 1), multMax) }
