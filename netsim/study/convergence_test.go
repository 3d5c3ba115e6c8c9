package study

import (
	"context"
	"errors"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/netsim"
	"serf/netsim/cluster"
)

func lan(t *testing.T) cluster.Profile {
	t.Helper()
	p, err := cluster.ProfileByName("lan")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestNobodyStraggles: all members know all others soon after they start at the same instant, not
// half a minute later by the usual full exchange.
func TestNobodyStraggles(t *testing.T) {
	t.Parallel()
	systest.Long(t, "many cold starts")
	lan := lan(t)
	lossy := lan.Link
	lossy.Loss = netsim.Probability(0.05)
	for name, x := range map[string]Convergence{
		"at once":           {Members: 40},
		"within a second":   {Members: 40, Over: time.Second},
		"through three":     {Members: 40, Seeds: 3},
		"with packets lost": {Members: 40, Link: lossy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x.Profile, x.Limit = lan, time.Minute
			if x.Link.Loss == 0 {
				x.Link = lan.Link
			}
			r, err := x.Study(t.Context(), 1, 10, 2, nil)
			if err != nil || r.Runs != 10 || r.Open > 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			if most := x.Over + 10*lan.Timing.GossipInterval; r.Worst > most {
				t.Errorf("the worst of 10 runs took %v, want %v at most", r.Worst, most)
			}
			// As much as all 40 tell each other, and what three exchanges of states take.
			if r.PacketBytes > 40e3 || r.StreamBytes > 30e3 {
				t.Errorf("a member sent %.0f bytes in packets and %.0f on streams", r.PacketBytes, r.StreamBytes)
			}
		})
	}
}

// TestEventsReachAll: with one packet in five lost, too, nobody has to wait for a full exchange.
func TestEventsReachAll(t *testing.T) {
	t.Parallel()
	systest.Long(t, "a large cluster")
	lan := lan(t)
	x := Dissemination{Members: 60, Profile: lan, Link: lan.Link, Bursts: 5, Events: 10, Over: time.Second, Every: 5 * time.Second}
	x.Link.Loss = netsim.Probability(0.2)
	r, err := x.Study(t.Context(), 1, 4, 2, nil)
	if err != nil || r.Events != 200 || r.Pairs != 200*60 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r.Late > 0 || r.Reached[len(EventMarks)-1] != r.Pairs {
		t.Errorf("%d events aren't with all after a minute", r.Late)
	}
	if worst := r.ToAll[len(r.ToAll)-1]; worst > 10*time.Second {
		t.Errorf("the slowest event took %v", worst)
	}
}

// TestStudiesStop: an error ends a study, and what is done is kept, in order.
func TestStudiesStop(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	got, err := collect(t.Context(), 100, 1, nil, func(i int) (int, error) {
		if i == 3 {
			return 0, boom
		}
		return i, nil
	})
	if err != boom || len(got) != 3 || got[0] != 0 || got[2] != 2 {
		t.Errorf("%v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x := Convergence{Members: 5, Profile: lan(t), Limit: time.Minute}
	if r, err := x.Study(ctx, 1, 5, 2, nil); err != context.Canceled || r.Runs != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
