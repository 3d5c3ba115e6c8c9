package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"serf/netsim"
)

func TestMeasuresKeepTheirNames(t *testing.T) {
	var names []string
	for _, m := range Measures() {
		names = append(names, m.Name)
	}
	want := strings.Fields(`agreed_worst_seconds noticed_median_seconds known_median_seconds known_worst_seconds
		pause_noticed_median_seconds pause_known_median_seconds false_failures false_failures_at_healthy false_failures_of_healthy false_failures_of_faultless
		false_failures_among_faultless failures_across_faults events_median_seconds events_worst_seconds
		events_half_median_seconds events_99_median_seconds events_all_99_seconds
		events_delivered queries_answered packets_per_member_second bytes_per_member_second region_bytes_per_member_second gossip_queue_p99 wrong_views_at_end`)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestMeasuresOfAReport(t *testing.T) {
	r := sampleReport()
	want := map[string]Figure{
		"agreed_worst_seconds":       {}, // views didn't agree after the restart
		"noticed_median_seconds":     {6.5, true},
		"known_worst_seconds":        {5.25, true},
		"false_failures_at_healthy":  {3, true},
		"events_delivered":           {0.75, true},
		"packets_per_member_second":  {1000.0 / 90 / 5, true},
		"bytes_per_member_second":    {135_000.0 / 90 / 5, true},
		"events_half_median_seconds": {0.3, true},
		"events_99_median_seconds":   {0.4, true},
		"events_all_99_seconds":      {0.4, true},
		"gossip_queue_p99":           {4, true},
		"wrong_views_at_end":         {2, true},
	}
	for _, m := range r.measures() {
		if w, ok := want[m.Name]; ok && m.figure != w {
			t.Errorf("%s is %v, want %v", m.Name, m.figure, w)
		}
	}
	r.Regions = []string{"a", "b"}
	r.Traffic = []netsim.Traffic{{PacketBytes: 5000}, {PacketBytes: 300, StreamBytes: 60}, {StreamBytes: 90}, {PacketBytes: 7000}}
	if f := r.betweenRegions(); f != (Figure{450. / 90 / 5, true}) {
		t.Errorf("%v between regions", f)
	}
	for _, m := range Measures() {
		if f := m.figure; f.There && f.Value != 0 {
			t.Errorf("%s of nothing is %v", m.Name, f)
		}
	}
}
