package interop

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// rpcPair is a server and its client.
type rpcPair struct {
	server program
	client string
}

func (p rpcPair) String() string { return p.client + " client, " + p.server.name + " server" }

// dial connects, with a key unless it is empty.
func (p rpcPair) dial(key string) dialer {
	with := dialOriginalWith
	if p.client == "own" {
		with = dialOwnWith
	}
	return func(addr string) (caller, error) { return with(addr, key) }
}

// rpcPairs runs a test with each implementation of server and client. The original with itself is
// among them, which shows that the test expects what the original does.
func rpcPairs(t *testing.T, test func(t *testing.T, p rpcPair)) {
	for _, p := range []rpcPair{{ownProgram, "original"}, {originalProgram, "own"}, {originalProgram, "original"}} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// TestRPC goes through all commands.
func TestRPC(t *testing.T) {
	t.Parallel()
	rpcPairs(t, func(t *testing.T, p rpcPair) {
		mate := original.start(t, options{name: "mate", tags: map[string]string{"role": "db"}})
		a := p.server.start(t, options{name: "agent", tags: map[string]string{"role": "web", "dc": "east"}}, p.dial(""))
		if n, err := a.caller.join([]string{mate.addr().String()}, false); n != 1 || err != nil {
			t.Fatalf("join: %d, %v", n, err)
		}
		if n, err := a.caller.join([]string{"127.0.0.1:1"}, false); n != 0 || err == nil {
			t.Errorf("join of nobody: %d, %v", n, err)
		}
		wantAgreement(t, a, mate)
		wantFiltered(t, a)
		wantBadFilterRefused(t, a, p)
		wantRPCEvents(t, a, mate)
		wantMonitor(t, a)
		wantRPCQueries(t, a, mate)
		wantStats(t, a)
		for _, tags := range []map[string]string{{"role": "new", "more": "x"}, {"more": "x"}} {
			must(t, a.setTags(tags))
			wantAgreement(t, a, mate)
		}
		wantErrorText(t, a.respond(1<<40, nil), "No pending queries matching ID")
		if _, err := a.keys("list", ""); err == nil {
			t.Error("a plain cluster listed keys")
		}
		wantRPCForceLeave(t, a, mate)
		must(t, a.leave())
		wantDeparture(t, a, mate)
	})
}

func wantErrorText(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want %q", err, text)
	}
}

// wantFiltered lists members by all filters.
func wantFiltered(t *testing.T, a *running) {
	t.Helper()
	for _, f := range []struct {
		filter memberFilter
		want   []string
	}{
		{memberFilter{name: "m.*"}, []string{"mate"}},
		{memberFilter{name: "a"}, nil}, // the whole name has to match
		{memberFilter{status: "alive"}, []string{"agent", "mate"}},
		{memberFilter{status: "failed"}, nil},
		{memberFilter{tags: map[string]string{"role": "w.b"}}, []string{"agent"}},
		{memberFilter{tags: map[string]string{"dc": ""}}, []string{"mate"}}, // a missing tag counts as empty
		{memberFilter{name: "agent|mate", status: "a.*", tags: map[string]string{"role": ".*"}}, []string{"agent", "mate"}},
	} {
		got, err := a.caller.members(f.filter)
		if names := slices.Sorted(maps.Keys(got)); err != nil || !slices.Equal(names, f.want) {
			t.Errorf("members by %+v: %v, %v; want %v", f.filter, names, err, f.want)
		}
	}
}

// wantBadFilterRefused needs a connection of its own: the original closes it.
func wantBadFilterRefused(t *testing.T, a *running, p rpcPair) {
	t.Helper()
	c, err := p.dial("")(a.rpcAddr())
	must(t, err)
	defer c.close()
	if _, err := c.members(memberFilter{name: "("}); err == nil {
		t.Error("an expression that isn't one was taken")
	}
}

// eventLog collects the records of a stream.
type eventLog struct {
	mu      sync.Mutex
	records []rpcEvent
}

