package snapshot

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"serf/internal/std"
	"serf/swim/serf"
)

func newWriter(d *memDisk, rejoin bool) *writer {
	return &writer{disk: d, path: testPath, rejoin: rejoin, counts: new(std.Guarded[Counters])}
}

func openWriter(t interface {
	Helper()
	Fatal(...any)
}, d *memDisk, rejoin bool) (*writer, content) {
	t.Helper()
	w := newWriter(d, rejoin)
	c, err := w.open()
	if err != nil {
		t.Fatal(err)
	}
	return w, c
}

func lines(text string) batch { return batch{lines: []byte(text)} }

// later is a time on the tests' clock.
func later(d time.Duration) time.Time { return time.Unix(1_700_000_000, 0).Add(d) }

// story is the life of a file: each step is saved as one batch.
var story = []struct {
	lines   string
	sync    bool
	removed bool // the file is taken away before
	rewrite bool // the file has become too large before
}{
	{lines: "alive: c 10.0.0.3:1\nclock: 13\n"},
	{lines: "event-clock: 1001\nalive: d 10.0.0.4:1\nevent-clock: 1002\n", sync: true},
	{lines: "not-alive: a\nclock: 14\n", rewrite: true},
	{lines: "query-clock: 21\n"},
	{lines: "alive: a 10.0.0.1:9\n", removed: true},
	{lines: "alive: e 10.0.0.5:1\nclock: 15\n"},
	{lines: "event-clock: 1003\n", sync: true},
}

// life is the result of a story.
type life struct {
	disk    *memDisk
	states  []State // after each line, from the start
	written int     // lines that were written for sure
	durable int     // lines that outlast a loss of power
	removed bool    // the file isn't there, and nobody has noticed
	err     error   // of open, or of the last save
}

// tell runs the story on a disk.
func tell(t *testing.T, d *memDisk, rejoin bool) *life {
	t.Helper()
	l := &life{disk: d}
	text := d.content()
	l.states = append(l.states, loaded(t, text, rejoin))
	w := newWriter(d, rejoin)
	if _, l.err = w.open(); l.err != nil {
		return l
	}
	for i, step := range story {
		if step.removed {
			d.remove()
			l.removed = true
		}
		w.damaged = w.damaged || step.rewrite
		before, failed := w.counts.Load().Rewrites, w.counts.Load().Failures
		l.err = w.save(lines(step.lines), later(time.Duration(i)*retryInterval), step.sync)
		l.removed = l.removed && d.content() == ""
		for line := range strings.Lines(step.lines) {
			l.states = append(l.states, after(l.states[len(l.states)-1], line))
		}
		wantState(t, "the writer's state", l.states[len(l.states)-1], w.state.export())
		if l.err == nil {
			l.written = len(l.states) - 1
			if step.sync || w.counts.Load().Rewrites > before && w.counts.Load().Failures == failed {
				l.durable = l.written
			}
		}
	}
	return l
}

// after is s after one more line.
func after(s State, line string) State {
	inner := newState()
	for _, m := range s.Members {
		inner.alive[m.Name] = m.Addr
	}
	inner.clocks = clocks{s.MemberTime, s.EventTime, s.QueryTime}
	r, _ := parseLine(strings.TrimSuffix(line, "\n"))
	inner.apply(r, false)
	return inner.export()
}

// wantOneOf requires that the content gives one of the states since line from.
func (l *life) wantOneOf(t *testing.T, why, text string, from int, rejoin bool) {
	t.Helper()
	got := loaded(t, text, rejoin)
	for _, s := range l.states[from:] {
		if cmp.Equal(s, got, cmpAddr) {
			return
		}
	}
	t.Errorf("%s: the file gives %+v, want one of %+v", why, got, l.states[from:])
}

// beginnings are the contents of the file at the start.
var beginnings = map[string]struct {
	text   string
	rejoin bool
}{
	"none":     {"", false},
	"whole":    {"alive: a 10.0.0.1:1\nalive: b 10.0.0.2:1\nclock: 12\nevent-clock: 1000\nquery-clock: 20\n", false},
	"torn":     {"alive: a 10.0.0.1:1\nalive: b 10.0.0.2:1\nclock: 12\nevent-clock: 1000\nquery-clock: 20\nclock: 1", false},
	"rejoined": {"alive: a 10.0.0.1:1\nalive: b 10.0.0.2:1\nclock: 12\nevent-clock: 1000\nquery-clock: 20\nleave\n", true},
}

