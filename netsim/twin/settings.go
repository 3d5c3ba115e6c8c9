package twin

import (
	"fmt"
	"math"
	"time"

	"serf/internal/timing"
	"serf/netsim"
	"serf/netsim/cluster"
	"serf/netsim/scenario"
	"serf/swim/serf"
)

// takeTimings takes the profile to which the agent's timings are closest, and those that differ.
func (m *maker) takeTimings() error {
	s := &m.Scenario
	switch {
	case m.o.Timings != "":
		m.found("timing", "as %s says, and not the agent's", m.o.Timings)
	case m.in.Timing == nil:
		m.found("timing", "the agent doesn't tell its own: profile %s is assumed. -agent-config or "+
			"-profile says otherwise", s.Profile)
	default:
		least := math.MaxInt
		for _, name := range cluster.ProfileNames() {
			if t, n := differing(m.in.Timing, name); n < least {
				s.Profile, s.Timing, least = name, t, n
			}
		}
		p, _ := timing.Profile(s.Profile) // it is one of ProfileNames
		if list := s.Timing.Problems(p); len(list) > 0 {
			return fmt.Errorf("the agent's %s: %s", list[0].Key, list[0].Text)
		}
		with := ""
		if least > 0 {
			with = " with " + s.Timing.List()
		}
		m.found("timing", "the agent's: profile %s%s", s.Profile, with)
	}
	return nil
}

// differing returns the timings of t that aren't those of a profile, and their number.
func differing(t *scenario.Timing, profile string) (d scenario.Timing, n int) {
	base, _ := timing.Profile(profile)
	c := serf.DefaultConfig(base)
	of := timing.Of(&c)
	d = t.Without(&of)
	return d, len(d.Texts())
}

const (
	// probesLeast is how many probes have to have been answered before their loss is believed.
	probesLeast = 100
	// lossMost is more than any cluster runs with: what is above is a network that is cut.
	lossMost = 0.5
)

// takeLoss estimates the loss of packets from how probes of members that were there ended: with the
// direct ack, or by way of others because the ping or that ack was lost. A member that only TCP
// reaches has no packets to lose.
func (m *maker) takeLoss() error {
	c := &m.in.Counts
	n := c.Direct + c.Relayed
	switch {
	case !c.Probes:
		m.found("loss", "0%% is assumed: the agent doesn't count probes. -loss says otherwise")
	case n < probesLeast:
		m.found("loss", "0%% is assumed: only %d probes were answered, which is too few to tell", n)
	default:
		share := float64(c.Relayed) / float64(n)
		loss := func(share float64) netsim.Chance {
			return netsim.Probability(round(lossOf(share, m.helpers()), 4))
		}
		m.Scenario.Network.Loss = loss(share)
		low, high := interval(share, float64(n))
		m.found("loss", "%v on every link: of %d probes of the agent's within %v, %d were answered only "+
			"by way of others. The mean of the agent's own links is within %v and %v with 95%% "+
			"confidence; by how much links differ isn't counted", m.Scenario.Network.Loss, n,
			c.Over.Round(time.Second), c.Relayed, loss(low), loss(high))
	}
	if expected := float64(n) * 0.01; c.Probes && float64(c.Streams) > max(expected, 10) {
		m.found("loss", "%d probes were answered by TCP alone: UDP doesn't reach some nodes from the "+
			"agent, which the twin leaves out. -fault=block-udp adds it", c.Streams)
	}
	return nil
}

// interval is where a share of n is with 95 % confidence that was found to be p: the score interval
// of Wilson.
func interval(p, n float64) (low, high float64) {
	const z = 1.96
	middle, width := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(middle-width, 0) / (1 + z*z/n), (middle + width) / (1 + z*z/n)
}

// helpers is how many members are asked to probe one that doesn't answer.
func (m *maker) helpers() int {
	k := 3
	if t := m.in.Timing; t != nil && t.IndirectProbes != nil {
		k = *t.IndirectProbes
	}
	return max(min(k, m.Scenario.Members-2), 1)
}

// lossOf is the chance that a packet is lost, if a share of the answered probes was answered by way
// of helpers. A direct answer takes two packets, one by a helper four.
func lossOf(relayed float64, helpers int) float64 {
	share := func(loss float64) float64 {
		direct := math.Pow(1-loss, 2)
		helped := (1 - direct) * (1 - math.Pow(1-math.Pow(1-loss, 4), float64(helpers)))
		return helped / (direct + helped)
	}
	low, high := 0.0, lossMost
	for range 40 { // halves; share rises with the loss
		if mid := (low + high) / 2; share(mid) < relayed {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// takeWork makes users' events and queries as frequent as in the cluster. A rate at which nothing
// would happen in a short run is none: the default of a few events stays.
func (m *maker) takeWork() error {
	c := &m.in.Counts
	if c.Over <= 0 {
		m.found("work", "the agent doesn't count events: %d are assumed", m.Scenario.Events)
		return nil
	}
	atLeast, size := "", "%d bytes each on average"
	if c.AtLeast {
		atLeast, size = "at least ", "%d bytes each: the agent doesn't count sizes"
	}
	for _, w := range []struct {
		kind     string
		n, bytes uint64
	}{{scenario.WorkEvent, c.Events, c.EventBytes}, {scenario.WorkQuery, c.Queries, c.QueryBytes}} {
		text := fmt.Sprintf("%s%d within %v", atLeast, w.n, c.Over.Round(time.Second))
		if every := m.every(w.n); every == 0 {
			text += ": too few to matter"
		} else {
			if w.kind == scenario.WorkEvent {
				m.Scenario.Events = 0
			}
			x := scenario.Work{Kind: w.kind, Name: w.kind, Every: every}
			x.Size = int(min(w.bytes/w.n, uint64(x.MaxSize())))
			m.Scenario.Work = append(m.Scenario.Work, x)
			text += fmt.Sprintf(", one every %v, "+size, every, x.Size)
		}
		m.found(w.kind, "%s", text)
	}
	return nil
}

// The range of times between events that a scenario plays: often enough for a short run, and not
// more than a long one can have.
const (
	everyLeast = scenario.Duration(time.Millisecond)
	everyMost  = scenario.Duration(20 * time.Second)
)

// every is the time between n things, or 0 if that is too long for a run.
func (m *maker) every(n uint64) scenario.Duration {
	if n == 0 {
		return 0
	}
	every := scenario.Duration(rounded(m.in.Counts.Over.Seconds() / float64(n)))
	if every > everyMost || m.o.For > 0 && every > scenario.Duration(m.o.For) {
		return 0
	}
	return max(every, everyLeast)
}

// takeRest takes what is left, and makes the run long enough for crashes to be found: twice as long
// as one may take.
func (m *maker) takeRest() error {
	s := &m.Scenario
	p := s.Tuned()
	_, latest := p.DetectionBounds(s.Members)
	s.For = max(s.For, scenario.Duration((2 * latest).Round(time.Minute)))
	s.Encrypt, s.Compress = m.in.Encrypted, m.in.Compressed
	if z := m.in.Zones; z.Tag != "" && len(s.Regions) > 0 {
		s.Zones = scenario.Zones{Members: netsim.Always, Share: z.Share, Probes: z.Probes}
		m.found("zones", "as the agent's, which all nodes are assumed to have")
	}
	if err := s.Validate(); err != nil {
		return fmt.Errorf("the agent's cluster makes no scenario: %w", err)
	}
	return nil
}
