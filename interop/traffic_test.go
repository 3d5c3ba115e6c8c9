package interop

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestUserEvents(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{}, actor, other, actor, other)
		for _, e := range []struct{ name, payload string }{
			{"empty", ""},
			{"binary", "\x00\xff\xc0\n\t"},
			{"", "no name"},
			{"full", strings.Repeat("p", 470)},
		} {
			must(t, all[0].event(e.name, []byte(e.payload), false))
			line := fmt.Sprintf("user %s %s", e.name, e.payload)
			wantEvent(t, line, all...)
		}
		for _, m := range all {
			lines := m.events()
			slices.Sort(lines)
			if n := len(lines); n != len(slices.Compact(lines)) {
				t.Errorf("%s was told something twice: %q", m.name(), lines)
			}
		}
	})
}

// TestManyEvents fires bursts from both implementations at once: each event is delivered once,
// everywhere.
func TestManyEvents(t *testing.T) {
	t.Parallel()
	const burst = 60
	all := cluster(t, options{}, ours, original, ours, original)
	for i := range burst {
		must(t, all[0].event("from-ours", fmt.Append(nil, i), false))
		must(t, all[1].event("from-original", fmt.Append(nil, i), false))
	}
	for i := range burst {
		wantEvent(t, fmt.Sprintf("user from-ours %d", i), all...)
		wantEvent(t, fmt.Sprintf("user from-original %d", i), all...)
	}
	for _, m := range all {
		n := 0
		for _, line := range m.events() {
			if strings.HasPrefix(line, "user ") {
				n++
			}
		}
		if n != 2*burst {
			t.Errorf("%s was told %d events, want %d", m.name(), n, 2*burst)
		}
	}
}

// TestCoalescedEvents checks that the flag arrives: of several events with it only the last is
// delivered, without it all are.
func TestCoalescedEvents(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{coalesce: true}, actor, other)
		for i := range 4 {
			must(t, all[0].event("merged", fmt.Append(nil, i), true))
			must(t, all[0].event("single", fmt.Append(nil, i), false))
		}
		wantEvent(t, "user merged 3", all...)
		for i := range 4 {
			wantEvent(t, fmt.Sprintf("user single %d", i), all...)
		}
		for _, m := range all {
			for i := range 3 {
				if heard(m, fmt.Sprintf("user merged %d", i)) != 0 {
					t.Errorf("%s was told the coalesced event %d", m.name(), i)
				}
			}
		}
	})
}

// TestEventLimit checks that both implementations have the same limit.
func TestEventLimit(t *testing.T) {
	t.Parallel()
	longest := make(map[kind]int)
	for _, k := range []kind{ours, original} {
		m := k.start(t, options{name: string(k)})
		for n := 450; n <= 520; n++ {
			if m.event("limit", make([]byte, n), false) == nil {
				longest[k] = n
			}
		}
	}
	if longest[ours] != longest[original] {
		t.Errorf("longest payloads: %v", longest)
	}
}

// wantAnswers checks which members acked, and which answered payload as reply does.
func wantAnswers(t *testing.T, got answers, acked, answered []member, payload string) {
	t.Helper()
	var acks []string
	for _, m := range acked {
		acks = append(acks, m.name())
	}
	slices.Sort(acks)
	responses := make(map[string]string)
	for _, m := range answered {
		responses[m.name()] = reply(m.name(), []byte(payload))
	}
	if !slices.Equal(got.Acks, acks) {
		t.Errorf("acks from %v, want %v", got.Acks, acks)
	}
	if !maps.Equal(got.Responses, responses) {
		t.Errorf("responses %v, want %v", got.Responses, responses)
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{}, actor, other, actor, other)
		a, b, c, d := all[0], all[1], all[2], all[3]
		must(t, b.setTags(map[string]string{"role": "db", "dc": "east"}))
		must(t, c.setTags(map[string]string{"role": "db"}))
		wantAgreement(t, all...)
		for _, q := range []struct {
			name            string
			question        question
			acked, answered []member
		}{
			{"all", question{ack: true}, all, all},
			{"no acks", question{}, nil, all},
			{"by name", question{ack: true, nodes: []string{b.name(), d.name(), "nobody"}}, []member{b, d}, []member{b, d}},
			{"by tag", question{ack: true, tags: map[string]string{"role": "^d"}}, []member{b, c}, []member{b, c}},
			{"by tags", question{ack: true, tags: map[string]string{"role": "db", "dc": "e.st"}}, []member{b}, []member{b}},
			{"by both", question{ack: true, nodes: []string{c.name()}, tags: map[string]string{"role": "db"}}, []member{c}, []member{c}},
			{"relayed", question{ack: true, relay: 2}, all, all},
		} {
			t.Run(q.name, func(t *testing.T) {
				q.question.name, q.question.payload = echoQuery, q.name
				q.question.acks, q.question.responses = len(q.acked), len(q.answered)
				got, err := a.query(q.question)
				must(t, err)
				wantAnswers(t, got, q.acked, q.answered, q.name)
				for _, m := range all {
					if n, want := heard(m, "query echo "+q.name), count(q.answered, m); n != want {
						t.Errorf("%s was asked %d times, want %d", m.name(), n, want)
					}
				}
			})
		}
	})
}

func count(members []member, m member) int {
	n := 0
	for _, other := range members {
		if other == m {
			n++
		}
	}
	return n
}

// TestPingQuery sends the only internal query that users may send: it is acked and delivered to
// nobody.
func TestPingQuery(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{}, actor, other, other)
		got, err := all[0].query(question{name: "_serf_ping", ack: true, acks: 3})
		must(t, err)
		wantAnswers(t, got, all, nil, "")
		for _, m := range all {
			if heard(m, "query _serf_ping ") != 0 {
				t.Errorf("%s was shown the ping", m.name())
			}
		}
	})
}

// TestQueryLimit checks that both implementations send and answer queries of equal length.
func TestQueryLimit(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{}, actor, other)
		long := question{name: echoQuery, payload: strings.Repeat("q", 850), responses: 2}
		got, err := all[0].query(long)
		must(t, err)
		wantAnswers(t, got, nil, all, long.payload)
		if _, err := all[0].query(question{name: echoQuery, payload: strings.Repeat("q", 1024), timeout: time.Second}); err == nil {
			t.Error("a query of more than 1024 bytes was sent")
		}
	})
}
