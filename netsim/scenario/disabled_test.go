package scenario

import (
	"context"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/netsim"
	"serf/swim"
)

func TestDisabledMechanismsAreReadAndWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"none": "none", "ours": "ours", "all": "all", "relay+correction": "correction+relay", "bridge": "relay",
		"none+buddy": "buddy", "ours+buddy+confirmation+local-health": "all",
	} {
		var d, again Disabled
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("%s is %v, error %v; want %s", text, d, err, want)
		}
		if err := again.UnmarshalText([]byte(d.String())); err != nil || again != d {
			t.Errorf("%v is read as %v, error %v", d, again, err)
		}
	}
	for _, text := range []string{"", "relay+", "relays", "relay correction"} {
		var d Disabled
		if err := d.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "allowed are none, ours, all, local-health") {
			t.Errorf("%q: error %v, want one that lists what is allowed", text, err)
		}
	}
	if n := len(MechanismNames()); n != 15 {
		t.Errorf("%d mechanisms, want 15", n)
	}
}

// TestDisabledMechanismsAreMissed: members that receive little accuse others when nothing keeps
// them from it, and don't with all mechanisms.
func TestDisabledMechanismsAreMissed(t *testing.T) {
	t.Parallel()
	systest.Long(t, "60 members for two minutes, twice")
	accused := func(d Disabled) uint64 {
		s := Default()
		s.Members, s.For, s.Events, s.Start.Warm, s.Disable = 60, Duration(2*time.Minute), 0, true, d
		s.Faults = []Fault{{
			Kind: FaultNetwork, Who: Who{Count: 6}, Start: Duration(5 * time.Second), Loss: netsim.Probability(0.8), Way: "in",
		}}
		r, err := s.Run(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return r.FalseFailures.All + r.FalseFailures.AcrossFaults
	}
	if swimAlone, ours := accused(Disabled(swim.WithoutAny)), accused(0); swimAlone < 300 || ours*30 > swimAlone {
		t.Errorf("failures reported of members that ran: %d by plain SWIM, %d with everything", swimAlone, ours)
	}
}
