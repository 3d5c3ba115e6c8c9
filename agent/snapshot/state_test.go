package snapshot

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"serf/swim"
	"serf/swim/serf"
)

var cmpAddr = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func member(name, addr string) Member { return Member{Name: name, Addr: netip.MustParseAddrPort(addr)} }

// evil is a name that would become three lines.
const evil = "evil\nleave\nalive: x"

func aliveLine(name, addr string) string {
	return string(serf.AppendJournalAlive(nil, name, netip.MustParseAddrPort(addr)))
}

func TestLoad(t *testing.T) {
	members := "alive: b 10.0.0.2:7946\nalive: a c 10.0.0.1:7946\n"
	two := []Member{member("a c", "10.0.0.1:7946"), member("b", "10.0.0.2:7946")}
	for _, tt := range []struct {
		name, text string
		rejoin     bool
		want       State
	}{
		{"nothing", "", false, State{}},
		{"members, names with spaces", members, false, State{Members: two}},
		{"not alive", members + "not-alive: a c\nnot-alive: stranger\n", false, State{Members: two[1:]}},
		{"moved", members + "alive: b [::1]:5\n", false, State{Members: []Member{two[0], member("b", "[::1]:5")}}},
		{"the last clocks", "clock: 1\nclock: 4\nevent-clock: 5\nquery-clock: 6\n", false, State{MemberTime: 4, EventTime: 5, QueryTime: 6}},
		{"leave clears", members + "clock: 4\nevent-clock: 5\nquery-clock: 6\nleave\n", false, State{}},
		{"after a leave", members + "leave\nalive: b 10.0.0.2:7946\nclock: 7\n", false, State{Members: two[1:], MemberTime: 7}},
		{"leave with rejoin", members + "clock: 4\nleave\n", true, State{Members: two, MemberTime: 4}},
		{"failed, oldest first", members + "not-alive: b\n# failed: b 10.0.0.2:7946\n# failed: a c 10.0.0.1:1\n", false,
			State{Failed: []Member{two[1], member("a c", "10.0.0.1:1")}}},
		{"failed again", "# failed: b 10.0.0.2:1\n# failed: c 10.0.0.3:1\n# failed: b 10.0.0.2:7946\n", false,
			State{Failed: []Member{member("c", "10.0.0.3:1"), two[1]}}},
		{"failed and back", "# failed: b 10.0.0.2:1\nalive: b 10.0.0.2:7946\n", false, State{Members: two[1:]}},
		{"failed and left", "# failed: b 10.0.0.2:1\nnot-alive: b\n", false, State{}},
		{"failed, and this member left", "# failed: b 10.0.0.2:1\nleave\n", false, State{}},
		{"the same with rejoin", "# failed: b 10.0.0.2:1\nleave\n", true, State{Failed: []Member{member("b", "10.0.0.2:1")}}},
		{"a comment of somebody", "# failed: to see why\n" + members, false, State{Members: two}},
		{"skipped lines", "coordinate: {}\n# comment\n" + members, false, State{Members: two}},
		{"no newline at the end", members + "event-clock: 12", false, State{Members: two}},
		{"evil name", aliveLine(evil, "10.0.0.1:1") + members, false,
			State{Members: append(two[:2:2], member(evil, "10.0.0.1:1"))}},
		{"evil name gone", aliveLine(evil, "10.0.0.1:1") + members + `not-alive: "evil\nleave\nalive: x"` + "\n", false, State{Members: two}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantState(t, "state", tt.want, loaded(t, tt.text, tt.rejoin))
		})
	}
}

func TestLinesThatMeanNothingAreCounted(t *testing.T) {
	for _, line := range []string{
		"", "what", "alive: x", "alive: x host:1", "alive: x 10.0.0.1", "clock: ", "clock: -1", "clock: 1x",
		"event-clock: 18446744073709551615", "event-clock: 2305843009213693953", "query-clock: 18446744073709551616", "Leave", "leave ", "\x00\x00",
	} {
		c, err := load(strings.NewReader("alive: a 10.0.0.1:1\n"+line+"\nclock: 3\n"), false)
		if err != nil || c.unknown != 1 || c.at != 2 {
			t.Errorf("%q: %d unknown, the first in line %d, error %v", line, c.unknown, c.at, err)
		}
		wantState(t, "the others count", State{Members: []Member{member("a", "10.0.0.1:1")}, MemberTime: 3}, c.export())
	}
}

