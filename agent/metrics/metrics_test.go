package metrics

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/agent"
	"serf/agent/handler"
	"serf/agent/http/nethttp"
	"serf/agent/recording"
	"serf/driver"
	"serf/internal/histogram"
	"serf/swim"
	"serf/swim/serf"
)

// fakeSource has the metrics that a test sets.
type fakeSource struct {
	metrics agent.Metrics
	stopped bool
}

func (f *fakeSource) Metrics() (agent.Metrics, bool) { return f.metrics, !f.stopped }

func testOptions() Options {
	return Options{Version: "1.0", Commit: "abc", Node: "a", RPC: func() RPC {
		return RPC{Connections: 3, Requests: maps.All(map[string]uint64{"members": 7})}
	}, HTTP: func() HTTP {
		return HTTP{Requests: 3, Streams: 2, Dropped: maps.All(map[string]uint64{"refused_host": 4})}
	}}
}

// scraped asks e for its metrics.
func scraped(e *Exporter, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	nethttp.Handler(e).ServeHTTP(w, r)
	return w
}

// lines are the samples of a scrape that belong to some metric of that prefix.
func lines(body, prefix string) (found []string) {
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, prefix) {
			found = append(found, strings.TrimSuffix(line, "\n"))
		}
	}
	return found
}

