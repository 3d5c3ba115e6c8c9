package study

import (
	"context"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/netsim"
	"serf/netsim/cluster"
	"serf/netsim/report"
	"serf/netsim/scenario"
)

// converge runs s with so many seeds.
func converge(ctx context.Context, s scenario.Scenario, seeds int) (x Converged, err error) {
	err = Converge(ctx, seeds, seeded(s), 2, nil, func(_ int, a Agreement) { x.Add(&a) })
	return x, err
}

// seeded gives run i the seed of s and i more.
func seeded(s scenario.Scenario) func(i int) scenario.Scenario {
	return func(i int) scenario.Scenario { c := s.Clone(); c.Seed += uint64(i); return c }
}

// TestNobodyStraggles: all members know all others soon after they start at the same instant, not
// half a minute later by the usual full exchange.
func TestNobodyStraggles(t *testing.T) {
	t.Parallel()
	systest.Long(t, "many cold starts")
	for name, x := range map[string]struct {
		join int
		over time.Duration
		loss float64
	}{
		"at once":           {1, 0, 0},
		"within a second":   {1, time.Second, 0},
		"through three":     {3, 0, 0},
		"with packets lost": {1, 0, 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := Convergence(x.join, x.over)
			s.Members, s.Network.Loss = 40, netsim.Probability(x.loss)
			r, err := converge(t.Context(), s, 3)
			if err != nil || r.Runs != 3 || len(r.Took) != 3 || r.Open > 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			if most := x.over + 2*time.Second; r.Share(100) > most {
				t.Errorf("the worst of 3 runs took %v, want %v at most", r.Share(100), most)
			}
			// As much as all 40 tell each other, and what three exchanges of states take.
			if all := uint64(r.Runs * s.Members); r.PacketBytes > 40e3*all || r.StreamBytes > 30e3*all {
				t.Errorf("a member sent %d bytes in packets and %d on streams", r.PacketBytes/all, r.StreamBytes/all)
			}
		})
	}
}

// Runs that take longer than traffic is counted for are followed until views agree.
func TestConvergenceIsWaitedFor(t *testing.T) {
	t.Parallel()
	systest.Long(t, "three cold starts with heavy loss")
	s := Convergence(1, 0)
	s.Members, s.Network.Loss = 30, netsim.Probability(0.7)
	r, err := converge(t.Context(), s, 3)
	if err != nil || r.Runs != 3 || len(r.Took) != 3 || r.Open > 0 || r.Share(100) < TrafficTime {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestEventsReachAll: with one packet in five lost, too, nobody has to wait for a full exchange.
func TestEventsReachAll(t *testing.T) {
	t.Parallel()
	systest.Long(t, "a large cluster")
	s := Dissemination(5, 10, time.Second, 5*time.Second)
	s.Members, s.Network.Loss = 60, netsim.Probability(0.2)
	var r Disseminated
	err := Disseminate(t.Context(), 4, seeded(s), 2, nil, func(_ int, x Disseminated) { r.Add(&x) })
	if err != nil || r.Events != 200 || r.Pairs != 200*60 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r.Late > 0 || r.Reached[len(report.Marks)-1] != r.Pairs {
		t.Errorf("%d events aren't with all after a minute", r.Late)
	}
	if worst := report.QuantilesOf(r.ToAll).Worst; worst > 10*time.Second {
		t.Errorf("the slowest event took %v", worst)
	}
}

// The most events that are allowed make a valid scenario.
func TestMostEvents(t *testing.T) {
	s := Dissemination(1, cluster.MaxEvents, time.Second, 5*time.Second)
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}

func TestInterruptedStudiesAreAboutWhatIsDone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := converge(ctx, Convergence(1, 0), 5); err != context.Canceled || r.Runs != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
