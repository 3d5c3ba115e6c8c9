package lamport

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func (v Verdict) String() string {
	return [...]string{"Fresh", "Duplicate", "BeforeMin", "TooOld", "Ahead", "Full"}[v]
}

func want(t *testing.T, reason string, got, want Verdict) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", reason, got, want)
	}
}

func TestEventsDifferByTimeNameOrPayload(t *testing.T) {
	var w Events
	add := func(at Time, name, payload string) Verdict {
		return w.Add(100, at, []byte(name), []byte(payload))
	}
	want(t, "first", add(5, "ab", "c"), Fresh)
	want(t, "again", add(5, "ab", "c"), Duplicate)
	want(t, "same bytes, split elsewhere", add(5, "a", "bc"), Fresh)
	want(t, "other payload", add(5, "ab", "d"), Fresh)
	want(t, "other time", add(6, "ab", "c"), Fresh)
	want(t, "each again", add(5, "a", "bc"), Duplicate)
}

func TestQueriesDifferByTimeOrID(t *testing.T) {
	var w Queries
	want(t, "first", w.Add(100, 5, 1), Fresh)
	want(t, "again", w.Add(100, 5, 1), Duplicate)
	want(t, "other ID", w.Add(100, 5, 2), Fresh)
	want(t, "other time", w.Add(100, 6, 1), Fresh)
}

func TestWindowEdges(t *testing.T) {
	for _, tc := range []struct {
		name         string
		now, min, at Time
		want         Verdict
	}{
		{"time 0 of a young cluster", 1, 0, 0, Fresh},
		{"oldest", 1000, 0, 1000 - WindowTimes, Fresh},
		{"one older", 1000, 0, 999 - WindowTimes, TooOld},
		{"newest", 1000, 0, 999, Fresh},
		{"not witnessed", 1000, 0, 1000, Ahead},
		{"far ahead", 1000, 0, Max, Ahead},
		{"at the minimum", 1000, 900, 900, Fresh},
		{"before the minimum", 1000, 900, 899, BeforeMin},
		{"before the minimum and too old", 1000, 900, 1, BeforeMin},
		{"at the end of time", Max, 0, Max - 1, Fresh},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var e Events
			var q Queries
			e.SetMin(tc.min)
			q.SetMin(tc.min)
			want(t, "event", e.Add(tc.now, tc.at, []byte("n"), nil), tc.want)
			want(t, "query", q.Add(tc.now, tc.at, 1), tc.want)
		})
	}
}

func TestMinNeverGoesBack(t *testing.T) {
	var e Events
	var q Queries
	for _, min := range []Time{7, 3} {
		e.SetMin(min)
		q.SetMin(min)
	}
	if e.ring.min != 7 || q.ring.min != 7 {
		t.Errorf("minimum %d and %d, want 7", e.ring.min, q.ring.min)
	}
}

func TestEventsKeepCopies(t *testing.T) {
	var w Events
	buf := []byte("nameload")
	w.Add(10, 5, buf[:4], buf[4:])
	copy(buf, "XXXXXXXX")
	want(t, "after the buffer changed", w.Add(10, 5, []byte("name"), []byte("load")), Duplicate)
}

func TestAllIsInLamportOrder(t *testing.T) {
	var w Events
	for _, at := range []Time{600, 90, 599, 90, 300} {
		w.Add(601, at, fmt.Append(nil, at), fmt.Append(nil, w.Times()))
	}
	var got []string
	for at, events := range w.All() {
		for _, e := range events {
			got = append(got, fmt.Sprintf("%d %s/%s", at, e.Name, e.Payload))
		}
	}
	if diff := cmp.Diff([]string{"90 90/1", "90 90/3", "300 300/3", "599 599/2", "600 600/0"}, got); diff != "" {
		t.Error(diff)
	}
	if w.Times() != 4 {
		t.Errorf("%d times, want 4", w.Times())
	}
}