func (l *eventLog) tell(e rpcEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, e)
}

func (l *eventLog) all() []rpcEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records)
}

// wantRPCEvents fires events and follows streams with filters.
func wantRPCEvents(t *testing.T, a *running, mate member) {
	t.Helper()
	var filtered eventLog
	stop, err := a.stream("user:wanted,member-update", filtered.tell)
	must(t, err)
	must(t, a.event("unwanted", []byte("1"), false))
	must(t, a.event("wanted", []byte{0, 255}, true))
	wantEvent(t, "user wanted \x00\xff", a, mate)
	wantEvent(t, "user unwanted 1", a, mate)
	must(t, mate.setTags(map[string]string{"role": "db", "updated": "yes"}))
	wantEvent(t, "member-update mate", a)
	eventually(t, patience, "two records of the stream", func() error {
		if n := len(filtered.all()); n != 2 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	user, update := filtered.all()[0], filtered.all()[1]
	if user.kind != "user" || user.name != "wanted" || string(user.payload) != "\x00\xff" || !user.coalesce || user.ltime == 0 {
		t.Errorf("user event %+v", user)
	}
	if update.kind != "member-update" || !slices.Equal(update.members, []string{"mate"}) {
		t.Errorf("member event %+v", update)
	}
	must(t, stop())
	must(t, a.event("wanted", []byte("late"), false))
	wantEvent(t, "user wanted late", a)
	if n := len(filtered.all()); n != 2 {
		t.Errorf("a stopped stream went on: %d records", n)
	}
	_, err = a.stream("nonsense", filtered.tell)
	wantErrorText(t, err, "Invalid event filter")
}

func wantMonitor(t *testing.T, a *running) {
	t.Helper()
	var lines transcript
	tell := func(line string) { fmt.Fprintln(&lines, line) }
	stop, err := a.monitor("debug", tell)
	must(t, err)
	must(t, a.event("seen-in-log", nil, false))
	eventually(t, patience, "lines of the log, old and new", func() error {
		for _, want := range []string{"[INFO] serf: EventMemberJoin: mate", "agent: Received event: user-event: seen-in-log"} {
			if !strings.Contains(lines.String(), want) {
				return fmt.Errorf("no %q in\n%s", want, lines.String())
			}
		}
		return nil
	})
	_, err = a.monitor("info", tell)
	wantErrorText(t, err, "Monitor already exists")
	must(t, stop())
}

func wantRPCQueries(t *testing.T, a *running, mate member) {
	t.Helper()
	both := []member{a, mate}
	for _, q := range []struct {
		question        question
		acked, answered []member
	}{
		{question{ack: true}, both, both},
		{question{}, nil, both},
		{question{ack: true, nodes: []string{"mate"}}, []member{mate}, []member{mate}},
		{question{ack: true, tags: map[string]string{"role": "web"}}, []member{a}, []member{a}},
		{question{ack: true, relay: 1}, both, both},
	} {
		q.question.name, q.question.payload, q.question.timeout = echoQuery, "hi", queryTimeout/3
		got, err := a.query(q.question)
		must(t, err)
		wantAnswers(t, got, q.acked, q.answered, "hi")
	}
	got, err := mate.query(question{name: echoQuery, payload: "back", ack: true, acks: 2, responses: 2})
	must(t, err)
	wantAnswers(t, got, both, both, "back")
}

// statNames are the names in the sections of the original.
var statNames = map[string]string{
	"agent":   "name",
	"runtime": "arch cpu_count goroutines max_procs os version",
	"serf": "coordinate_resets encrypted event_queue event_time failed health_score intent_queue left member_time members " +
		"query_queue query_time",
	"tags":           "dc role",
	"event_handlers": "",
}

func wantStats(t *testing.T, a *running) {
	t.Helper()
	stats, err := a.stats()
	must(t, err)
	for section, names := range statNames {
		values, ok := stats[section]
		if got := strings.Join(slices.Sorted(maps.Keys(values)), " "); !ok || got != names {
			t.Errorf("section %s has %q, want %q", section, got, names)
		}
	}
	if members, name := stats["serf"]["members"], stats["agent"]["name"]; members != "2" || name != "agent" {
		t.Errorf("%s members, name %q", members, name)
	}
	for name, want := range map[string]bool{"agent": true, "nobody": false} {
		if known, err := a.coordinate(name); known != want || err != nil {
			t.Errorf("coordinate of %s: %t, %v", name, known, err)
		}
	}
	eventually(t, patience, "a coordinate of mate", func() error {
		if known, err := a.coordinate("mate"); !known || err != nil {
			return fmt.Errorf("known: %t, %v", known, err)
		}
		return nil
	})
}

func wantRPCForceLeave(t *testing.T, a *running, mate member) {
	t.Helper()
	var victims []member
	for _, name := range []string{"victim", "pruned"} {
		v := original.start(t, options{name: name})
		must(t, v.join(false, mate))
		wantStatus(t, name, "alive", a, mate)
		victims = append(victims, v)
	}
	for _, v := range victims {
		v.kill()
	}
	for _, v := range victims {
		wantStatus(t, v.name(), "failed", a, mate)
	}
	must(t, a.forceLeave("victim", false))
	must(t, a.forceLeave("pruned", true))
	wantStatus(t, "victim", "left", a, mate)
	wantStatus(t, "pruned", "gone", a, mate)
}

// TestRPCAuth checks that a key is required, and that both implementations agree on how.
func TestRPCAuth(t *testing.T) {
	t.Parallel()
	rpcPairs(t, func(t *testing.T, p rpcPair) {
		file := filepath.Join(t.TempDir(), "agent.json")
		must(t, os.WriteFile(file, []byte(`{"rpc_auth": "secret"}`), 0o600))
		a := p.server.start(t, options{name: "agent"}, p.dial("secret"), "-config-file="+file)
		wantStatus(t, "agent", "alive", a)
		_, err := p.dial("wrong")(a.rpcAddr())
		wantErrorText(t, err, "Invalid authentication token")
		stranger, err := p.dial("")(a.rpcAddr())
		must(t, err)
		t.Cleanup(stranger.close)
		wantErrorText(t, stranger.event("deploy", nil, false), "Authentication required")
	})
}

// TestRPCKeys rotates the key of an agent and another member.
func TestRPCKeys(t *testing.T) {
	t.Parallel()
	rpcPairs(t, func(t *testing.T, p rpcPair) {
		oldKey, newKey := []byte(strings.Repeat("o", 32)), []byte(strings.Repeat("n", 32))
		old, next := base64.StdEncoding.EncodeToString(oldKey), base64.StdEncoding.EncodeToString(newKey)
		mate := original.start(t, options{name: "mate", keys: [][]byte{oldKey}})
		a := p.server.start(t, options{name: "agent"}, p.dial(""), "-encrypt="+old, "-join="+mate.addr().String())
		wantAgreement(t, a, mate)
		for _, step := range []struct{ op, key string }{{"install", next}, {"use", next}, {"remove", old}} {
			r, err := a.keys(step.op, step.key)
			// Ours reports that it has no file for its keys, in the way in which the original
			// reports problems.
			maps.DeleteFunc(r.Messages, func(_, text string) bool { return strings.Contains(text, "memory only") })
			if err != nil || len(r.Messages) != 0 {
				t.Fatalf("%s: %v, %v", step.op, r, err)
			}
		}
		r, err := a.keys("list", "")
		if err != nil || !maps.Equal(r.Keys, map[string]int{next: 2}) || r.Nodes != 2 {
			t.Errorf("list: %+v, %v", r, err)
		}
		r, err = a.keys("remove", next)
		if err == nil || len(r.Messages) != 2 {
			t.Errorf("removing the primary: %+v, %v", r, err)
		}
	})
}