func TestKillAtEveryOperation(t *testing.T) {
	for name, b := range beginnings {
		whole := tell(t, newMemDisk(b.text), b.rejoin)
		if whole.err != nil || whole.written != len(whole.states)-1 || whole.disk.ops < 30 {
			t.Fatalf("%s: no story: %d operations, %d lines of %d written, error %v",
				name, whole.disk.ops, whole.written, len(whole.states)-1, whole.err)
		}
		for op := 1; op <= whole.disk.ops; op++ {
			for _, half := range []bool{false, true} {
				d := newMemDisk(b.text)
				d.killAt, d.half = op, half
				l := tell(t, d, b.rejoin)
				why := fmt.Sprintf("%s, killed at operation %d", name, op)
				if !l.removed { // else it was somebody else who destroyed it, and the agent had no time to notice
					l.wantOneOf(t, why, d.content(), l.written, b.rejoin)
				}
				for i, text := range d.afterPowerLoss() {
					if !l.removed || text != "" {
						l.wantOneOf(t, fmt.Sprintf("%s, power lost, case %d", why, i), text, l.durable, b.rejoin)
					}
				}
			}
		}
	}
}

func TestEveryOperationMayFailOnce(t *testing.T) {
	for name, b := range beginnings {
		ops := tell(t, newMemDisk(b.text), b.rejoin).disk.ops
		for op := 1; op <= ops; op++ {
			d := newMemDisk(b.text)
			d.brokeAt, d.half = op, true
			l := tell(t, d, b.rejoin)
			if len(l.states) == 1 {
				continue // it failed to start, and said so
			}
			last := l.states[len(l.states)-1]
			if l.err != nil { // the very last steps failed
				l.wantOneOf(t, fmt.Sprintf("%s, operation %d failed", name, op), d.content(), l.written, b.rejoin)
				continue
			}
			wantState(t, fmt.Sprintf("%s, operation %d failed", name, op), last, loaded(t, d.content(), b.rejoin))
		}
	}
}

func TestFailedStartIsToldOf(t *testing.T) {
	for _, tt := range []struct {
		text string
		ops  int // that matter: to open for reading, then to open for writing, or to create and to sync the directory
	}{{"", 3}, {sample, 2}} {
		for op := 1; op <= tt.ops; op++ {
			d := newMemDisk(tt.text)
			d.brokeAt = op
			if _, err := newWriter(d, false).open(); err == nil {
				t.Errorf("operation %d of %d failed: no error", op, tt.ops)
			}
			if d.content() != tt.text {
				t.Errorf("operation %d failed, and the file is %q", op, d.content())
			}
		}
	}
}

func TestFullDiskForAWhile(t *testing.T) {
	for room := range 60 {
		d := newMemDisk("alive: a 10.0.0.1:1\n")
		w, _ := openWriter(t, d, false)
		d.setRoom(room)
		var err error
		for i := range 10 {
			err = w.save(lines(fmt.Sprintf("event-clock: %d\n", 100+i)), later(time.Duration(i)*time.Second), false)
		}
		if err == nil {
			t.Fatalf("%d bytes of room: no error", room)
		}
		if s := loaded(t, d.content(), false); len(s.Members) != 1 {
			t.Errorf("%d bytes of room: %+v was left while the disk was full", room, s)
		}
		d.setRoom(-1)
		if err := w.save(lines("clock: 9\n"), later(time.Minute), false); err != nil {
			t.Fatal(err)
		}
		want := State{Members: []Member{member("a", "10.0.0.1:1")}, EventTime: 109, MemberTime: 9}
		wantState(t, "all of it, when there is room", want, loaded(t, d.content(), false))
		if err := w.close(); err != nil || d.open != 0 {
			t.Errorf("%d bytes of room: %d files are still open, error %v", room, d.open, err)
		}
	}
}

func TestFailingRewriteIsNotTriedAllTheTime(t *testing.T) {
	d := newMemDisk("alive: a 10.0.0.1:1\n")
	w, _ := openWriter(t, d, false)
	d.setRoom(0)
	w.save(lines("clock: 1\n"), later(0), false)
	w.save(lines("clock: 2\n"), later(retryInterval-1), false)
	if n := w.counts.Load().Rewrites; n != 1 {
		t.Errorf("%d rewrites within the interval, want 1", n)
	}
	w.save(lines("clock: 3\n"), later(retryInterval), false)
	if n, failed := w.counts.Load().Rewrites, w.counts.Load().Failures; n != 2 || failed != 2 {
		t.Errorf("%d rewrites, %d failed, want 2 and 2", n, failed)
	}
	d.setRoom(-1)
	if err := w.save(batch{}, later(retryInterval+1), true); err != nil {
		t.Error("the end doesn't wait for the interval: ", err)
	}
	if s := loaded(t, d.content(), false); s.MemberTime != 3 {
		t.Errorf("clock %d", s.MemberTime)
	}
}