func TestHighestClockThatANodeTakes(t *testing.T) {
	const highest = 1 << 61
	s := loaded(t, fmt.Sprintf("event-clock: %d\n", uint64(highest)), false)
	if s.EventTime != highest {
		t.Errorf("event time %d", s.EventTime)
	}
}

// sample has every kind of line.
const sample = "alive: a 10.0.0.1:7946\nalive: \"x\\ny\" [fe80::1%eth0]:7946\nclock: 12\nnot-alive: a\nevent-clock: 345\n" +
	"# comment\ncoordinate: x\nnonsense\nquery-clock: 6789\nalive: b c 10.0.0.3:7946\nclock: 13\nleave\nalive: d 10.0.0.4:1\nclock: 14\n"

func TestEveryPrefixLoads(t *testing.T) {
	for n := range len(sample) + 1 {
		text := sample[:n]
		c, err := load(strings.NewReader(text), false)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		whole := text[:strings.LastIndexByte(text, '\n')+1]
		wantState(t, fmt.Sprintf("%d bytes: the whole lines count, the torn one doesn't", n), loaded(t, whole, false), c.export())
		if c.torn != (whole != text) {
			t.Errorf("%d bytes: torn %v", n, c.torn)
		}
	}
}

func TestFailedMembersAreBounded(t *testing.T) {
	s := newState()
	for i := range failedMax + 1 {
		s.apply(record{key: keyFailed, name: fmt.Sprint(i)}, false)
	}
	if len(s.failed) != failedMax || s.failed[0].Name != "1" {
		t.Errorf("%d kept, the oldest is %q", len(s.failed), s.failed[0].Name)
	}
	s.apply(record{key: keyFailed, name: "5"}, false)
	if len(s.failed) != failedMax || s.failed[0].Name != "1" || s.failed[failedMax-1].Name != "5" {
		t.Error("who fails again is there twice, or costs another its place")
	}
}

func TestTornLineIsNotGluedToTheNext(t *testing.T) {
	for n := range len(sample) + 1 {
		d := newMemDisk(sample[:n])
		w, c := openWriter(t, d, false)
		want := c.export()
		want.QueryTime = 77
		if err := w.save(lines("query-clock: 77\n"), later(0), false); err != nil {
			t.Fatal(err)
		}
		wantState(t, fmt.Sprintf("%d bytes and a new line", n), want, loaded(t, d.content(), false))
	}
}

func TestLineAtLimit(t *testing.T) {
	widest := aliveLine(strings.Repeat("\x01", swim.NameMax), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%interface0123456]:65535")
	if len(widest)-1 > lineMax {
		t.Errorf("a member's line has %d bytes, limit %d", len(widest), lineMax)
	}
	const end = " 10.0.0.1:7946"
	atLimit := keyAlive + strings.Repeat("x", lineMax-len(keyAlive+end)) + end
	c, err := load(strings.NewReader(widest+atLimit+"\n"), false)
	if err != nil || len(c.alive) != 2 || c.unknown != 0 {
		t.Errorf("%d members, %d unknown, error %v", len(c.alive), c.unknown, err)
	}
	for _, more := range []int{1, 2, 3, lineMax, 3*lineMax + 7} {
		long := strings.Replace(atLimit, "x", "x"+strings.Repeat("y", more), 1)
		c, err := load(strings.NewReader(long+"\nclock: 1\n"), false)
		if err != nil || len(c.alive) != 0 || c.unknown != 1 || c.member != 1 {
			t.Errorf("%d bytes more: %d members, %d unknown, clock %d, error %v",
				more, len(c.alive), c.unknown, c.member, err)
		}
		if c, err := load(strings.NewReader(long), false); err != nil || !c.torn || c.size != int64(len(long)) {
			t.Errorf("%d bytes more without newline: torn %v, size %d, error %v",
				more, c.torn, c.size, err)
		}
	}
}

// zeros is an endless reader of zero bytes.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestFileAtLimit(t *testing.T) {
	c, err := load(io.LimitReader(zeros{}, fileMax), false)
	if err != nil || c.size != fileMax {
		t.Errorf("size %d, error %v", c.size, err)
	}
	if _, err := load(io.LimitReader(zeros{}, fileMax+1), false); err == nil {
		t.Error("a file over the limit was read")
	}
}

func TestFailingRead(t *testing.T) {
	if _, err := load(io.MultiReader(strings.NewReader("clock: 1\n"), failingReader{}), false); err == nil {
		t.Error("half a file was taken for all of it")
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errBroken }
