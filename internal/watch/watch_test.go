package watch

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/agent/rpc"
)

var update = flag.Bool("update", false, "rewrite the golden screens")

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// at is so many seconds after the start.
func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func one(name, status string, tags ...string) rpc.Member {
	m := rpc.Member{Name: name, Status: status, Addr: netip.MustParseAddrPort("127.0.0.1:7946"), Tags: map[string]string{},
		Delegate: rpc.Versions{Min: 2, Max: 5, Current: 5}}
	for _, tag := range tags {
		k, v, _ := strings.Cut(tag, "=")
		m.Tags[k] = v
	}
	return m
}

// known is a model with a few members.
func known(width, height int) *Model {
	m := New(start, width, height)
	m.Connected(at(0), "web-1", []rpc.Member{
		one("web-2", "alive", "role=web", "dc=eu"), one("web-1", "alive", "role=web", "dc=us"),
		one("db-1", "failed", "role=db"), one("db-2", "left"), one("evil\x1b[2J\u202e", "alive", "x=\ny"), one("日本", "leaving"),
	})
	m.Figures(map[string]map[string]string{"serf": {"health_score": "2"}})
	m.RTT("web-2", 12.345)
	return m
}

// styles are how golden screens show the style of a piece.
var styles = map[Style]string{Plain: "%s", Reverse: "[%s]", Bold: "*%s*", Faint: "~%s~", Red: "r(%s)", Yellow: "y(%s)", Green: "g(%s)"}

