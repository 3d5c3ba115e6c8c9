package http

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/agent"
	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
)

const secret = "Bearer secret"

func writable(t *testing.T, a *agent.Agent) *Handler {
	t.Helper()
	return newHandler(t, a, Options{Token: "secret", OpenReads: true, Write: true})
}

// wantStatus asks with the token.
func (h *Handler) wantStatus(t *testing.T, status int, method, url, body string) string {
	t.Helper()
	w := ask(t, h, method, url, body, "Authorization", secret)
	if w.Code != status {
		t.Errorf("%s %s %.80q: %d %s, want %d", method, url, body, w.Code, w.Body, status)
	}
	return w.Body.String()
}

// Writing takes the option, a page of ours, and the token, each by itself.
func TestWritingIsGuarded(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	open, shut := writable(t, a), newHandler(t, a, Options{Token: "secret", OpenReads: true})
	for i := range routes {
		rt := &routes[i]
		if !rt.writes() {
			continue
		}
		path := strings.ReplaceAll(rt.path, "{name}", "x")
		for _, tt := range []struct {
			h       *Handler
			status  int
			headers []string
		}{
			{shut, 403, []string{"Authorization", secret}},
			{open, 401, nil},
			{open, 401, []string{"Authorization", "Bearer wrong"}},
			{open, 403, []string{"Authorization", secret, "Sec-Fetch-Site", "cross-site"}},
			{open, 403, []string{"Authorization", secret, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate"}},
			{open, 403, []string{"Authorization", secret, "Origin", "http://evil.example"}},
			{open, 403, []string{"Authorization", secret, "Origin", "null"}},
			{open, 421, []string{"Authorization", secret, "Host", "evil.example"}},
		} {
			if w := ask(t, tt.h, rt.method, path, "", tt.headers...); w.Code != tt.status {
				t.Errorf("%s %s %v: %d, want %d", rt.method, path, tt.headers, w.Code, tt.status)
			}
		}
	}
	if _, last := open.log.kept(); open.counts.tokens.Load() != 10 || open.counts.origins.Load() != 20 || shut.counts.writes.Load() != 5 || last > 1 {
		t.Errorf("%+v, %+v", &open.counts, &shut.counts)
	}
}

func TestFireEvent(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	events := a.Subscribe(16, func(e agent.Event) bool { _, ok := e.(agent.UserEvent); return ok })
	h := writable(t, a)
	for _, tt := range []struct {
		path, body string
		want       agent.UserEvent
	}{
		{"deploy", "v1", agent.UserEvent{Name: "deploy", Payload: []byte("v1"), Coalesce: true}},
		{"deploy?coalesce=false", "", agent.UserEvent{Name: "deploy"}},
		{url.PathEscape("a/b ../\x00é"), "\x00\xff", agent.UserEvent{Name: "a/b ../\x00é", Payload: []byte("\x00\xff"), Coalesce: true}},
	} {
		h.wantStatus(t, 204, "POST", "/v1/event/"+tt.path, tt.body)
		got := (<-events.C).(agent.UserEvent)
		got.LTime = 0
		if fmt.Sprint(got) != fmt.Sprint(tt.want) || string(got.Payload) != string(tt.want.Payload) || got.Coalesce != tt.want.Coalesce {
			t.Errorf("%s: %+v", tt.path, got)
		}
	}
	h.wantStatus(t, 204, "POST", "/v1/event/n", strings.Repeat("x", 470))
	h.wantStatus(t, 400, "POST", "/v1/event/n", strings.Repeat("x", 512)) // with the name
	h.wantStatus(t, 400, "POST", "/v1/event/n?coalesce=perhaps", "")
	h.wantStatus(t, 404, "POST", "/v1/event/", "")
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	h := writable(t, startAgent(t, func(c *agent.Config) { c.QuerySizeMax = 60 << 10 }))
	if text := h.wantStatus(t, 400, "POST", "/v1/event/n", strings.Repeat("x", bodyMax)); !strings.Contains(text, "limit") {
		t.Errorf("at the limit of a body: %s", text) // the agent has less
	}
	for _, path := range []string{"/v1/event/n", "/v1/query/n", "/v1/join"} {
		h.wantStatus(t, 413, "POST", path, strings.Repeat("x", bodyMax+1))
	}
	if n := h.counts.bodies.Load(); n != 3 {
		t.Errorf("%d refused", n)
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	a, b := startAgent(t), startAgent(t, func(c *agent.Config) { c.Name = "b" })
	h := writable(t, a)
	if got := h.wantStatus(t, 200, "POST", "/v1/join", fmt.Sprintf(`{"addrs": [%q], "replay": true}`, b.Addr())); got != "{\"joined\":1}\n" {
		t.Error(got)
	}
	for body, want := range map[string]string{
		``: "EOF", `[]`: "cannot unmarshal", `{}`: "addrs is missing", `{"addrs": []}`: "addrs is missing", `{"addrs": [""]}`: "addrs: ",
		`{"addrs": ["x"]} x`: "follows", `{"addr": ["x"]}`: "unknown field", `{"addrs": ["127.0.0.1:70000"]}`: "addrs: ",
	} {
		if got := h.wantStatus(t, 400, "POST", "/v1/join", body); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	b.Close()
	h.wantStatus(t, 502, "POST", "/v1/join", fmt.Sprintf(`{"addrs": [%q]}`, b.Addr()))
}

func TestForceLeave(t *testing.T) {
	t.Parallel()
	a, b := startPair(t, func(c *agent.Config) { // that it has failed is known soon
		c.Timing.ProbeInterval, c.Timing.ProbeTimeout, c.Timing.SuspicionMult = 50*time.Millisecond, 20*time.Millisecond, 1
	})
	h := writable(t, a)
	failed := a.Subscribe(16, func(e agent.Event) bool { m, ok := e.(agent.MemberEvent); return ok && m.Type != agent.MemberJoin })
	h.wantStatus(t, 404, "POST", "/v1/force-leave/nobody", "")
	h.wantStatus(t, 400, "POST", "/v1/force-leave/a", "")
	b.Close()
	<-failed.C
	h.wantStatus(t, 204, "POST", "/v1/force-leave/"+url.PathEscape(b.Self().Name), "")
	<-failed.C
	if m, _ := a.Member(b.Self().Name); m.Status != serf.StatusLeft {
		t.Errorf("%v", m.Status)
	}
	h.wantStatus(t, 204, "POST", "/v1/force-leave/"+url.PathEscape(b.Self().Name)+"?prune=true", "")
	<-failed.C
	if _, listed := a.Member(b.Self().Name); listed {
		t.Error("it is still listed")
	}
}

func TestSetTags(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	h := writable(t, a)
	h.wantStatus(t, 204, "PUT", "/v1/tags", `{"set": {"dc": "eu"}, "delete": ["role"]}`)
	if tags := a.Tags(); len(tags) != 1 || tags["dc"] != "eu" {
		t.Errorf("%v", tags)
	}
	h.wantStatus(t, 400, "PUT", "/v1/tags", `{}`)
	h.wantStatus(t, 400, "PUT", "/v1/tags", `{"set": {"x": "`+strings.Repeat("x", 600)+`"}}`)
}

// Answers stream, and what the members say is counted in the end.
func TestQuery(t *testing.T) {
	t.Parallel()
	a, b := startPair(t)
	asked := b.Subscribe(16, func(e agent.Event) bool { _, ok := e.(agent.QueryEvent); return ok })
	go func() {
		for e := range asked.C {
			b.Respond(t.Context(), e.(agent.QueryEvent).ID, e.(agent.QueryEvent).Payload)
		}
	}()
	h := writable(t, a)
	name := b.Self().Name
	for query, want := range map[string]string{
		"":                                     "ack a, ack b, response b p, done 2 1",
		"ack=false":                            "response b p, done 0 1",
		"node=a":                               "ack a, done 1 0",
		"node=a&node=" + url.QueryEscape(name): "ack a, ack b, response b p, done 2 1",
		"tag.dc=eu.*&timeout=10s":              "ack b, response b p, done 1 1",
	} {
		w := ask(t, h, "POST", "/v1/query/load?"+query, "p", "Authorization", secret)
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/x-ndjson" {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
		var got, first []string
		for line := range strings.Lines(w.Body.String()) {
			var l answerLine
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			switch l.Type {
			case "done":
				got = append(got, fmt.Sprint("done ", *l.Acks, " ", *l.Responses))
			case "response":
				payload, _ := base64.StdEncoding.DecodeString(*l.Payload)
				got = append(got, "response "+l.From[:1]+" "+string(payload))
			default:
				first = append(first, l.Type+" "+l.From[:1])
			}
		}
		if len(first) == 2 && first[0] > first[1] { // they come in any order
			first[0], first[1] = first[1], first[0]
		}
		if got := strings.Join(append(first, got...), ", "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	h.wantStatus(t, 400, "POST", "/v1/query/load?timeout=x", "")
	h.wantStatus(t, 400, "POST", "/v1/query/load?tag.dc=(", "")
	for range queriesMax {
		h.queries.enter()
	}
	h.wantStatus(t, 503, "POST", "/v1/query/load", "")
}

func TestNothingIsWrittenToAStoppedAgent(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	h := writable(t, a)
	a.Close()
	h.wantStatus(t, 503, "POST", "/v1/event/n", "")
	h.wantStatus(t, 503, "POST", "/v1/query/n", "")
	h.wantStatus(t, 503, "PUT", "/v1/tags", `{"delete": ["role"]}`)
	h.wantStatus(t, http.StatusServiceUnavailable, "GET", "/v1/agent", "")
}

// Anybody who may read could otherwise keep all agents of the cluster busy.
func TestQuestionsAboutOneMemberAreLimited(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	h := newHandler(t, startAgent(t), Options{now: func() time.Time { return now }})
	long := strings.Repeat("n", swim.NameMax)
	get(t, h, "/v1/members/"+long+"n/history?all=true", 404, &problem{}) // asks nobody
	for range questionsBurst - 1 {
		get(t, h, "/v1/members/a/history?all=true", 200, &struct{}{})
	}
	get(t, h, "/v1/members/"+long+"/history?all=true", 404, &problem{})
	if w := ask(t, h, "GET", "/v1/members/a/history?all=true", ""); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	get(t, h, "/v1/members/a/history", 200, &struct{}{})
	now = now.Add(questionPause)
	get(t, h, "/v1/members/a/history?all=true", 200, &struct{}{})
	get(t, h, "/v1/members/a/history?all=true", 503, &problem{})
	if n := h.counts.full.Load(); n != 2 {
		t.Errorf("%d refused, want 2", n)
	}
}

func TestHistoryAndFlaps(t *testing.T) {
	t.Parallel()
	a, b := startPair(t)
	h := newHandler(t, a, Options{})
	name := b.Self().Name
	var got struct {
		Index, Name, Status string
		AsSeenBy            string `json:"as_seen_by"`
		Changes             []struct{ Text string }
	}
	get(t, h, "/v1/members/"+url.PathEscape(name)+"/history", 200, &got)
	if got.Name != name || got.AsSeenBy != "a" || got.Status != "alive" || len(got.Changes) == 0 || got.Index == "" {
		t.Errorf("%+v", got)
	}
	get(t, h, "/v1/members/nobody/history", 404, &problem{})
	var all struct {
		Name     string
		AsSeenBy string            `json:"as_seen_by"`
		Agents   []history.Witness `json:"agents"`
		Missing  []string
		Changes  []struct {
			By, Text string
			Others   []string
		}
	}
	get(t, h, "/v1/members/"+url.PathEscape(name)+"/history?all=true", 200, &all)
	if all.Name != name || all.AsSeenBy != "a" || len(all.Agents) != 2 || len(all.Missing) != 0 ||
		len(all.Changes) != 1 || all.Changes[0].By != name || !slices.Equal(all.Changes[0].Others, []string{"a"}) {
		t.Errorf("%+v", all)
	}
	get(t, h, "/v1/members/nobody/history?all=true", 404, &problem{})
	get(t, h, "/v1/members/nobody/history?all=maybe", 400, &problem{})
	var flaps struct {
		AsSeenBy string            `json:"as_seen_by"`
		Since    float64           `json:"since_s"`
		Members  []json.RawMessage `json:"members"`
	}
	get(t, h, "/v1/flaps?since=10m", 200, &flaps)
	if flaps.AsSeenBy != "a" || flaps.Since != 600 || flaps.Members == nil {
		t.Errorf("%+v", flaps)
	}
	get(t, h, "/v1/flaps?since=721h", 400, &problem{})
	get(t, h, "/v1/flaps?since=0s", 400, &problem{})
	var members membersBody
	get(t, h, "/v1/members", 200, &members)
	if members.Members[1].Changes == 0 {
		t.Errorf("%+v", members.Members[1])
	}
}
