package handler

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/internal/eventfilter"
)

func join(names ...string) Event  { return memberEvent(eventfilter.MemberJoin, names) }
func leave(names ...string) Event { return memberEvent(eventfilter.MemberLeave, names) }
func user(name string) Event      { return Event{Kind: eventfilter.User, Name: name} }

func memberEvent(kind string, names []string) Event {
	e := Event{Kind: kind}
	for _, n := range names {
		e.Members = append(e.Members, Member{Name: n})
	}
	return e
}

// push adds an event to a queue with room for two.
func (q *queue) push(e Event) bool { return q.add(waiting{Event: e, cost: e.cost()}, 2) }

// texts describes the events that wait.
func (q *queue) texts() []string {
	var all []string
	for _, w := range q.events {
		text := w.String()
		for _, m := range w.Members {
			text += " " + m.Name
		}
		all = append(all, text)
	}
	return all
}

func TestQueueWhenFull(t *testing.T) {
	for _, tc := range []struct {
		name   string
		events []Event
		want   []string
		counts Counts
	}{
		{"room: members stay apart", []Event{join("a"), join("b")}, []string{"member-join a", "member-join b"}, Counts{}},
		{"same news of others join the last", []Event{join("a"), join("b"), join("c", "d"), join("e")},
			[]string{"member-join a", "member-join b c d e"}, Counts{Coalesced: 2}},
		{"other news of members drop the oldest", []Event{join("a"), join("b"), leave("a")},
			[]string{"member-join b", "member-leave a"}, Counts{Dropped: 1}},
		{"user events stay single", []Event{user("1"), user("2"), user("3")}, []string{"user-event: 2", "user-event: 3"}, Counts{Dropped: 1}},
		{"order is kept: no merging past a user event", []Event{join("a"), user("1"), join("b")},
			[]string{"user-event: 1", "member-join b"}, Counts{Dropped: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var q queue
			for _, e := range tc.events {
				q.push(e)
			}
			if diff := cmp.Diff(tc.want, q.texts()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.counts, q.counts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestQueueMergesUpToTheLimit(t *testing.T) {
	var q queue
	q.push(user("1"))
	q.push(memberEvent(eventfilter.MemberJoin, make([]string, mergeMax-1)))
	if q.push(join("last")); len(q.events[1].Members) != mergeMax {
		t.Errorf("%d members, want %d", len(q.events[1].Members), mergeMax)
	}
	if !q.push(join("one more")) {
		t.Errorf("member %d didn't start an event of its own", mergeMax+1)
	}
}

func TestQueueMergingLeavesTheSharedEventAlone(t *testing.T) {
	shared := join("a", "b")
	var q queue
	q.push(user("1"))
	q.push(Event{Kind: eventfilter.MemberJoin, Members: shared.Members[:1]})
	q.push(join("c"))
	if got := shared.Members[1].Name; got != "b" {
		t.Errorf("the event of another handler has member %q now", got)
	}
}

func TestQueueLimitsBytes(t *testing.T) {
	var q queue
	big := Event{Kind: eventfilter.User, Payload: make([]byte, queueBytes/2-eventCost)}
	add := func(e Event) bool { return q.add(waiting{Event: e, cost: e.cost()}, 100) }
	for range 2 {
		if add(big) {
			t.Fatal("dropped at the limit")
		}
	}
	if !add(user("")) {
		t.Error("not dropped beyond the limit")
	}
	if len(q.events) != 2 || q.bytes != queueBytes/2+eventCost {
		t.Errorf("%d events of %d bytes", len(q.events), q.bytes)
	}
}

func TestQueueTakesOneEventBeyondItsBytes(t *testing.T) {
	var q queue
	if q.push(Event{Kind: eventfilter.User, Name: "huge", Payload: make([]byte, 2*queueBytes)}); len(q.events) != 1 {
		t.Fatalf("%d events", len(q.events))
	}
	if q.pop(); q.bytes != 0 {
		t.Errorf("%d bytes left in an empty queue", q.bytes)
	}
}

func TestQueueAccountsMergedBytes(t *testing.T) {
	var q queue
	for i := range 10 {
		q.push(memberEvent(eventfilter.MemberJoin, []string{fmt.Sprint(i), strings.Repeat("x", i)}))
	}
	for len(q.events) > 0 {
		q.pop()
	}
	if q.bytes != 0 {
		t.Errorf("%d bytes left in an empty queue", q.bytes)
	}
}

func TestQueueComplainsAtIntervals(t *testing.T) {
	var q queue
	start := time.Unix(1e9, 0)
	for _, tc := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {1, false}, {complainEvery - 1, false}, {complainEvery, true}, {complainEvery + 1, false}} {
		if got := q.maybeComplain(start.Add(tc.after)); got != tc.want {
			t.Errorf("after %v: %v, want %v", tc.after, got, tc.want)
		}
	}
}

// Nothing waits for an event that leaves the queue without having been run.
func TestQueuePassesWhatIsNotRun(t *testing.T) {
	add := func(q *queue, e Event) *step {
		s := newStep(nil, time.Time{})
		q.add(waiting{Event: e, cost: e.cost(), step: s}, 2)
		return s
	}
	var q queue
	dropped, lost, merged := add(&q, user("1")), add(&q, join("a")), add(&q, join("b"))
	if dropped.passed || lost.passed || !merged.passed {
		t.Errorf("two wait and one was merged, passed: %v, %v, %v",
			dropped.passed, lost.passed, merged.passed)
	}
	other := add(&q, leave("a"))
	if !dropped.passed || lost.passed || other.passed {
		t.Errorf("the first was dropped, passed: %v, %v, %v",
			dropped.passed, lost.passed, other.passed)
	}
	q.lose()
	if !lost.passed || !other.passed || q.counts.Lost != 2 || q.bytes != 0 {
		t.Errorf("the runner was closed, passed: %v, %v; %+v, %d bytes",
			lost.passed, other.passed, q.counts, q.bytes)
	}
}
