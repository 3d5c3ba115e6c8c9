package swim

import "time"

// Timing has the intervals, counts and multipliers by which a node works. Start from LAN, WAN or
// Local: a Timing of zeros works nowhere.
type Timing struct {
	// ProbeInterval is the time between probes, before the health score scales it.
	ProbeInterval time.Duration
	// ProbeTimeout is how long a direct ping may take before helpers are asked. It is less than
	// ProbeInterval.
	ProbeTimeout time.Duration
	// IndirectProbes is the number of helpers of an indirect probe.
	IndirectProbes int
	// DisableStreamPing turns off the ping by stream that goes along with an indirect probe.
	DisableStreamPing bool

	// GossipInterval is the time between gossip rounds while broadcasts wait.
	GossipInterval time.Duration
	// GossipNodes is the number of members that a round sends to.
	GossipNodes int
	// GossipRate is how many bytes a second gossip rounds may send while more broadcasts wait than
	// a round carries: rounds then follow sooner than after GossipInterval. 0 means never sooner.
	GossipRate int
	// RetransmitMult: a broadcast is sent RetransmitMult * ceil(log10(n+1)) times.
	RetransmitMult int
	// GossipToTheDead is how long a dead member still gets gossip, so that it may refute.
	GossipToTheDead time.Duration

	// PushPullInterval is the time between push/pulls with a random member. Those of whole states
	// are rarer with more than 32 members. 0 turns them off.
	PushPullInterval time.Duration
	// SuspicionMult: the least suspicion time is SuspicionMult * max(1, log10(n)) * ProbeInterval.
	SuspicionMult int
	// SuspicionMaxMult: the greatest suspicion time is SuspicionMaxMult times the least.
	SuspicionMaxMult int
	// AwarenessMax bounds the health score, which goes from 0 to AwarenessMax-1.
	AwarenessMax int
	// StreamTimeout bounds a call or a message by stream.
	StreamTimeout time.Duration
	// LeaveTimeout bounds the time of a Leave.
	LeaveTimeout time.Duration
}

// LAN returns the profile for a local network.
func LAN() Timing {
	return Timing{
		ProbeInterval:    time.Second,
		ProbeTimeout:     500 * time.Millisecond,
		IndirectProbes:   3,
		GossipInterval:   200 * time.Millisecond,
		GossipNodes:      3,
		GossipRate:       2 << 20,
		GossipToTheDead:  30 * time.Second,
		RetransmitMult:   4,
		PushPullInterval: 30 * time.Second,
		SuspicionMult:    4,
		SuspicionMaxMult: 6,
		AwarenessMax:     8,
		StreamTimeout:    10 * time.Second,
		LeaveTimeout:     5 * time.Second,
	}
}

// WAN returns the profile for links across the internet.
func WAN() Timing {
	c := LAN()
	c.ProbeInterval = 5 * time.Second
	c.ProbeTimeout = 3 * time.Second
	c.GossipInterval = 500 * time.Millisecond
	c.GossipNodes = 4
	c.GossipRate = 256 << 10
	c.GossipToTheDead = 60 * time.Second
	c.PushPullInterval = 60 * time.Second
	c.SuspicionMult = 6
	c.StreamTimeout = 30 * time.Second
	return c
}

// Local returns the profile for members on one host.
func Local() Timing {
	c := LAN()
	c.ProbeTimeout = 200 * time.Millisecond
	c.IndirectProbes = 1
	c.GossipInterval = 100 * time.Millisecond
	c.GossipRate = 8 << 20
	c.GossipToTheDead = 15 * time.Second
	c.RetransmitMult = 2
	c.PushPullInterval = 15 * time.Second
	c.SuspicionMult = 3
	c.StreamTimeout = time.Second
	return c
}

// problems reports what is wrong with t.
func (t *Timing) problems(p *Problems) {
	p.AtLeast("probe interval", t.ProbeInterval, time.Millisecond)
	p.Check(t.ProbeTimeout >= time.Millisecond && t.ProbeTimeout < t.ProbeInterval,
		"probe timeout: %v, at least 1ms and less than the probe interval %v",
		t.ProbeTimeout, t.ProbeInterval)
	p.within("indirect probes", t.IndirectProbes, 0, 64)
	p.AtLeast("gossip interval", t.GossipInterval, time.Millisecond)
	p.within("gossip nodes", t.GossipNodes, 1, 64)
	p.Check(t.GossipRate >= 0, "gossip rate: %d is negative", t.GossipRate)
	p.notNegative("gossip to the dead", t.GossipToTheDead)
	p.within("retransmit mult", t.RetransmitMult, 1, 100)
	p.Check(t.PushPullInterval == 0 || t.PushPullInterval >= 10*time.Millisecond,
		"push pull interval: %v, allowed 0 or at least 10ms", t.PushPullInterval)
	p.within("suspicion mult", t.SuspicionMult, 1, 100)
	p.within("suspicion max mult", t.SuspicionMaxMult, 1, 100)
	p.within("awareness max", t.AwarenessMax, 1, 64)
	p.AtLeast("stream timeout", t.StreamTimeout, time.Millisecond)
	p.AtLeast("leave timeout", t.LeaveTimeout, time.Millisecond)
}
