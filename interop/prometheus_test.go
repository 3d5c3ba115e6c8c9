package interop

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"serf/agent"
	"serf/agent/handler"
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
		e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
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
