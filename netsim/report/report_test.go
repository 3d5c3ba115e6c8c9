package report

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/netsim"
	"serf/swim"
)

var update = flag.Bool("update", false, "write the golden files of reports anew")

// golden compares got with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; 'go test ./netsim/report -update' writes it anew):\n%s", path, diff)
	}
}

// sampleReport has something of everything, made up, so that golden files change with the form of
// reports and not with the behaviour of members.
func sampleReport() Report {
	s := func(x float64) swim.Time { return swim.Time((x - 1) * float64(time.Second)) } // what is below began at 1 s
	d := func(x float64) time.Duration { return time.Duration(x * float64(time.Second)) }
	spread := func(at float64, due int, after ...float64) Spread {
		x := NewSpread(s(at), due)
		for _, a := range after {
			x.Reach(s(at+a), 0)
		}
		return x
	}
	first, second := spread(31, 3, 4, 4.5, 5.25), spread(41, 3, 6.5)
	events := []Spread{spread(11, 4, 0, 0.2, 0.21, 0.4), spread(21, 4, 0, 0.3)}
	events[1].Name, events[1].Missed = "deploy of m1", []string{"m4", "m5"}
	queries := []Spread{spread(26, 4, 0.001, 0.002, 0.003, 0.0355)}
	r := Report{
		Members: 5, Running: 4, Time: 90 * time.Second, Wrong: 2,
		Episodes: []Episode{
			{"cold start", -1, s(1), s(2.25)}, {"heal", -1, s(20), s(21)}, {"heal", -1, s(50), s(54)}, {"restart", 2, s(60), swim.Never},
		},
		Detections: []Detection{
			{Member: 1, Name: "m2", At: s(31), First: s(35), All: s(36.25), Spread: first},
			{Member: 2, Name: "m3", At: s(41), First: s(47.5), All: swim.Never, Void: true, Spread: second},
		},
		Returned: 1, FirstNoticed: QuantilesOf([]time.Duration{d(4), d(6.5)}), AllNoticed: QuantilesOf([]time.Duration{d(5.25)}),
		Bounds:        [2]time.Duration{d(3), d(20.125)},
		FalseFailures: FalseFailures{All: 7, AtHealthy: 3, OfHealthy: 1, AcrossFaults: 5}, Suspicions: 30, Refutations: 12,
		UserEvents: 2, EventDeliveries: 6, Events: events, EventSpread: TimesToAll(events),
		Queries: queries, QuerySpread: TimesToAll(queries),
		Packets: QuantilesOf([]float64{2.5, 3, 4, 120}), Bytes: QuantilesOf([]float64{250, 300, 400, 1234.5}),
		Queue: Quantiles[int]{Count: 8, Median: 0, P99: 4, Worst: 6},
		Network: netsim.Stats{Sent: 1000, SentBytes: 90_000, Delivered: 950, Lost: 30, Cut: 15, Nobody: 5, Duplicated: 2, Overflowed: 1, Choked: 2,
			Streams: 40, StreamBytes: 45_000, StreamsFailed: 4},
		Series: Series{Every: 45 * time.Second, Samples: []Sample{
			{At: 45 * time.Second, Running: 5, Packets: 600, PacketBytes: 50_000, StreamBytes: 40_000, Suspicions: 10, Queue: Quantiles[int]{4, 0, 6, 6, 0, 6}},
			{At: 90 * time.Second, Running: 4, Wrong: 2, Packets: 400, PacketBytes: 40_000, StreamBytes: 5_000, Suspicions: 20, Refutations: 12,
				FalseFailures: FalseFailures{7, 3, 1, 5, 2, 1}, Queue: Quantiles[int]{4, 0, 4, 4, 0, 4}},
		}},
		Bands:      []Band{{"2 crash", d(30), d(30)}, {"40% cut off", d(35), d(49)}},
		Trace:      0x123456789abcdef,
		Violations: []Violation{{s(70), "connected", "m1 still doesn't take m4 for alive"}},
	}
	return r
}

func TestSummary(t *testing.T) {
	r := sampleReport()
	var b strings.Builder
	n, err := r.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d bytes, says %d, error %v", b.Len(), n, err)
	}
	golden(t, "summary.txt", b.String())
}

func TestSummaryOfNothing(t *testing.T) {
	var b strings.Builder
	r := Report{Members: 3, Cut: true}
	if _, err := r.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary-nothing.txt", b.String())
}

// The names in this golden file are promised to programs that read them.
func TestFiguresAsJSON(t *testing.T) {
	r := sampleReport()
	b, err := json.MarshalIndent(r.Figures(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "figures.json", string(b)+"\n")
}

func TestFiguresOfNothingHaveListsAndNoInfinities(t *testing.T) {
	for _, r := range []Report{{}, {Series: Series{Samples: []Sample{{}}}}} {
		b, err := json.Marshal(r.Figures())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"changes":[]`, `"each":[]`, `"broken_rules":[]`, `"first_seconds":null`, `"gossip_queue":null`} {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s isn't in %s", want, b)
			}
		}
	}
}

func TestPercentIsWholeOnlyIfAllIs(t *testing.T) {
	tests := []struct {
		share float64
		want  string
	}{{1, "100%"}, {0.9999999, "99.99%"}, {0.99996, "99.99%"}, {0.5, "50%"}, {0.12345, "12.34%"}, {0, "0%"}}
	for _, tt := range tests {
		if got := Percent(tt.share); got != tt.want {
			t.Errorf("%v is %s, want %s", tt.share, got, tt.want)
		}
	}
}
