package http

import (
	"maps"
	"net/http/httptest"
	"testing"

	"serf/agent/http/nethttp"
)

// A handler that another server serves counts what it does itself.
func TestHandlerCounts(t *testing.T) {
	h := newHandler(t, startAgent(t), Options{Token: "secret"})
	for _, path := range []string{"/healthz", "/v1/members", "/nowhere"} {
		nethttp.Handler(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://localhost"+path, nil))
	}
	c := h.Counters()
	dropped := maps.Collect(c.Dropped)
	if c.Requests != 3 || dropped["refused_token"] != 1 || dropped["unknown"] != 1 {
		t.Errorf("%d requests, %v", c.Requests, dropped)
	}
	if _, has := dropped["panics"]; has || len(dropped) != len(reasons)-serverReasons || reasons[serverReasons].name != "unknown" {
		t.Errorf("reasons of a server are among %v", dropped)
	}
}