func TestFiguresAreShown(t *testing.T) {
	rtts := histogram.Histogram{Sum: 1500 * time.Microsecond}
	rtts.Counts[2], rtts.Counts[histogram.Buckets] = 2, 1
	source := &fakeSource{metrics: agent.Metrics{
		Membership: swim.Counters{
			PacketsIn: 1, PacketsOut: 2, BytesIn: 3, BytesOut: 4, ProbesEnded: 20, ProbesDirect: 5, ProbesRelayed: 4, StreamAcks: 3, ProbesFailed: 2, RTTs: rtts,
			Claims: [...]uint64{swim.Alive: 1, swim.Suspect: 2, swim.Dead: 3, swim.Left: 4}, SuspectUpdates: 6, Refutations: 7, Pauses: 8,
			DroppedPackets: 10, DroppedLabels: 3, DroppedKeys: 2, DroppedMessages: 4,
		},
		Above: serf.Counters{Joins: 1, Leaves: 2, Failures: 3, Updates: 4, Reaps: 5, Flaps: 6, Events: 7, Queries: 8, BadMessages: 5},
		Node: serf.Stats{Health: 2, IntentQueue: 1, EventQueue: 2, QueryQueue: 3, Backlog: 4, MemberTime: 11, EventTime: 12, QueryTime: 13, Encrypted: true, QueueDrops: 20,
			Digest: 0xfedcba9876543210},
		Queued: 9, QueueDrops: 1,
		Members:   [...]int{serf.StatusAlive: 5, serf.StatusLeaving: 1, serf.StatusLeft: 2, serf.StatusFailed: 3},
		Traffic:   agent.Traffic{Counters: driver.Counters{SendErrors: 1, KernelDrops: 30, KernelDropsKnown: true, StreamsAccepted: 2, StreamsDialled: 3, StreamFailures: [driver.StreamFailures]uint64{driver.StreamConnect: 4}}, SubscribersCut: 5},
		Recording: recording.Stats{On: true, Bytes: 17, Inputs: 18, Lost: 19, Removed: 20},
		Handlers:  handler.Stats{Waiting: 7, Total: handler.Counts{Dropped: 2, Lost: 1}, Handlers: []handler.HandlerStats{{Handler: "user=a", Counts: handler.Counts{Runs: 10, Failed: 6, TimedOut: 3, Killed: 1}}}},
	}}
	body := scraped(New(source, testOptions()), "").Body.String()
	for _, want := range []string{
		`serf_build_info{version="1.0",commit="abc"} 1`,
		`serf_agent_info{node="a",label=""} 1`,
		`serf_members{status="alive"} 5`, `serf_members{status="leaving"} 1`, `serf_members{status="left"} 2`, `serf_members{status="failed"} 3`,
		`serf_view_digest 4483583629026627`, // 0xfedcba9876543
		`serf_health_score 2`, `serf_encryption_enabled 1`,
		`serf_lamport_time{clock="member"} 11`, `serf_lamport_time{clock="event"} 12`, `serf_lamport_time{clock="query"} 13`,
		`serf_queue_messages{queue="membership"} 9`, `serf_queue_messages{queue="intent"} 1`, `serf_queue_messages{queue="event"} 2`, `serf_queue_messages{queue="query"} 3`,
		`serf_queue_messages{queue="backlog"} 4`, `serf_queue_messages{queue="handlers"} 7`,
		`serf_member_events_total{event="join"} 1`, `serf_member_events_total{event="leave"} 2`, `serf_member_events_total{event="failed"} 3`,
		`serf_member_events_total{event="update"} 4`, `serf_member_events_total{event="reap"} 5`, `serf_member_events_total{event="flap"} 6`,
		`serf_claims_received_total{type="alive"} 1`, `serf_claims_received_total{type="suspect"} 2`, `serf_claims_received_total{type="dead"} 3`, `serf_claims_received_total{type="left"} 4`,
		`serf_suspicions_total 6`, `serf_refutations_total 7`, `serf_pauses_total 8`,
		`serf_packets_total{direction="in"} 1`, `serf_packets_total{direction="out"} 2`, `serf_packet_bytes_total{direction="in"} 3`, `serf_packet_bytes_total{direction="out"} 4`,
		`serf_streams_total{direction="in"} 2`, `serf_streams_total{direction="out"} 3`, `serf_stream_errors_total{reason="connect"} 4`, `serf_stream_errors_total{reason="key"} 0`,
		`serf_send_errors_total 1`, `serf_probes_total{result="direct"} 5`, `serf_probes_total{result="relayed"} 4`, `serf_probes_total{result="stream"} 3`, `serf_probes_total{result="failed"} 2`,
		`serf_probes_total{result="abandoned"} 6`, `serf_probe_rtt_seconds_bucket{le="0.00025"} 0`, `serf_probe_rtt_seconds_bucket{le="0.0005"} 2`, `serf_probe_rtt_seconds_bucket{le="5"} 2`,
		`serf_probe_rtt_seconds_bucket{le="+Inf"} 3`, `serf_probe_rtt_seconds_sum 0.0015`, `serf_probe_rtt_seconds_count 3`,
		`serf_dropped_total{reason="packet_kernel"} 30`, `serf_dropped_total{reason="packet_label"} 3`, `serf_dropped_total{reason="packet_key"} 2`, `serf_dropped_total{reason="packet_malformed"} 5`, `serf_dropped_total{reason="message"} 9`,
		`serf_dropped_total{reason="queue_full"} 21`, `serf_dropped_total{reason="handler"} 3`, `serf_dropped_total{reason="subscriber"} 5`,
		`serf_user_events_total 7`, `serf_queries_total 8`, `serf_rpc_connections_total 3`, `serf_rpc_requests_total{command="members"} 7`,
		`serf_http_requests_total 3`, `serf_http_streams 2`, `serf_http_dropped_total{reason="refused_host"} 4`,
		`serf_recording 1`, `serf_recording_bytes 17`, `serf_recording_removed_total 20`,
		`serf_recording_inputs_total{result="recorded"} 18`, `serf_recording_inputs_total{result="lost"} 19`,
		`serf_handler_runs_total{handler="user=a",result="ok"} 4`, `serf_handler_runs_total{handler="user=a",result="failed"} 2`,
		`serf_handler_runs_total{handler="user=a",result="timeout"} 3`, `serf_handler_runs_total{handler="user=a",result="killed"} 1`,
	} {
		if !slices.Contains(lines(body, want), want) {
			t.Errorf("not shown: %s\nbut %q", want, lines(body, want[:strings.IndexAny(want, "{ ")]))
		}
	}
}

// An agent in a program of one's own may have neither RPC nor a server of package http.
func TestNoServers(t *testing.T) {
	body := scraped(New(&fakeSource{}, Options{Node: "a"}), "").Body.String()
	if got, want := lines(body, "serf_rpc_"), []string{"serf_rpc_connections_total 0"}; !slices.Equal(got, want) {
		t.Errorf("of RPC: %q, want %q", got, want)
	}
	if got := lines(body, "serf_http_"); len(got) != 2 {
		t.Errorf("of HTTP: %q, want two zeros", got)
	}
	if strings.Contains(body, kernelDrops) {
		t.Error("what the kernel dropped is shown, though it isn't known")
	}
}

