package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"serf/examples/internal/clustertest"
)

// client asks the program.
type client struct {
	t     *testing.T
	ctx   context.Context
	url   string
	token string
}

func (c client) do(method, path, body string) *http.Response {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func (c client) get(path string, code int) string {
	c.t.Helper()
	resp := c.do("GET", path, "")
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != code {
		c.t.Errorf("GET %s: %d, %v, want %d: %.200s", path, resp.StatusCode, err, code, b)
	}
	return string(b)
}

// start runs the program's server. It ends, without an error, by stop.
func start(t *testing.T) (c client, stop func()) {
	t.Helper()
	a := clustertest.Start(t, clustertest.Config("web-1", nil))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, a, ln, "secret") }()
	return client{t: t, ctx: clustertest.Context(t), url: "http://" + ln.Addr().String()}, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	c, stop := start(t)
	defer stop()
	if text := c.get("/", 200); !strings.Contains(text, "web-1, one of 1 members") {
		t.Errorf("the program's own page: %q", text)
	}
	c.get("/other", 404)
	page := c.get("/serf", 200) // redirected to /serf/
	files := regexp.MustCompile(`(?:src|href)="(page/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(files) < 3 {
		t.Errorf("%d files of the page found: %s", len(files), page)
	}
	for _, f := range files {
		c.get("/serf/"+f[1], 200)
	}
	var list struct{ Members []struct{ Name string } }
	if err := json.Unmarshal([]byte(c.get("/serf/v1/members", 200)), &list); err != nil || len(list.Members) != 1 {
		t.Errorf("members: %v, %v", list, err)
	}
	if text := c.get("/serf/metrics", 200); !strings.Contains(text, "serf_members") {
		t.Errorf("metrics: %s", text)
	}
}

// Events go out to streams, and open streams don't keep the program from ending.
func TestEvents(t *testing.T) {
	t.Parallel()
	c, stop := start(t)
	stream := c.do("GET", "/serf/v1/events?type=user:deploy", "")
	lines := bufio.NewScanner(stream.Body)
	if resp := c.do("POST", "/serf/v1/event/deploy", "v2"); resp.StatusCode != 401 {
		t.Errorf("an event without the token: %d, want 401", resp.StatusCode)
	}
	c.token = "secret"
	if resp := c.do("POST", "/serf/v1/event/deploy", "v2"); resp.StatusCode/100 != 2 {
		b, _ := io.ReadAll(resp.Body)
		t.Errorf("an event with the token: %d %s", resp.StatusCode, b)
	}
	for lines.Scan() && !strings.Contains(lines.Text(), "djI=") {
	}
	if !strings.HasPrefix(lines.Text(), "data:") {
		t.Errorf("the stream ends with %q", lines.Text())
	}
	stop()
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
}
