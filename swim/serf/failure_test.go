package serf

import (
	"flag"
	"runtime"
	"strconv"
	"testing"
	"time"

	"serf/swim"
)

var long = flag.Bool("long", false, "run the tests of failures at full size; each takes a minute")

// A node that is alone fires ten events per second, for two hours, or a day with -long: it keeps no
// more of them than its window holds.
func TestMemoryIsFlatWhileAlone(t *testing.T) {
	hours := 2
	if *long {
		hours = 24
	}
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
	fire(time.Duration(hours) * time.Hour)
	if grown := heapInUse() - before; grown > 64<<10 {
		t.Errorf("%d KiB more after %d hours", grown>>10, hours)
	}
	if s := n.Stats(); s.EventQueue != 0 || s.Backlog != 0 {
		t.Errorf("%d queued, %d in the backlog", s.EventQueue, s.Backlog)
	}
}

// Members with new names come, leave and are never seen again: the table holds live members and
// tombstones, and reuses the memory of the others.
func TestMembersThatLeaveAreForgotten(t *testing.T) {
	t.Parallel()
	const tombstones, seconds = 30 * time.Second, 300
	perSecond := 50
	if *long {
		perSecond = 3000
	}
	c := testConfig("a")
	c.TombstoneTimeout, c.CoalescePeriod = tombstones, 0
	var out swim.Output
	n, err := New(0, c, &out)
	if err != nil {
		t.Fatal(err)
	}
	now, most := swim.Time(0), 0
	from := addrOf("b")
	for i := range seconds * perSecond {
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
	t.Logf("%d members, %d records at most, a table of %d", seconds*perSecond, most,
		n.table.recs.Len())
	kept := tombstones + forgetMin + 2*c.ReapInterval
	if limit := (int(kept/time.Second) + 1) * perSecond; most > limit ||
		n.table.recs.Len() > limit {
		t.Errorf("%d records, and a table of %d, limit %d", most, n.table.recs.Len(), limit)
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