func TestProcessIsShown(t *testing.T) {
	body := scraped(New(new(fakeSource), testOptions()), "").Body.String()
	for _, name := range []string{"process_start_time_seconds ", "process_cpu_seconds_total ", "go_goroutines ", "go_memstats_sys_bytes ", "go_gc_cycles_total "} {
		if got := lines(body, name); len(got) != 1 {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestLabelsAreEscapedValidAndShort(t *testing.T) {
	long := strings.Repeat("é", labelMax)
	for _, tc := range []struct{ value, want string }{
		{"a\\b\"c\nd", `a\\b\"c\nd`},
		{"\xff\xfeok\x00", "\ufffd\ufffdok\x00"},
		{"<img onerror=x>}", "<img onerror=x>}"},
		{long, long[:labelMax]},
		{"a" + long, ("a" + long)[:labelMax-1]}, // between two bytes of a character
	} {
		var w writer
		w.begin("m", gaugeKind, "h")
		w.count(1, "l", tc.value)
		if got, want := string(w.b), "# HELP m h\n# TYPE m gauge\nm{l=\""+tc.want+"\"} 1\n"; got != want {
			t.Errorf("%.20q: %q, want %q", tc.value, got, want)
		}
	}
}

func TestOpenMetrics(t *testing.T) {
	const accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
	w := scraped(New(new(fakeSource), testOptions()), accept)
	body := w.Body.String()
	if got := w.Header().Get("Content-Type"); got != "application/openmetrics-text; version=1.0.0; charset=utf-8" {
		t.Error(got)
	}
	for _, want := range []string{
		"# TYPE serf_suspicions counter\nserf_suspicions_total 0\n",
		`serf_probe_rtt_seconds_bucket{le="1.0"} 0`,
		"# TYPE serf_health_score gauge\nserf_health_score 0\n",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("not shown: %q", want)
		}
	}
	if !strings.HasSuffix(body, "\n# EOF\n") {
		t.Errorf("the end is %q", body[len(body)-20:])
	}
}

func TestFormatByAccept(t *testing.T) {
	for _, tc := range []struct {
		accept string
		want   Format
	}{
		{"", Text},
		{"*/*", Text},
		{"text/plain;version=0.0.4", Text},
		{"application/openmetrics-text", OpenMetrics},
		{"Application/OpenMetrics-Text; version=0.0.1; Q=0.2, text/html", OpenMetrics},
		{"application/openmetrics-text;q=0.3,text/plain;q=0.5", Text},
		{"application/openmetrics-text;q=0", Text},
		{"application/openmetrics-text;q=high", Text},
		{"application/openmetrics-text;q=NaN", Text},
	} {
		if got := Accepted(tc.accept); got != tc.want {
			t.Errorf("%q: %v, want %v", tc.accept, got, tc.want)
		}
	}
}

func TestStoppedAgentSaysSo(t *testing.T) {
	w := scraped(New(&fakeSource{stopped: true}, testOptions()), "")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "stopped") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestHandlersAreTellApartAndLimited(t *testing.T) {
	long := strings.Repeat("x", labelMax+1)
	all := []handler.HandlerStats{{Handler: "same"}, {Handler: "same"}, {Handler: "same"}, {Handler: long}, {Handler: long + "y"}}
	for len(all) < handlersMax {
		all = append(all, handler.HandlerStats{Handler: strings.Repeat("h", len(all))})
	}
	if got := showHandlers(nil, all); len(got) != handlersMax || got[2].Handler != "same (3)" || got[3].Handler != long[:labelMax] || got[4].Handler != long[:labelMax-4]+" (2)" {
		t.Errorf("at the limit: %d, %+v", len(got), got[:5])
	}
	for range 2 {
		beyond := handler.HandlerStats{Handler: "beyond", Counts: handler.Counts{Runs: 2}}
		beyond.Took.Counts[1] = 2
		all = append(all, beyond)
	}
	got := showHandlers(nil, all)
	if last := got[len(got)-1]; len(got) != handlersMax+1 || last.Handler != otherHandlers || last.Runs != 4 || last.Took.N() != 4 {
		t.Errorf("beyond: %d, the last %+v", len(got), last)
	}
}
