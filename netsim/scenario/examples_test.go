package scenario

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
	"serf/netsim/report"
)

// examples are the scenarios in testdata/scenarios, which users start from.
func examples(t *testing.T) map[string]Scenario {
	t.Helper()
	files, err := filepath.Glob("../testdata/scenarios/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	list := make(map[string]Scenario)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		list[strings.TrimSuffix(filepath.Base(file), ".json")] = s
	}
	return list
}

// shown is what an example's figures have to show, for those that are about a single thing.
var shown = map[string]func(r *report.Report) bool{
	"slow-machines": func(r *report.Report) bool { return r.Suspicions > 0 && r.FalseFailures.OfHealthy == 0 },
	"blocked-udp":   func(r *report.Report) bool { return r.Network.Cut > 0 && r.FalseFailures == report.FalseFailures{} },
	"rolling-restart": func(r *report.Report) bool {
		return len(r.Detections) == 0 && r.UserEvents > 40 && report.Share(r.Events) == 1
	},
	"key-rotation": func(r *report.Report) bool {
		return len(r.Queries) > 10 && report.Share(r.Queries) > 0.99 && r.Network.StreamsUnreadable == 0
	},
	"mute-members":  func(r *report.Report) bool { return r.Suspicions > 1000 && r.FalseFailures.AtHealthy == 0 },
	"lossy-senders": func(r *report.Report) bool { return r.Suspicions > 1000 && r.FalseFailures.AtHealthy == 0 },
	// At each of five others: twice within half a minute, and once more after 1 and 2 minutes each.
	"unreachable-member": func(r *report.Report) bool { return r.FalseFailures == report.FalseFailures{AcrossFaults: 5 * 4} },
	"thin-uplinks":       func(r *report.Report) bool { return r.Network.Choked > 0 },
	"split-brain": func(r *report.Report) bool {
		return r.FalseFailures == report.FalseFailures{AcrossFaults: 2 * 15 * 10} && report.Share(r.Events) == 1
	},
	"hub-and-spoke": func(r *report.Report) bool {
		return r.FalseFailures == report.FalseFailures{} && r.Suspicions < 100 && report.Share(r.Events) == 1
	},
	"rescheduled": func(r *report.Report) bool {
		back := r.Changes()
		return len(back) == 1 && back[0].Count == 75 && back[0].AgreedSeconds.Worst < 5 && report.Share(r.Events) == 1 &&
			r.FalseFailures == report.FalseFailures{}
	},
	"outage-restart": func(r *report.Report) bool {
		return r.FalseFailures.AcrossFaults == 30*29 && report.Share(r.Events) == 1
	},
	"zones": func(r *report.Report) bool {
		between, all := 0, 0
		for _, p := range r.Pairs() {
			all += int(p.PacketBytes + p.StreamBytes)
			if p.From != p.To {
				between += int(p.PacketBytes + p.StreamBytes)
			}
		}
		return between*100 < all*35 && report.Share(r.Events) == 1 // without zones 67%
	},
	"wrong-clocks": func(r *report.Report) bool {
		return r.FalseFailures == report.FalseFailures{} && report.Share(r.Events) == 1
	},
	"suspended-machines": func(r *report.Report) bool {
		return r.Network.Overflowed > 0 && r.FalseFailures.All == 0 && r.FalseFailures.AcrossFaults > 100
	},
	"small-mtu": func(r *report.Report) bool {
		return r.Network.TooLarge > 0 && r.Suspicions == 0 && report.Share(r.Events) == 1
	},
	"half-open": func(r *report.Report) bool {
		return r.Network.StreamsFailed > 0 && r.Suspicions == 0 && report.Share(r.Events) == 1
	},
	"rejecting-firewall": func(r *report.Report) bool {
		return r.Network.Rejected > 0 && r.FalseFailures == report.FalseFailures{} && report.Share(r.Events) == 1
	},
	"full-conntrack": func(r *report.Report) bool {
		return r.Network.NoFlow > 0 && r.FalseFailures == report.FalseFailures{} && report.Share(r.Events) == 1
	},
	"nat-ports": func(r *report.Report) bool { return r.Suspicions == 0 && report.Share(r.Events) == 1 },
	"throttled": func(r *report.Report) bool {
		return r.Network.Overflowed > 0 && r.FalseFailures == report.FalseFailures{} && report.Share(r.Events) == 1
	},
	"own-name": func(r *report.Report) bool { return r.Suspicions == 0 && report.Share(r.Events) == 1 },
	"churn":    func(r *report.Report) bool { return len(r.Detections) > 5 && len(r.Changes()) == 3 },
	"lost-zone": func(r *report.Report) bool {
		return r.AllNoticed.Count == 285 && r.AllNoticed.Worst < 60*time.Second && report.Share(r.Events) == 1 && r.FalseFailures == report.FalseFailures{}
	},
}

func TestExamplesEndWellUnderCheckAndShowWhatTheySay(t *testing.T) {
	t.Parallel()
	for name, s := range examples(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if time.Duration(s.For).Seconds()*float64(s.Members) > 4_000 {
				systest.Long(t, "hours of members' time, under check")
			}
			s.Check = true
			r, err := s.Run(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range r.Violations {
				t.Error(v)
			}
			if !r.Settled || report.Share(r.Events) < 0.98 || s.About == "" {
				t.Errorf("settled %v, %.1f%% of events delivered", r.Settled, 100*report.Share(r.Events))
			}
			if show := shown[name]; show != nil && !show(&r) {
				var b strings.Builder
				_, _ = r.WriteTo(&b) // into memory
				t.Errorf("it doesn't show what it's about:\n%s", b.String())
			}
		})
	}
}

// After an outage in which everybody considered everybody failed, and a restart of all with nothing
// but their snapshots, the cluster is whole within ten seconds.
func TestClusterIsWholeAfterAnOutageAndARestart(t *testing.T) {
	t.Parallel()
	systest.Long(t, "five outages")
	s := examples(t)["outage-restart"]
	const back, within = 11*time.Minute + 30*time.Second, 10 * time.Second
	for seed := range uint64(5) {
		s.Seed = seed + 1
		s.For = Duration(back + within)
		s.Work = nil
		r, err := s.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Settled || r.FalseFailures.AcrossFaults != 30*29 {
			t.Errorf("seed %d: settled %t, %d members called failed before", s.Seed, r.Settled, r.FalseFailures.AcrossFaults)
		}
	}
}

func TestExamplesUseEachKindOfFaultAndWork(t *testing.T) {
	t.Parallel()
	used := map[string]bool{FaultJoin: true, WorkTags: true} // too plain for an example
	for _, s := range examples(t) {
		for _, f := range s.Faults {
			used[f.Kind] = true
		}
		for _, w := range s.Work {
			used[w.Kind] = true
		}
	}
	for _, k := range append(FaultKinds(), WorkKinds()...) {
		if !used[k.Name] {
			t.Errorf("no example has a %s", k.Name)
		}
	}
}

// A scenario that is printed and read again takes the same course.
func TestPrintedScenarioTakesTheSameCourse(t *testing.T) {
	t.Parallel()
	systest.Long(t, "two rotations of keys under check")
	s := examples(t)["key-rotation"]
	var b bytes.Buffer
	if _, err := s.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	again, _, err := Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.Trace != second.Trace {
		t.Errorf("trace %x, then %x", first.Trace, second.Trace)
	}
}
