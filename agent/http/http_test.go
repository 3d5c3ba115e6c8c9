package http

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"serf/agent"
	"serf/agent/http/nethttp"
	"serf/internal/http1"
)

// startAgent runs an agent alone on loopback.
func startAgent(t testing.TB, change ...func(*agent.Config)) *agent.Agent {
	t.Helper()
	c := agent.Config{Logger: slog.New(slog.DiscardHandler), Timing: agent.Local(), Bind: netip.MustParseAddrPort("127.0.0.1:0")}
	c.Name, c.Tags = "a", map[string]string{"role": "web"}
	for _, f := range change {
		f(&c)
	}
	a, err := agent.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func newHandler(t testing.TB, a *agent.Agent, o Options) *Handler {
	t.Helper()
	h, err := New(a, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ask has a request answered, as described. headers are pairs of name and value.
func ask(t *testing.T, h http1.Handler, method, url, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	r.Host = "localhost"
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	w := httptest.NewRecorder()
	nethttp.Handler(h).ServeHTTP(w, r)
	checkAnswer(t, r, w)
	return w
}

// get asks and reads the answer into v.
func get(t *testing.T, h http1.Handler, url string, status int, v any) {
	t.Helper()
	w := ask(t, h, "GET", url, "")
	b, _ := io.ReadAll(w.Body)
	if w.Code != status {
		t.Fatalf("GET %s: %d %s, want %d", url, w.Code, b, status)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("GET %s: %s: %v", url, b, err)
	}
}

func TestAgentAnswer(t *testing.T) {
	t.Parallel()
	h := newHandler(t, startAgent(t), Options{Version: "1.2.3", Profile: "local", Label: "l"})
	var got agentAnswer
	get(t, h, "/v1/agent", 200, &got)
	self := h.agent.Self()
	if got.Name != "a" || got.Addr != "127.0.0.1" || got.Port != self.Addr.Port() || got.Version != "1.2.3" ||
		got.Profile != "local" || got.Label != "l" || got.Protocol != 5 || got.Tags["role"] != "web" || got.Writable || got.Auth ||
		got.View.Members != 1 || got.View.Alive != 1 || got.View.Digest != h.agent.Digest().String() || !strings.HasPrefix(got.Index, got.Epoch+"-") {
		t.Errorf("%+v", got)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	h := newHandler(t, a, Options{Token: "t"}) // checks have none
	var got healthAnswer
	get(t, h, "/healthz", 200, &got)
	get(t, h, "/readyz", 200, &got)
	get(t, h, "/readyz?members=2", 503, &got)
	if len(got.Reasons) != 1 || got.Reasons[0] != "1 alive, want 2 members" {
		t.Errorf("%+v", got)
	}
	a.Close()
	get(t, h, "/healthz", 503, &got)
	get(t, h, "/readyz", 503, &got)
	if len(got.Reasons) != 1 || got.Reasons[0] != agent.ErrStopped.Error() {
		t.Errorf("%+v", got)
	}
}

func TestMetricsNeedATokenAndToBeServed(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	some := http1.HandlerFunc(func(w http1.ResponseWriter, r *http1.Request) { io.WriteString(w, "up 1\n") })
	for _, tc := range []struct {
		o    Options
		want int
	}{
		{Options{OpenReads: true, Metrics: some}, 200},
		{Options{OpenReads: true}, 404},
		{Options{Token: "t", Metrics: some}, 401},
	} {
		if w := ask(t, newHandler(t, a, tc.o), "GET", "/metrics", ""); w.Code != tc.want {
			t.Errorf("%+v: %d, want %d", tc.o, w.Code, tc.want)
		}
	}
}

// Pages of others must not be able to pass for ours: a Host counts only if it is one of ours as a
// whole.
func TestHostIsChecked(t *testing.T) {
	t.Parallel()
	h := newHandler(t, startAgent(t), Options{Host: func(host string) bool { return host == "serf.example" || host == "192.0.2.1" }})
	refused := 0
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:8500": true, "LOCALHOST": true, "localhost.": true,
		"127.0.0.1": true, "127.0.0.1:1": true, "127.8.8.8": true, "[::1]": true, "[::1]:8500": true, "[::ffff:127.0.0.1]": true,
		"serf.example": true, "Serf.Example.:443": true, "192.0.2.1:8500": true, "[::ffff:192.0.2.1]": true,
		"": false, ":8500": false, "evil.example": false, "evil.example:8500": false, "192.0.2.2": false,
		"localhost.evil.example": false, "127.0.0.1.evil.example": false, "localhostx": false, "xlocalhost": false,
		"evil.example#localhost": false, "localhost@evil.example": false, "evil.example/localhost": false, "localhost:1:2": false,
		"127.0.0.1@evil.example": false, "0x7f.1": false, "2130706433": false, "127.1": false, "[localhost": false, "::1.evil.example": false,
		"0.0.0.0": false, "[::]": false, "localhost\x00": false, "..": false,
	} {
		w := ask(t, h, "GET", "/v1/agent", "", "Host", host)
		if want := map[bool]int{true: 200, false: 421}[ok]; w.Code != want {
			t.Errorf("Host %q: %d, want %d", host, w.Code, want)
		}
		if !ok {
			refused++
		}
	}
	if n := h.counts.hosts.Load(); n != uint64(refused) {
		t.Errorf("%d refused, want %d", n, refused)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	closed, open := newHandler(t, a, Options{Token: "secret"}), newHandler(t, a, Options{Token: "secret", OpenReads: true})
	for _, given := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Bearer secret2", "Bearer secre", "Basic secret", "secret", "Bearer  secret"} {
		w := ask(t, closed, "GET", "/v1/agent", "", "Authorization", given)
		if w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%q: %d %s", given, w.Code, w.Body)
		}
		if w := ask(t, open, "GET", "/v1/agent", "", "Authorization", given); w.Code != 200 {
			t.Errorf("%q: %d where reading is open", given, w.Code)
		}
	}
	for _, given := range []string{"Bearer secret", "bearer secret"} {
		if w := ask(t, closed, "GET", "/v1/agent", "", "Authorization", given); w.Code != 200 {
			t.Errorf("%q: %d", given, w.Code)
		}
	}
	if n := closed.counts.tokens.Load(); n != 9 {
		t.Errorf("%d refused, want 9", n)
	}
}

func TestOriginsAreChecked(t *testing.T) {
	t.Parallel()
	h := newHandler(t, startAgent(t), Options{Origins: []string{"https://ops.example"}})
	for _, tt := range []struct {
		status  int
		allowed bool
		headers []string
	}{
		{200, false, nil},
		{200, false, []string{"Sec-Fetch-Site", "same-origin"}},
		{200, false, []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}},
		{200, false, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}},
		{403, false, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}},
		{403, false, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}},
		{403, false, []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Origin", "http://localhost:3000"}},
		{403, false, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Origin", "null"}},
		{403, false, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Origin", "https://ops.example.evil"}},
		{200, true, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Origin", "https://ops.example"}},
	} {
		w := ask(t, h, "GET", "/v1/agent", "", tt.headers...)
		got := w.Header().Get("Access-Control-Allow-Origin")
		if w.Code != tt.status || got == "*" || (got != "") != tt.allowed {
			t.Errorf("%v: %d, allowed %q; want %d, %t", tt.headers, w.Code, got, tt.status, tt.allowed)
		}
	}
	if w := ask(t, h, "OPTIONS", "/v1/agent", "", "Origin", "https://ops.example"); w.Code != 204 || w.Header().Get("Access-Control-Allow-Headers") == "" {
		t.Errorf("an allowed page asks first: %d %v", w.Code, w.Header())
	}
	if w := ask(t, h, "OPTIONS", "/v1/agent", "", "Origin", "https://evil.example"); w.Code != 405 {
		t.Errorf("another page asks first: %d", w.Code)
	}
	for _, bad := range []string{"https://*", "https://*.example", "https://:443", "*", "", "https://x/", "x", "https://"} {
		if _, err := New(h.agent, Options{Origins: []string{bad}}); err == nil {
			t.Errorf("origin %q is taken", bad)
		}
	}
}

// Browsers that show an answer by itself must neither run it, nor show it within another page, nor
// keep it or its address.
func TestBrowsersHearWhatTheyMayDo(t *testing.T) {
	t.Parallel()
	h := newHandler(t, startAgent(t), Options{Token: "t"})
	for url, status := range map[string]int{"/": 200, "/page/main.js": 200, "/healthz": 200, "/v1/openapi.json": 200, "/v1/agent": 401, "/<script>": 404} {
		w := ask(t, h, "GET", url, "")
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != status || !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "frame-ancestors 'none'") ||
			w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Referrer-Policy") != "no-referrer" ||
			w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", url, w.Code, w.Header())
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	h := newHandler(t, startAgent(t), Options{})
	for _, tt := range []struct {
		method, url string
		status      int
	}{
		{"GET", "/v1", 404}, {"GET", "/v1/agent/", 404}, {"GET", "//v1/agent", 404}, {"GET", "/v1/../v1/agent", 404}, {"GET", "/v2/agent", 404},
		{"POST", "/v1/agent", 405}, {"DELETE", "/v1/agent", 405}, {"HEAD", "/v1/agent", 200}, {"GET", "/v1/agent?x=1", 400}, {"GET", "/v1/agent?%zz", 400},
	} {
		w := ask(t, h, tt.method, tt.url, "")
		var p problem
		if w.Code != tt.status || w.Code >= 400 && (json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Error == "") {
			t.Errorf("%s %s: %d %s, want %d", tt.method, tt.url, w.Code, w.Body, tt.status)
		}
		if w.Code == 405 && w.Header().Get("Allow") != "GET" {
			t.Errorf("%s %s: allowed %q", tt.method, tt.url, w.Header().Get("Allow"))
		}
	}
}