func TestClockJumpEmptiesTheWindow(t *testing.T) {
	var w Events
	for at := range Time(600) {
		w.Add(600, at, []byte("n"), make([]byte, 100))
	}
	want(t, "far later", w.Add(1<<40, 1<<40-1, []byte("n"), nil), Fresh)
	want(t, "an old one", w.Add(1<<40, 599, []byte("n"), nil), TooOld)
	if w.Times() != 1 || w.bytes != 1+eventOverhead {
		t.Errorf("%d times of %d bytes left", w.Times(), w.bytes)
	}
}

// In a burst, what a member has seen comes round again after its window has moved on: that isn't
// news that it missed. So much is remembered and no more.
func TestPastMessagesAreDuplicates(t *testing.T) {
	var e Events
	var q Queries
	const now = 2 + pastMax + WindowTimes
	for at := range Time(now) {
		e.Add(at+1, at, []byte("n"), []byte{byte(at)})
		q.Add(at+1, at, uint32(at))
	}
	again := func(why string, at Time, verdict Verdict) {
		t.Helper()
		want(t, "event: "+why, e.Add(now, at, []byte("n"), []byte{byte(at)}), verdict)
		want(t, "query: "+why, q.Add(now, at, uint32(at)), verdict)
	}
	again("the oldest in the window", now-WindowTimes, Duplicate)
	again("the newest behind it", now-WindowTimes-1, Duplicate)
	again("the oldest that is remembered", 2, Duplicate)
	again("one older", 1, TooOld)
	want(t, "another event of that time", e.Add(now, 2, []byte("n"), nil), TooOld)
	want(t, "another query of that time", q.Add(now, 2, 1), TooOld)
	if len(e.past.keys) != pastMax || len(q.past.keys) != pastMax {
		t.Errorf("%d and %d are remembered, want %d", len(e.past.keys), len(q.past.keys), pastMax)
	}
}

func TestWindowsLimitOneTime(t *testing.T) {
	var e Events
	var q Queries
	for i := range uint32(perTimeMax) {
		want(t, "at the limit: event", e.Add(10, 5, fmt.Append(nil, i), nil), Fresh)
		want(t, "at the limit: query", q.Add(10, 5, i), Fresh)
	}
	want(t, "beyond: event", e.Add(10, 5, []byte("more"), nil), Full)
	want(t, "beyond: query", q.Add(10, 5, perTimeMax), Full)
	want(t, "still known: event", e.Add(10, 5, []byte("0"), nil), Duplicate)
	want(t, "still known: query", q.Add(10, 5, 0), Duplicate)
	want(t, "other time: event", e.Add(10, 6, []byte("more"), nil), Fresh)
	want(t, "other time: query", q.Add(10, 6, perTimeMax), Fresh)
}

func TestEventsDropTheOldestForRoom(t *testing.T) {
	var w Events
	quarter := make([]byte, bytesMax/4-eventOverhead-1) // and a byte of name
	add := func(at Time) Verdict { return w.Add(100, at, []byte{byte(at)}, quarter) }
	for _, at := range []Time{40, 10, 20, 30} {
		want(t, "at the limit", add(at), Fresh)
	}
	want(t, "one more", add(50), Fresh)
	want(t, "the oldest was dropped for it", w.Add(100, 10, []byte("n"), nil), TooOld)
	want(t, "but is known", add(10), Duplicate)
	want(t, "no other did", add(20), Duplicate)
	want(t, "older than everything in a full window", add(15), Full)
	if w.bytes != bytesMax {
		t.Errorf("%d bytes, limit %d", w.bytes, bytesMax)
	}
}

func TestEventLargerThanTheWindowDropsNothing(t *testing.T) {
	var w Events
	w.Add(10, 5, []byte("n"), nil)
	want(t, "too large", w.Add(10, 6, []byte("n"), make([]byte, bytesMax)), Full)
	want(t, "what it held before", w.Add(10, 5, []byte("n"), nil), Duplicate)
}

// The window holds an event of the largest size that can be configured, 9 KiB, at each time.
func TestEventsHoldTheLargestEvents(t *testing.T) {
	var w Events
	for at := range Time(WindowTimes) {
		want(t, "largest", w.Add(WindowTimes, at, []byte("n"), make([]byte, 9<<10)), Fresh)
	}
	if w.Times() != WindowTimes {
		t.Errorf("%d times kept, want %d", w.Times(), WindowTimes)
	}
}

