package cluster

import (
	"fmt"
	"time"

	"serf/netsim/report"
	"serf/swim"
)

// passive is a checker that checks nothing. The others embed it.
type passive struct{ c *Cluster }

func (passive) event(swim.Time, int, *swim.Event) {}
func (passive) sweep()                            {}
func (passive) quiet()                            {}
func (passive) restarted(int)                     {}

// sweepInterval is shorter than it takes any member to change its mind twice.
const sweepInterval = 100 * time.Millisecond

func (c *Cluster) sweep() {
	for _, k := range c.checks {
		k.sweep()
	}
	c.sim.After(sweepInterval, c.sweep)
}

// CheckQuiet checks what must be true when nothing is left to happen.
func (c *Cluster) CheckQuiet() {
	for _, k := range c.checks {
		k.quiet()
	}
}

// MaxViolations bounds the violations that are kept, the first ones: one broken rule often breaks
// others.
const MaxViolations = 20

// Violate records that a rule was broken.
func (c *Cluster) Violate(check, format string, args ...any) {
	if len(c.broken) < MaxViolations {
		c.broken = append(c.broken,
			report.Violation{At: c.Now(), Check: check, Text: fmt.Sprintf(format, args...)})
	}
}

// Violations returns the rules broken so far, at most the first MaxViolations.
func (c *Cluster) Violations() []report.Violation { return c.broken }