func screenText(m *Model) string {
	var b strings.Builder
	for _, line := range m.Screen() {
		for _, s := range line {
			fmt.Fprintf(&b, styles[s.Style], s.Text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// What is shown after some inputs, in testdata. Regenerate with -update and look at the difference.
func TestScreens(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]func() *Model{
		"connecting": func() *Model { return New(start, 80, 10) },
		"list":       func() *Model { return known(80, 20) },
		"narrow":     func() *Model { return known(44, 12) },
		"wide":       func() *Model { return known(130, 14) },
		"small":      func() *Model { return known(39, 20) },
		"events": func() *Model {
			m := known(80, 20)
			m.Happened(at(5), rpc.Event{Type: rpc.MemberFailed, Members: []rpc.Member{one("web-2", "failed", "role=web"), one("evil\x1b[2J\u202e", "failed")}})
			m.Happened(at(6), rpc.Event{Type: rpc.MemberReap, Members: []rpc.Member{one("db-1", "failed")}})
			m.Happened(at(7), rpc.Event{Type: rpc.UserEvent, Name: "de\nploy", LTime: 7, Payload: []byte("v2\x1b")})
			m.Happened(at(8), rpc.Event{Type: rpc.QueryEvent, Name: "load", LTime: 3})
			m.Happened(at(9), rpc.Event{Type: rpc.MemberJoin, Members: []rpc.Member{one("web-3", "alive")}})
			m.Tick(at(70))
			return m
		},
		"lost": func() *Model {
			m := known(80, 20)
			m.Lost(at(9), "the agent closed the connection\x1b[2J")
			m.Tick(at(10))
			return m
		},
		"status":   func() *Model { return typed(known(80, 20), "sjj") },
		"reversed": func() *Model { return typed(known(80, 20), "r") },
		"typing":   func() *Model { return typed(known(80, 20), "/WEB us") },
		"filter":   func() *Model { return typed(known(80, 20), "/role=web\r") },
		"nothing":  func() *Model { return typed(known(80, 20), "/xyzzy\r") },
		"help":     func() *Model { return typed(known(100, 24), "?") },
		"details": func() *Model {
			m := typed(known(60, 14), "jj\r") // evil
			m.History("web-1", []string{"of another"}, "")
			m.History(m.Details(), []string{"12:00:01  alive -> suspect", "    by n7\x1b: " + strings.Repeat("probe ", 12)}, "")
			return m
		},
		"no history": func() *Model { return typed(known(60, 14), "\x1b[F\r") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := screenText(m())
			path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".screen")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func typed(m *Model, keys string) *Model { m.Typed([]byte(keys)); return m }

// Whatever happens and whatever the size, a screen has as many lines as it should, none too wide,
// and nothing in them that drives a terminal.
func TestScreensFit(t *testing.T) {
	t.Parallel()
	for width := 1; width < 120; width += 7 {
		for height := 1; height < 40; height += 5 {
			m := known(width, height)
			for _, keys := range []string{"", "\x1b[6~", "s", "r", "\t\x1b[5~", "?", "x", "\r", "\x1b[F", "\x1b", "/e", "\r"} {
				lines := typed(m, keys).Screen()
				if len(lines) > height {
					t.Fatalf("%dx%d after %q: %d lines", width, height, keys, len(lines))
				}
				for _, line := range lines {
					if text := line.String(); textWidth(text) > width || strings.ContainsAny(text, "\x1b\n\u202e") {
						t.Fatalf("%dx%d after %q: %d columns, %q", width, height, keys, textWidth(text), text)
					}
				}
			}
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]Action{
		"q": Quit, "\x03": Quit, "\x1a": Suspend, "\r": Ask, "x": None, "": None, "\x1b": None, "\x1b[": None, "\x1b[99~": None,
		"?q": None, "?qq": Quit, "/q": None, "/q\x03": Quit, "/\rq": Quit, "\r\x03": Ask, "\xff\xfeq": Quit, "\x1b[Aq": Quit,
	} {
		if got := known(80, 24).Typed([]byte(keys)); got != want {
			t.Errorf("%q: %d, want %d", keys, got, want)
		}
	}
}

func TestFilterIsEdited(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		"/ab": "ab", "/ab\x7f": "a", "/日\x7f": "", "/ab\x15c": "c", "/ab\r/c\x1b": "ab", "/ab\r\x1b": "", "/a\x1b[Ab": "ab", "/ a\tb": "ab",
		"/" + strings.Repeat("x", filterMax): strings.Repeat("x", filterMax), "/" + strings.Repeat("x", filterMax+1): strings.Repeat("x", filterMax),
	} {
		if m := typed(known(80, 24), keys); m.filter != want {
			t.Errorf("%q: %q, want %q", keys, m.filter, want)
		}
	}
}

// The selected member stays selected when others come, go, or change the order.
func TestSelectionFollowsTheMember(t *testing.T) {
	t.Parallel()
	m := typed(known(80, 24), "\x1b[F") // the last one
	was := m.selected
	m.Happened(at(1), rpc.Event{Type: rpc.MemberJoin, Members: []rpc.Member{one("a", "alive"), one("zz", "alive")}})
	typed(m, "ssrs")
	if list := m.list(); list[m.index()].Name != was {
		t.Errorf("%q is selected, want %q", list[m.index()].Name, was)
	}
}

// A list that comes later shows what came without an event.
func TestListedShowsWhatChangedWithoutAnEvent(t *testing.T) {
	t.Parallel()
	m := New(start, 80, 24)
	m.Connected(at(0), "a", []rpc.Member{one("a", "alive"), one("b", "alive"), one("c", "alive")})
	if len(m.events) != 0 {
		t.Errorf("the first list is no event: %v", m.events)
	}
	m.Listed(at(1), []rpc.Member{one("a", "alive"), one("b", "leaving"), one("d", "alive")})
	var got []string
	for _, ev := range m.events {
		got = append(got, ev.text)
	}
	want := []string{"b: alive -> leaving", "d: unknown -> alive", "c: no longer listed"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Kept events are bounded, and those that are looked at stay in place while others come.
func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	m := known(80, 24)
	for i := range eventsMax + 1 {
		m.Happened(at(i), rpc.Event{Type: rpc.UserEvent, Name: fmt.Sprint("e", i)})
	}
	if len(m.events) != eventsMax || !strings.HasPrefix(m.events[0].text, "e1 ") {
		t.Errorf("%d events, the first is %v", len(m.events), m.events[0])
	}
	m = known(80, 24)
	for i := range 50 {
		m.Happened(at(i), rpc.Event{Type: rpc.UserEvent, Name: fmt.Sprint("e", i)})
	}
	typed(m, "\t\x1b[A\x1b[A")
	before := m.eventLines()[1:]
	m.Happened(at(51), rpc.Event{Type: rpc.UserEvent, Name: "new"})
	if diff := cmp.Diff(before, m.eventLines()[1:]); diff != "" {
		t.Errorf("moved:\n%s", diff)
	}
}

// large is a model of a large cluster.
func large(n int) *Model {
	m := New(start, 160, 50)
	var members []rpc.Member
	for i := range n {
		members = append(members, one(fmt.Sprintf("member-%05d", i), "alive", "role=web", "dc=eu"))
	}
	m.Connected(at(0), "member-00000", members)
	return m
}

// A screen costs what is on it, not what is in the cluster.
func TestOnlyVisibleRowsCost(t *testing.T) {
	allocs := func(n int) float64 {
		m := large(n)
		m.Screen()
		return testing.AllocsPerRun(10, func() { m.Tick(m.now.Add(time.Second)); m.Screen() })
	}
	if few, many := allocs(100), allocs(10_000); many > few*1.1 {
		t.Errorf("%v allocations for 10,000 members, %v for 100", many, few)
	}
}

func BenchmarkScreen10000(b *testing.B) {
	m := large(10_000)
	for b.Loop() {
		m.Tick(m.now.Add(time.Second))
		m.Screen()
	}
}

func BenchmarkEvent10000(b *testing.B) {
	m := large(10_000)
	for b.Loop() {
		m.Happened(m.now, rpc.Event{Type: rpc.MemberFailed, Members: []rpc.Member{one("member-00017", "failed")}})
		m.Screen()
	}
}