func TestRemovedFileComesBackWhole(t *testing.T) {
	d := newMemDisk(beginnings["whole"].text)
	w, c := openWriter(t, d, false)
	d.remove()
	if err := w.save(lines("clock: 13\n"), later(0), false); err != nil {
		t.Fatal(err)
	}
	want := c.export()
	want.MemberTime = 13
	wantState(t, "state", want, loaded(t, d.content(), false))
}

func TestLeaveIsSynced(t *testing.T) {
	for rejoin, want := range map[bool]State{false: {}, true: {Members: []Member{member("a", "10.0.0.1:1")}, MemberTime: 2}} {
		d := newMemDisk("alive: a 10.0.0.1:1\n")
		w, _ := openWriter(t, d, rejoin)
		if err := w.save(lines("clock: 2\nleave\n"), later(0), false); err != nil {
			t.Fatal(err)
		}
		for _, text := range d.afterPowerLoss() {
			wantState(t, "after a loss of power", want, loaded(t, text, rejoin))
		}
		d.remove() // the leave outlasts a rewrite too
		if err := w.save(batch{}, later(0), true); err != nil {
			t.Fatal(err)
		}
		wantState(t, "rewritten", want, loaded(t, d.content(), rejoin))
		wantState(t, "without rejoin", State{}, loaded(t, d.content(), false))
	}
}

// A member that returned from a leave by rejoin no longer counts as left, whatever the next run is
// configured to do.
func TestRejoinEndsLeave(t *testing.T) {
	b := beginnings["rejoined"]
	d := newMemDisk(b.text)
	w, c := openWriter(t, d, true)
	if err := w.save(batch{}, later(0), false); err != nil {
		t.Fatal(err)
	}
	wantState(t, "without rejoin", c.export(), loaded(t, d.content(), false))
}

func TestCompaction(t *testing.T) {
	d := newMemDisk("alive: a 10.0.0.1:1\n")
	w, _ := openWriter(t, d, false)
	comment := "#" + strings.Repeat("x", lineMax-1) + "\n"
	pad := func(n int64) { // comments count for the size alone
		for n > w.size {
			line := comment
			if rest := n - w.size; rest < int64(len(comment)) {
				line = comment[:rest-1] + "\n"
			}
			if err := w.save(lines(line), later(0), false); err != nil {
				t.Fatal(err)
			}
		}
	}
	pad(compactMin)
	if n := w.counts.Load().Rewrites; n != 0 || len(d.content()) != compactMin {
		t.Fatalf("%d rewrites of %d bytes at the limit", n, len(d.content()))
	}
	if err := w.save(lines("#\n"), later(0), false); err != nil {
		t.Fatal(err)
	}
	if got, want := d.content(), "alive: a 10.0.0.1:1\nclock: 0\nevent-clock: 0\nquery-clock: 0\n"; got != want {
		t.Errorf("compacted to %d bytes, want %q", len(got), want)
	}
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "alive: member%d 10.0.0.1:1\n", i)
	}
	if err := w.save(lines(many.String()), later(0), false); err != nil {
		t.Fatal(err)
	}
	pad(1001 * 2 * bytesPerMember)
	if n := w.counts.Load().Rewrites; n != 1 {
		t.Errorf("%d rewrites: 1001 members may take more", n)
	}
	w.save(lines("#\n"), later(0), false)
	if n := w.counts.Load().Rewrites; n != 2 {
		t.Errorf("%d rewrites, want the second", n)
	}
}

func TestLongNamesDoNotCauseARewriteEachTime(t *testing.T) {
	w, _ := openWriter(t, newMemDisk(""), false)
	var b strings.Builder
	for i := range 500 {
		b.WriteString(aliveLine(fmt.Sprint(i, strings.Repeat("x", 500)), "10.0.0.1:1"))
	}
	w.save(lines(b.String()), later(0), false)
	for i := range 20 {
		w.save(lines(fmt.Sprintf("clock: %d\n", i+1)), later(0), false)
	}
	if n := w.counts.Load().Rewrites; n != 1 {
		t.Errorf("%d rewrites, want 1", n)
	}
}

func TestAppendAtLimitOfFile(t *testing.T) {
	for more, wantErr := range map[int64]bool{0: false, 1: true} {
		w, _ := openWriter(t, newMemDisk(""), false)
		w.size = fileMax - int64(len("clock: 1\n")) + more
		if err := w.append([]byte("clock: 1\n"), false); (err != nil) != wantErr {
			t.Errorf("%d bytes over the limit: error %v", more, err)
		}
	}
}

