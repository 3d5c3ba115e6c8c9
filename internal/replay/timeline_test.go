package replay_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/internal/replay"
)

// merged records a cluster and merges what its agents recorded.
func merged(t *testing.T, act func(c *cluster), in func(begin time.Time) replay.Stretch) *replay.Timeline {
	t.Helper()
	dir := t.TempDir()
	record(t, dir, act)
	var all []*replay.Walk
	for _, name := range []string{"web-1", "web-2", "web-3"} {
		all = append(all, walk(t, filepath.Join(dir, name), nil))
	}
	line := replay.Merge(all, in(replay.First(all[0])))
	for _, w := range all {
		if text := w.Lines(); len(text) > 0 {
			t.Fatal(text)
		}
	}
	return line
}

func everything(time.Time) replay.Stretch { return replay.Stretch{} }

func TestTimelineTellsWhoCausedWhat(t *testing.T) {
	t.Parallel()
	line := merged(t, plainCluster, everything)
	got, sent, other := 0, 0, 0
	seen := make(map[*replay.Message]int)
	for i, x := range line.Moments {
		for _, m := range x.Sent {
			sent++
			seen[m] = i + 1
			if m.Fate != replay.Received {
				other++ // to a member that has left
			}
		}
		if x.Cause == nil {
			continue
		}
		got++
		if at := seen[x.Cause]; at == 0 {
			t.Errorf("%s got what %s sends only afterwards, after %v", x.Node, x.Cause.From, x.After)
		}
		if x.After <= 0 || x.After > 10*time.Millisecond {
			t.Errorf("a message took %v", x.After)
		}
	}
	if got < 60 || got+other != sent {
		t.Errorf("%d messages arrived of %d, %d didn't", got, sent, other)
	}
	for _, c := range line.Clocks {
		if !c.Known || c.Ahead.Abs() > c.Within || c.Within > time.Millisecond {
			t.Errorf("clock of %s: %+v, want about the same", c.Node, c)
		}
	}
	var b strings.Builder
	if err := line.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 recordings: web-1, web-2, web-3\n", "got #", "event user-event name=deploy", "tick"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

// A member that is cut off gets nothing; the others' packets to it are lost, and named.
func TestTimelineNamesLostPackets(t *testing.T) {
	t.Parallel()
	line := merged(t, func(c *cluster) {
		for _, name := range []string{"web-1", "web-2", "web-3"} {
			c.start(name)
		}
		c.wait(3 * time.Second)
		c.net.Isolate(addr("web-3").Addr(), true)
		c.wait(5 * time.Second)
		c.net.Isolate(addr("web-3").Addr(), false)
		c.wait(3 * time.Second)
	}, everything)
	lost := map[string]int{}
	for _, x := range line.Moments {
		for _, m := range x.Sent {
			if m.Fate == replay.Lost {
				lost[m.From+" "+m.To]++
			}
		}
	}
	if lost["web-1 web-3"] == 0 || lost["web-3 web-1"] == 0 || lost["web-1 web-2"] != 0 {
		t.Errorf("lost: %v", lost)
	}
	var b strings.Builder
	line.WriteText(&b)
	if text := b.String(); !strings.Contains(text, "-> web-3 LOST: ") || !strings.Contains(text, " lost\n") {
		t.Errorf("losses aren't named in\n%s", text)
	}
}

// Nothing is lost on its way to an agent that isn't running.
func TestTimelineKnowsWhoIsntRunning(t *testing.T) {
	t.Parallel()
	line := merged(t, restarts, func(begin time.Time) replay.Stretch {
		return replay.Stretch{From: begin.Add(2500 * time.Millisecond), To: begin.Add(4500 * time.Millisecond)}
	})
	absent := 0
	for _, x := range line.Moments {
		for _, m := range x.Sent {
			switch m.Fate {
			case replay.Absent:
				absent++
			case replay.Lost:
				t.Errorf("%s -> %s is called lost", m.From, m.To)
			}
		}
	}
	if absent == 0 || len(line.Moments) == 0 {
		t.Errorf("%d packets to web-2, which was killed, in %d moments", absent, len(line.Moments))
	}
}

// A node says the same again and again: which of it arrived is told by the times.
func TestRepeatedMessagesAreToldApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what            string
		sent, got, want []int // milliseconds; indexes
	}{
		{"all arrive", []int{0, 100, 200}, []int{1, 101, 201}, []int{0, 1, 2}},
		{"the first is lost", []int{0, 100}, []int{101}, []int{1}},
		{"the last is lost", []int{0, 100}, []int{1}, []int{0}},
		{"the receiver stood still", []int{0, 100, 200}, []int{900, 900, 901}, []int{0, 1, 2}},
		{"it did, and the first is lost", []int{0, 100, 200}, []int{900, 901}, []int{1, 2}},
		{"several at one moment", []int{0, 0, 0}, []int{1, 1, 1}, []int{0, 1, 2}},
		{"one was sent before the stretch", []int{100}, []int{1, 101}, []int{-1, 0}},
	} {
		times := func(ms []int) (all []time.Duration) {
			for _, n := range ms {
				all = append(all, time.Duration(n)*time.Millisecond)
			}
			return all
		}
		if which := replay.Repeated(times(c.sent), times(c.got)); !slices.Equal(which, c.want) {
			t.Errorf("%s: %v, want %v", c.what, which, c.want)
		}
	}
}
