package cluster

import (
	"testing"
	"time"

	"serf/internal/systest"
	"serf/swim"
)

// loseZone crashes all but the first of a cluster that has run for long, at one instant.
func loseZone(t *testing.T, members, rest int, seed uint64, without swim.Mechanism) *Cluster {
	t.Helper()
	p := profiles[0]
	c, err := New(Config{
		Members: members, Profile: p, Link: p.Link, Seed: seed,
		Without: without,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.BootWarm(); err != nil {
		t.Fatal(err)
	}
	c.Run(3 * time.Second)
	for i := rest; i < members; i++ {
		c.Crash(i)
	}
	return c
}

// TestSurvivorsOfALostZone: most members die at once. The few that are left find each other, agree
// who is gone, and have events long before that.
func TestSurvivorsOfALostZone(t *testing.T) {
	t.Parallel()
	systest.Long(t, "300 members, most of which fail")
	members := sized(300, 1000)
	for name, x := range map[string]struct {
		rest             int
		events, settling time.Duration // when events reach all, and all views are right
		without          swim.Mechanism
		worse            bool // it takes longer
	}{
		"90 %":                {rest: members / 10, events: 15 * time.Second, settling: 35 * time.Second},
		"97 %":                {rest: members * 3 / 100, events: 30 * time.Second, settling: 60 * time.Second},
		"97 %, one at a time": {rest: members * 3 / 100, settling: 60 * time.Second, without: swim.WideProbe, worse: true},
		"90 %, as if nothing had happened": {
			rest: members / 10, settling: 35 * time.Second, without: swim.PreferResponsive | swim.WideProbe, worse: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(sized(1, 20)) {
				c := loseZone(t, members, x.rest, 1+seed, x.without)
				crashed := c.Now()
				c.Run(x.events)
				for i := range 5 {
					if err := c.UserEvent(i, "now", []byte{byte(i)}); err != nil {
						t.Fatal(err)
					}
				}
				c.Run(5 * time.Second)
				missing := c.missing()
				settled := c.RunUntilSettled(x.settling - x.events - 5*time.Second)
				t.Logf("seed %d: %d deliveries missing, settled %v within %v", 1+seed, len(missing), settled, c.Now().Sub(crashed))
				switch {
				case x.worse && settled:
					t.Errorf("seed %d: this goes as well without", 1+seed)
				case !x.worse && (!settled || len(missing) > 0):
					t.Errorf("seed %d: %s; %d deliveries are missing", 1+seed, c.Disagreement(), len(missing))
				}
			}
		})
	}
}
