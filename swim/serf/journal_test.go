package serf

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestJournal(t *testing.T) {
	tn := converse(t, "b")
	tn.journal = true
	tn.member("c", alive("c", 1))
	tn.want("alive", "line alive: c 10.0.0.99:7946")
	tn.fails("c", "b", 1)
	tn.want("failed", "line not-alive: c", "line # failed: c 10.0.0.99:7946")
	tn.member("c", alive("c", 2))
	tn.want("back", "line alive: c 10.0.0.99:7946")
	tn.did = nil
	tn.recv("b", joinIntent("b", 41))
	tn.advance(journalEvery)
	tn.want("the last time seen", "line clock: 41")
	tn.recv("b", userEventMsg("x", "", 7))
	tn.want("at once: the event must not be delivered again", "line event-clock: 7")
	tn.recv("b", queryFrom("b", 9, 1, nil))
	tn.want("likewise", "line query-clock: 9")
	tn.did = nil
	tn.recv("b", userEventMsg("x", "", 6))
	tn.recv("b", queryFrom("b", 8, 1, nil))
	tn.advance(time.Second)
	for _, line := range tn.did {
		if strings.HasPrefix(line, "line") {
			t.Errorf("%q: an older time isn't written", line)
		}
	}
}

func TestJournalWritesOneClockForMany(t *testing.T) {
	tn := converse(t, "b")
	tn.journal = true
	events := map[uint64][]string{3: {"x"}, 4: {"x"}, 5: {"x"}}
	tn.merge("b", false, state{event: 6, slots: []uint64{3, 4, 5}, events: events})
	lines := slices.DeleteFunc(tn.did, func(s string) bool { return !strings.HasPrefix(s, "line") })
	if !slices.Equal(lines, []string{"line event-clock: 5"}) {
		t.Errorf("lines %q", lines)
	}
}

func TestJournalNamesStayInTheirLine(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"plain", "plain"},
		{"with space", "with space"},
		{"ünïcode", "ünïcode"},
		{"evil\nleave\nalive: x", `"evil\nleave\nalive: x"`},
		{`"quoted"`, `"\"quoted\""`},
		{"cr\r", `"cr\r"`},
		{"\xff", "\xff"},
	} {
		got := string(appendJournalName(nil, tt.name))
		if got != tt.want {
			t.Errorf("%q is written %s, want %s", tt.name, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOf(rapid.Byte()).Draw(t, "name"))
		line := string(appendJournalName(nil, name))
		if strings.Contains(line, "\n") {
			t.Fatalf("%q leaves its line", line)
		}
		if got := ParseJournalName(line); got != name {
			t.Fatalf("%q comes back as %q", name, got)
		}
	})
	if got := ParseJournalName(`"half`); got != `"half` {
		t.Errorf("a name of an old file becomes %q", got)
	}
}
