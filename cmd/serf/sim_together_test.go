package main

import (
	"context"
	"strings"
	"testing"
)

// The table has a line for each cluster size and loss, whatever the number of workers.
func TestConvergenceTable(t *testing.T) {
	code, out, errs := sim(t, t.Context(), "convergence", "-nodes=10,20", "-loss=0,5", "-over=1s", "-seeds=3", "-workers=2")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); code != exitOK || len(lines) != 6 || !strings.HasPrefix(strings.TrimSpace(lines[5]), "20    5%     3 |") {
		t.Fatalf("exit %d: %s\n%s", code, errs, out)
	}
	if _, alone, _ := sim(t, t.Context(), "convergence", "-nodes=10,20", "-loss=0,5", "-over=1s", "-seeds=3", "-workers=1"); alone != out {
		t.Errorf("with one worker:\n%s\nwith two:\n%s", alone, out)
	}
}

func TestEventsTable(t *testing.T) {
	code, out, errs := sim(t, t.Context(), "events", "-nodes=20", "-loss=20", "-bursts=2", "-burst=3", "-seeds=2")
	if code != exitOK || !strings.Contains(out, "20 nodes, loss 20%, 2 runs, 12 events") || !strings.Contains(out, " 100.00000%  0 missing") {
		t.Fatalf("exit %d: %s\n%s", code, errs, out)
	}
}

func TestExperimentsAreInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"convergence", "events"} {
		if code, _, errs := sim(t, ctx, name, "-nodes=10"); code != exitError || !strings.Contains(errs, "Interrupted") {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
}

func TestExperimentsRefuse(t *testing.T) {
	for line, want := range map[string]string{
		"convergence -nodes=1":          "want whole numbers from 2 to 10000",
		"convergence -nodes=ten":        "want whole numbers from 2 to 10000",
		"events -nodes=5,100001":        "want whole numbers from 2 to 100000",
		"convergence -nodes=5 -join=6":  "-join 6: allowed 1 to 5 nodes",
		"convergence -over=1h":          "-over 1h0m0s: allowed 0s to 30s",
		"convergence -loss=100":         "want whole numbers from 0 to 99",
		"events -bursts=0":              "want a whole number from 1",
		"events -bursts=200 -burst=100": "allowed are 10000 in all",
		"events -over=6s":               "-over 6s: allowed 0s to 5s",
	} {
		if code, _, errs := sim(t, t.Context(), strings.Fields(line)...); code != exitError || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, %q, want %q", line, code, errs, want)
		}
	}
}
