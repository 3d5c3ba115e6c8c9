package http

import (
	"context"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent"
	"serf/agent/http/nethttp"
	"serf/internal/http1"
	"serf/swim/serf"
)

// membersBody is what GET /v1/members returns.
type membersBody struct {
	membersHead
	Members []member `json:"members"`
}

// startPair runs two agents in one cluster.
func startPair(t *testing.T, change ...func(*agent.Config)) (a, b *agent.Agent) {
	t.Helper()
	a = startAgent(t, change...)
	b = startAgent(t, func(c *agent.Config) {
		c.Name, c.Tags = "b\x1b[2J\u202e", map[string]string{"role": "<img>", "dc": "eu 1"}
	})
	if n, err := b.Join(t.Context(), []string{a.Addr().String()}, false); n != 1 {
		t.Fatal(err)
	}
	return a, b
}

func TestMembers(t *testing.T) {
	t.Parallel()
	a, b := startPair(t)
	h := newHandler(t, a, Options{})
	var got membersBody
	get(t, h, "/v1/members", 200, &got)
	if got.AsSeenBy != "a" || len(got.Members) != 2 || !strings.HasPrefix(got.Index, h.log.epoch+"-") {
		t.Fatalf("%+v", got)
	}
	self := b.Self()
	m := got.Members[1]
	if m.Name != self.Name || m.Addr != "127.0.0.1" || m.Port != self.Addr.Port() || m.Status != "alive" || m.Tags["role"] != "<img>" || m.Protocol != 5 {
		t.Errorf("%+v", m)
	}
	for query, want := range map[string]string{
		"name=a": "a", "name=b.*": "b", "status=failed": "", "status=alive|failed": "ab", "tag.role=web": "a", "tag.dc=": "a", "tag.dc=eu.*&status=alive": "b", "name=": "ab",
	} {
		var got membersBody
		get(t, h, "/v1/members?"+query, 200, &got)
		names := ""
		for _, m := range got.Members {
			names += m.Name[:1]
		}
		if names != want {
			t.Errorf("%s: %q, want %q", query, names, want)
		}
	}
}

// Columns, in which a stranger's name can't drive the terminal.
func TestMembersAsText(t *testing.T) {
	t.Parallel()
	a, b := startPair(t)
	h := newHandler(t, a, Options{})
	w := ask(t, h, "GET", "/v1/members?format=text", "")
	want := regexp.MustCompile(fmt.Sprintf(`^a {15}%v  alive  (-|[0-9.]+ms) +role=web
b\\x1b\[2J\\u202e  %v  alive  (-|[0-9.]+ms) +dc=eu 1,role=<img>
$`, a.Addr(), b.Addr()))
	if !want.MatchString(w.Body.String()) {
		t.Errorf("%q, want %s", w.Body, want)
	}
	if got := w.Header().Get("X-Serf-Index"); !strings.HasPrefix(got, h.log.epoch) {
		t.Errorf("index %q", got)
	}
}

func TestBadQueriesOfMembers(t *testing.T) {
	t.Parallel()
	h := newHandler(t, startAgent(t), Options{})
	for query, want := range map[string]string{
		"name=(":                    "filter by name",
		"tag.role=[":                "filter by tag role",
		"wait=1s":                   "needs index=",
		"wait=x&index=x":            `wait=\"x\", want a time`,
		"wait=301s&index=x":         "at most 5m0s",
		"wait=-1s&index=x":          "want a time",
		"format=xml":                `want one of`,
		"role=web":                  "no such parameter here",
		"name=a&name=b":             "want it once",
		"status=" + long(1025, "x"): "limit 1024",
	} {
		if w := ask(t, h, "GET", "/v1/members?"+query, ""); w.Code != 400 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%.40s: %d %s, want %s", query, w.Code, w.Body, want)
		}
	}
}

func long(n int, text string) string { return strings.Repeat(text, n) }

// poll asks for the members and waits for a change; the answer is ready when it comes out.
func (h *Handler) poll(ctx context.Context, query string) <-chan *httptest.ResponseRecorder {
	done := make(chan *httptest.ResponseRecorder, 1)
	r, w := httptest.NewRequestWithContext(ctx, "GET", "/v1/members?"+query, nil), httptest.NewRecorder()
	go func() {
		defer func() { done <- w }()
		nethttp.Handler(http1.HandlerFunc(func(w http1.ResponseWriter, r *http1.Request) {
			h.awaitMembers(w, r, r.URL.Query().Get("index"), time.Minute)
		})).ServeHTTP(w, r)
	}()
	return done
}

// A poll fires for changes of members alone, and at once if there was one since the index.
func TestPollsWaitForAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := logHandler()
		changed := func() {
			h.log.add(encode(agent.MemberEvent{Type: agent.MemberFailed, Members: make([]serf.Member, 1)}, time.Now())...)
		}
		ended := func(c <-chan *httptest.ResponseRecorder) bool { synctest.Wait(); return len(c) > 0 }
		before := h.log.index()
		p := h.poll(t.Context(), "index="+before)
		h.log.user("a", "b")
		if ended(p) {
			t.Error("user events end a poll")
		}
		changed()
		if !ended(p) {
			t.Error("a change doesn't end a poll")
		}
		for _, old := range []string{before, h.log.indexOf(2), "0123456789abcdef-3", "nonsense", h.log.indexOf(99)} {
			if !ended(h.poll(t.Context(), "index="+old)) {
				t.Errorf("a poll after %s waits", old)
			}
		}
		for _, current := range []string{h.log.index()} {
			p := h.poll(t.Context(), "index="+current)
			if ended(p) {
				t.Errorf("a poll after %s doesn't wait", current)
			}
			time.Sleep(time.Minute - time.Second)
			if ended(p) {
				t.Error("it ends too soon")
			}
			time.Sleep(time.Second)
			if !ended(p) {
				t.Error("it waits for ever")
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		p = h.poll(ctx, "index="+h.log.index())
		cancel()
		if !ended(p) {
			t.Error("it waits for a client that is gone")
		}
		p = h.poll(t.Context(), "index="+h.log.index())
		h.log.end()
		if !ended(p) || h.polls.taken.Load() != 0 {
			t.Error("it outlasts the agent")
		}
	})
}

func TestPollsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := logHandler()
		var waiting []<-chan *httptest.ResponseRecorder
		for range pollsMax {
			waiting = append(waiting, h.poll(t.Context(), "index="+h.log.index()))
		}
		synctest.Wait()
		if w := <-h.poll(t.Context(), "index="+h.log.index()); w.Code != 503 {
			t.Errorf("one more: %d", w.Code)
		}
		h.log.end()
		for _, p := range waiting {
			if w := <-p; w.Code != 200 {
				t.Errorf("%d", w.Code)
			}
		}
	})
}

// Whoever asks again after an answer with its index, and reads what comes, misses no change.
func TestPollsMissNothing(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	h := newHandler(t, a, Options{})
	var seen []string
	var got membersBody
	get(t, h, "/v1/members", 200, &got)
	for i := range 5 {
		go a.SetTags(context.Background(), map[string]string{"n": fmt.Sprint(i)}, nil)
		for got.Members[0].Tags["n"] != fmt.Sprint(i) {
			get(t, h, "/v1/members?wait=1m&index="+got.Index, 200, &got)
		}
		seen = append(seen, got.Members[0].Tags["n"])
	}
	if !slices.Equal(seen, []string{"0", "1", "2", "3", "4"}) {
		t.Error(seen)
	}
}
