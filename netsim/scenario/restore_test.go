package scenario

import (
	"fmt"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/netsim"
	"serf/netsim/report"
	"serf/wire"
)

// restoredSeeds are few: a run with restores takes three times as long.
const restoredSeeds = 3

// A node that is restored from its state goes on as the one that was saved, whatever it was in the
// midst of: drawn scenarios take the same course if members are saved and restored at random times.
// More of them: go test ./netsim/scenario -run RestoredMembers -swarm 500 -from 1000
func TestRestoredMembersGoOnAsBefore(t *testing.T) {
	t.Parallel()
	first, count := *swarmFrom, *swarmSeeds
	if count == defaultSeeds {
		count = restoredSeeds
	}
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			if seed > first {
				systest.Long(t, "one seed shows most")
			}
			s := drawScenario(seed, *swarmLargest)
			want, got := play(t, s), playRestored(t, s)
			if got.Trace != want.Trace {
				t.Errorf("trace %x, with restored members %x", want.Trace, got.Trace)
			}
		})
	}
}

// playRestored plays a scenario, and restores members at random times.
func playRestored(t *testing.T, s Scenario) report.Report {
	t.Helper()
	s.Workers = 1
	run, err := newRun(&s)
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[wire.Fingerprint][]byte)
	for k := range 100 {
		keys[wire.FingerprintOf(s.key(k))] = s.key(k)
	}
	draws, restored := netsim.NewDraws(s.Seed, 0, 1<<40), 0
	every := netsim.Exponential(0, 2*time.Second)
	var restore func()
	restore = func() {
		for i := range run.c.Len() {
			if run.c.Node(i) == nil || draws.Below(2) == 0 {
				continue
			}
			err := run.c.Restore(i, func(f wire.Fingerprint) []byte { return keys[f] })
			if err != nil {
				t.Fatalf("at %v: %v", time.Duration(run.c.Now()), err)
			}
			restored++
		}
		run.c.Sim().After(every.Draw(draws.Next()), restore)
	}
	run.c.Sim().After(0, restore)
	r, err := run.play(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d members, %d restores", s.Members, restored)
	return r
}