func TestEmptyWindowsAreSmall(t *testing.T) {
	var e Events
	var q Queries
	n := testing.AllocsPerRun(100, func() {
		e.SetMin(e.ring.min + 1)
		q.SetMin(q.ring.min + 1)
		e.Add(10, 11, nil, nil)
		q.Add(10, 11, 0)
	})
	for range e.All() {
		t.Error("an empty window has events")
	}
	if n != 0 || e.ring.slots != nil || q.ring.slots != nil {
		t.Errorf("%v allocations with nothing to keep", n)
	}
}

func TestDuplicatesAllocateNothing(t *testing.T) {
	var e Events
	var q Queries
	name, payload := []byte("name"), []byte("payload")
	e.Add(10, 5, name, payload)
	q.Add(10, 5, 1)
	if n := testing.AllocsPerRun(100, func() {
		e.Add(10, 5, name, payload)
		q.Add(10, 5, 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRingGrowsWithWhatItHolds(t *testing.T) {
	var r ring[uint32]
	for at := range Time(WindowTimes) {
		r.add(1000+at, 1)
		if used := int(at) + 1; len(r.slots) >= 2*max(used, ringStart) {
			t.Fatalf("%d slots for %d times in a row", len(r.slots), used)
		}
	}
}

// The windows judge as a model does that keeps everything and checks the limits.
func TestWindowsMatchAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			e     Events
			q     Queries
			c     Clock
			least Time
			seen  = map[Time][]uint32{}
		)
		judge := func(at Time, id uint32) Verdict {
			switch {
			case at >= c.Now():
				return Ahead
			case at < least:
				return BeforeMin
			case at+WindowTimes < c.Now() && !slices.Contains(seen[at], id):
				return TooOld
			}
			if slices.Contains(seen[at], id) {
				return Duplicate
			}
			seen[at] = append(seen[at], id)
			return Fresh
		}
		add := func(t *rapid.T, at Time) {
			id := rapid.Uint32Range(0, 2).Draw(t, "id")
			text := []byte{'a' + byte(id)}
			want := judge(at, id)
			if got := e.Add(c.Now(), at, text, text); got != want {
				t.Fatalf("event at %d of %d: %v, want %v", at, c.Now(), got, want)
			}
			if got := q.Add(c.Now(), at, id); got != want {
				t.Fatalf("query at %d of %d: %v, want %v", at, c.Now(), got, want)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"own": func(t *rapid.T) { c.Next(); add(t, c.Now()-1) },
			"near": func(t *rapid.T) {
				at := c.Now() + Time(rapid.Uint64Range(0, 40).Draw(t, "ahead"))
				c.Witness(at)
				add(t, at)
			},
			"old": func(t *rapid.T) {
				back := Time(rapid.Uint64Range(0, WindowTimes+20).Draw(t, "back"))
				if back <= c.Now() {
					add(t, c.Now()-back)
				}
			},
			"jump": func(t *rapid.T) {
				c.Witness(c.Now() + Time(rapid.Uint64Range(0, 700).Draw(t, "jump")))
			},
			"min": func(t *rapid.T) {
				least = max(least, c.Now()-Time(rapid.Uint64Range(0, uint64(c.Now())).Draw(t, "before")))
				e.SetMin(least)
				q.SetMin(least)
			},
			"": func(t *rapid.T) {
				last, n, size := Time(0), 0, 0
				for at, events := range e.All() {
					if n > 0 && at <= last || at >= c.Now() {
						t.Fatalf("time %d follows %d", at, last)
					}
					for i, ev := range events {
						if want := []byte{'a' + byte(seen[at][i])}; !bytes.Equal(ev.Name, want) {
							t.Fatalf("event %d of time %d is %q, want %q", i, at, ev.Name, want)
						}
						size += ev.size()
					}
					last, n = at, n+1
				}
				if n != e.Times() || size != e.bytes || n > WindowTimes {
					t.Fatalf("%d times of %d bytes, counted as %d of %d", n, size, e.Times(),
						e.bytes)
				}
			},
		})
	})
}
