package serf

import (
	"flag"
	"runtime"
	"strconv"
	"testing"
	"time"

	"serf/swim"
)

// A node without others fires ten events a second for a day: it keeps no more of them than its
// window. F18.
func TestAloneForADayMemoryIsFlat(t *testing.T) {
	c := testConfig("a")
	var out swim.Output
	n, err := New(0, c, &out)
	if err != nil {
		t.Fatal(err)
	}
	now := swim.Time(0)
	payload := make([]byte, 200)
	fire := func(d time.Duration) {
		for end := now.Add(d); now < end; now = now.Add(100 * time.Millisecond) {
			if err := n.UserEvent(now, "tick", payload, false, &out); err != nil {
				t.Fatal(err)
			}
			n.Tick(now, &out)
			out.Reset()
		}
	}
	fire(10 * time.Minute) // until the window is full
	before := heapInUse()
	fire(24 * time.Hour)
	if grown := heapInUse() - before; grown > 64<<10 {
		t.Errorf("%d KiB more after a day", grown>>10)
	}
	if s := n.Stats(); s.EventQueue != 0 || s.Backlog != 0 {
		t.Errorf("%d queued, %d held back", s.EventQueue, s.Backlog)
	}
}

var long = flag.Bool("long", false, "give the tests of failures their full size; each takes a minute")

// New names come, leave and are never seen again: the table holds the living and the tombstones,
// and the memory of the others is used again. F19.
func TestStrangersThatLeaveAreForgotten(t *testing.T) {
	const perSecond = 1000
	strangers := 200_000
	if *long {
		strangers = 1_000_000
	}
	const tombstones = 30 * time.Second
	c := testConfig("a")
	c.TombstoneTimeout, c.CoalescePeriod = tombstones, 0
	var out swim.Output
	n, err := New(0, c, &out)
	if err != nil {
		t.Fatal(err)
	}
	now, most := swim.Time(0), 0
	from := addrOf("b")
	for i := range strangers {
		name := strconv.Itoa(i)
		n.Packet(now, from, aliveWith(name, 1, from, nil), &out)
		n.Packet(now, from, dead(name, name, 1), &out)
		if i%perSecond == 0 {
			now = now.Add(time.Second)
			n.Tick(now, &out)
			most = max(most, n.Swim().Len())
		}
		out.Reset()
	}
	t.Logf("%d strangers, %d records at most, a table of %d places", strangers, most, n.table.recs.Len())
	kept := tombstones + forgetMin + 2*c.ReapInterval
	if limit := (int(kept/time.Second) + 1) * perSecond; most > limit || n.table.recs.Len() > limit {
		t.Errorf("%d records, and a table of %d places, limit %d", most, n.table.recs.Len(), limit)
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
