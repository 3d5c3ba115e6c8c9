package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"serf/agent"
	"serf/agent/handler"
	"serf/agent/http/nethttp"
	"serf/agent/metrics"
)

// parsed reads a scrape as Prometheus does.
func parsed(t *testing.T, scrape []byte) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation) // the stricter one
	families, err := p.TextToMetricFamilies(bytes.NewReader(scrape))
	if err != nil {
		t.Fatalf("%v, in\n%s", err, scrape)
	}
	return families
}

// valueOf is the value of the one sample with these labels, by name and value in turn.
func valueOf(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	for _, m := range families[name].GetMetric() {
		has := make([]string, 0, len(labels))
		for _, l := range m.GetLabel() {
			has = append(has, l.GetName(), l.GetValue())
		}
		if !slices.Equal(has, labels) {
			continue
		}
		if h := m.GetHistogram(); h != nil {
			return float64(h.GetSampleCount())
		}
		return m.GetCounter().GetValue() + m.GetGauge().GetValue() // the other one is 0
	}
	return -1
}

func TestPrometheusReadsAScrape(t *testing.T) {
	t.Parallel()
	const hostile = "user:deploy=true '\"quoted\" back\\slash\n<b>é\u2028\u202e</b>{x=\"1\"} 2'"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	httpAddr := l.Addr().String()
	must(t, l.Close())
	config, err := json.Marshal(map[string]any{"http_addr": httpAddr, "event_handlers": []string{hostile}})
	must(t, err)
	file := filepath.Join(t.TempDir(), "agent.json")
	must(t, os.WriteFile(file, config, 0o600))
	a := ownProgram.start(t, options{name: "agent"}, dialOwn, "-config-file="+file)
	mate := ownProgram.start(t, options{name: "mate"}, dialOwn)
	must(t, a.join(false, mate))
	must(t, a.event("deploy", []byte("x"), false))
	var families map[string]*dto.MetricFamily
	eventually(t, patience, "figures of what was done", func() error {
		families = parsed(t, get(t, "http://"+httpAddr+"/metrics"))
		for _, want := range []struct {
			name   string
			labels []string
		}{
			{"serf_agent_info", []string{"node", "agent", "label", ""}},
			{"serf_handler_runs_total", []string{"handler", hostile, "result", "ok"}},
			{"serf_handler_duration_seconds", []string{"handler", hostile}},
			{"serf_user_events_total", nil},
			{"serf_pushpull_duration_seconds", nil},
			{"serf_rpc_requests_total", []string{"command", "event"}},
		} {
			if got := valueOf(families, want.name, want.labels...); got != 1 {
				return fmt.Errorf("%s%q is %v, want 1", want.name, want.labels, got)
			}
		}
		if got := valueOf(families, "serf_members", "status", "alive"); got != 2 {
			return fmt.Errorf("%v members, want 2", got)
		}
		if valueOf(families, "serf_probe_rtt_seconds") < 1 {
			return fmt.Errorf("no probe yet")
		}
		return nil
	})
	for name, f := range families {
		if f.GetHelp() == "" || f.GetType() == dto.MetricType_UNTYPED {
			t.Errorf("%s has type %v and help %q", name, f.GetType(), f.GetHelp())
		}
	}
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	r, err := http.Get(url)
	must(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	must(t, err)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", url, r.Status, b)
	}
	return b
}

// oneReading is an agent with figures that a test makes up.
type oneReading agent.Metrics

func (r *oneReading) Metrics() (agent.Metrics, bool) { return agent.Metrics(*r), true }

// Whatever names and scripts contain comes out of Prometheus' parser as it went in, as far as it
// is text and not too long.
func TestPrometheusReadsHostileLabels(t *testing.T) {
	t.Parallel()
	for _, hostile := range []string{
		"", `"`, `\`, "\n", `\n`, `\"`, `a"} 5` + "\n# TYPE x counter\nx 1", "a\\\nb\"", "\x00\x01\x7f", "\xff\xfe\"\xc3", "é\u2028\u202e<img src=x onerror=alert(1)>",
		strings.Repeat("x", 256), strings.Repeat("é\"\\\n", 80), "# EOF\n", "+Inf", "\r\n\r\nHTTP/1.1 200 OK",
	} {
		reading := &oneReading{Handlers: handler.Stats{Handlers: []handler.HandlerStats{{Handler: hostile, Counts: handler.Counts{Runs: 3}}}}}
		e := metrics.New(reading, metrics.Options{Node: hostile, Label: hostile, Version: hostile, Commit: hostile,
			RPC: func() metrics.RPC { return metrics.RPC{Requests: maps.All(map[string]uint64{"members": 1})} }})
		w := httptest.NewRecorder()
		nethttp.Handler(e).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		families := parsed(t, w.Body.Bytes())
		want := hostile
		for len(want) > 256 {
			_, size := utf8.DecodeLastRuneInString(want)
			want = want[:len(want)-size]
		}
		want = string([]rune(want)) // what isn't UTF-8 becomes U+FFFD
		if got := valueOf(families, "serf_agent_info", "node", want, "label", want); got != 1 {
			t.Errorf("%.40q: %v", hostile, families["serf_agent_info"])
		}
		if got := valueOf(families, "serf_handler_runs_total", "handler", want, "result", "ok"); got != 3 {
			t.Errorf("%.40q: %v", hostile, families["serf_handler_runs_total"])
		}
		if len(families["serf_handler_runs_total"].GetMetric()) != 4 {
			t.Errorf("%.40q: %v", hostile, families["serf_handler_runs_total"])
		}
	}
}