func TestLinesThatWouldNotBeReadAreNotWritten(t *testing.T) {
	d := newMemDisk("")
	w, _ := openWriter(t, d, false)
	if err := w.save(lines("alive: x nowhere\nclock: 1\n#"+strings.Repeat("x", lineMax)+"\n"), later(0), false); err != nil {
		t.Fatal(err)
	}
	if d.content() != "clock: 1\n" || w.counts.Load().Skipped != 2 || w.counts.Load().Lines != 1 {
		t.Errorf("content %q, %d skipped, %d lines",
			d.content(), w.counts.Load().Skipped, w.counts.Load().Lines)
	}
}

// drawLine draws a line for one of few members, with names of all kinds, or for a clock.
func drawLine(t *rapid.T, clock *uint64) string {
	names := []string{"a", "b c", evil, `"quoted"`, "\xff", ""}
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		return "not-alive: a\n"
	case 1:
		*clock++
		return fmt.Sprintf("%s%d\n", rapid.SampledFrom([]string{keyClock, keyEventClock, keyQueryClock}).Draw(t, "clock"), *clock)
	case 2:
		if rapid.IntRange(0, 9).Draw(t, "leave") == 0 {
			return "leave\n"
		}
		return "not-alive: b c\n"
	case 3:
		return string(serf.AppendJournalFailed(nil, rapid.SampledFrom(names).Draw(t, "name"), netip.MustParseAddrPort("10.0.0.2:1")))
	}
	return aliveLine(rapid.SampledFrom(names).Draw(t, "name"), fmt.Sprintf("10.0.0.1:%d", rapid.IntRange(1, 3).Draw(t, "port")))
}

// Merged lines must say the same as the lines themselves.
func TestMergedLinesSayTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rejoin := rapid.Bool().Draw(t, "rejoin")
		before := func() *state {
			s := newState()
			for _, line := range []string{"alive: a 10.0.0.9:9", "alive: z 10.0.0.9:9", "event-clock: 1"} {
				r, _ := parseLine(line)
				s.apply(r, rejoin)
			}
			return s
		}
		want, got := before(), before()
		var m merged
		clock := uint64(1)
		for range rapid.IntRange(1, 8).Draw(t, "lines") {
			line := "leave\n"
			if rapid.IntRange(0, 3).Draw(t, "leave") > 0 {
				line = drawLine(t, &clock)
			}
			r, _ := parseLine(strings.TrimSuffix(line, "\n"))
			want.apply(r, rejoin)
			m.add([]byte(line), rejoin)
		}
		m.applyTo(got, rejoin)
		if d := cmp.Diff(want.export(), got.export(), cmpAddr); d != "" || want.left != got.left {
			t.Fatalf("left %v, want %v; -lines +merged:\n%s", got.left, want.left, d)
		}
	})
}

// TestModel subjects a file to random operations and faults, and compares it with the sum of its
// lines.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rejoin := rapid.Bool().Draw(t, "rejoin")
		d := newMemDisk("")
		w, _ := openWriter(t, d, rejoin)
		q := &queue{rejoin: rejoin}
		model := newState()
		var clock uint64
		var now time.Duration
		save := func() {
			b := q.take()
			w.save(b, later(now), false)
			q.recycle(b)
			now += time.Second
		}
		t.Repeat(map[string]func(*rapid.T){
			"line": func(t *rapid.T) {
				line := drawLine(t, &clock)
				r, _ := parseLine(strings.TrimSuffix(line, "\n"))
				model.apply(r, rejoin)
				q.push([]byte(line))
			},
			"full queue": func(*rapid.T) {
				if q.merged.last == nil {
					q.merged.last = make(map[string]record)
				}
			},
			"save":      func(*rapid.T) { save() },
			"full disk": func(t *rapid.T) { d.setRoom(rapid.IntRange(0, 100).Draw(t, "room")) },
			"room":      func(*rapid.T) { d.setRoom(-1) },
			"removed":   func(*rapid.T) { d.remove() },
			"too large": func(*rapid.T) { w.size = compactMin + 1 },
			"restart": func(t *rapid.T) {
				d.setRoom(-1)
				if err := w.save(q.take(), later(now), true); err != nil {
					t.Fatal(err)
				}
				var c content
				w, c = openWriter(t, d, rejoin)
				model.left = false
				if diff := cmp.Diff(model.export(), c.export(), cmpAddr); diff != "" {
					t.Fatal("after a restart: -model +file:\n", diff)
				}
			},
		})
	})
}

func TestWhatIsWrittenIsTimed(t *testing.T) {
	w, _ := openWriter(t, newMemDisk(""), false)
	var told []string
	w.observe = func(what string, took time.Duration) { told = append(told, what) }
	for range 2 {
		if err := w.save(lines("clock: 1\n"), later(0), false); err != nil {
			t.Fatal(err)
		}
		w.damaged = true // the next time it is rewritten
	}
	if diff := cmp.Diff([]string{"appendLine", "compact"}, told); diff != "" {
		t.Error(diff)
	}
}
