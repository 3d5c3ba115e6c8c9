package membership

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// reader knows of the members what its events told it.
type reader struct {
	queue *eventQueue
	known map[string]Member
}

func (r *reader) read(t *rapid.T, tab *table) (ok bool) {
	e, _, ok := tab.read(r.queue)
	if !ok {
		return false
	}
	before, known := r.known[e.Member.Name]
	was := known && before.State.Living()
	switch e.Kind {
	case Joined:
		if was || !e.Member.State.Living() {
			t.Fatalf("%v, it was %v", e, before.State)
		}
	case Updated:
		if !was {
			t.Fatalf("%v, and wasn't there", e)
		}
	case Failed, Left:
		if e.Member.State.Living() || e.Kind == Failed && !was || !known {
			t.Fatalf("%v, it was %v (%v) and is %v", e, before.State, known, e.Member.State)
		}
	}
	r.known[e.Member.Name] = e.Member
	return true
}

// However slow a reader is, and wherever it falls behind, what it was told adds up to what is.
func TestSlowReadersMissNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab := new(table)
		readers := []*reader{{tab.subscribe(), map[string]Member{}}, {newEventQueue(), map[string]Member{}}}
		tab.queues = append(tab.queues, readers[1].queue)
		names := []string{"a", "b", "c", "d"}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			m, known := tab.get(name)
			m.Name = name
			repeat := 1
			switch do := rapid.SampledFrom([]string{"join", "update", "fail", "leave", "suspect", "forget", "flood", "read"}).Draw(t, "do"); {
			case do == "join" && !m.State.Living(), do == "join" && !known:
				m.State = StateAlive
				tab.set(&m, Joined)
			case do == "update" && known && m.State.Living():
				m.Meta = []byte(rapid.StringN(0, 2, 2).Draw(t, "meta"))
				tab.set(&m, Updated)
			case do == "fail" && known && m.State.Living():
				m.State = StateFailed
				tab.set(&m, Failed)
			case do == "leave" && known && m.State != StateLeft:
				m.State = StateLeft
				tab.set(&m, Left)
			case do == "suspect" && known && m.State.Living():
				m.State = StateSuspect
				tab.set(&m, 0)
			case do == "forget" && known && !m.State.Living():
				tab.remove(name)
			case do == "flood" && known && m.State.Living():
				repeat = eventQueueMax/2 + 10
				for i := range repeat {
					m.Meta = fmt.Append(nil, i)
					x := m
					tab.set(&x, Updated)
				}
			case do == "read":
				r := rapid.SampledFrom(readers).Draw(t, "reader")
				for range rapid.IntRange(1, 5).Draw(t, "events") {
					r.read(t, tab)
				}
			}
		}
		for i, r := range readers {
			events := 0
			for r.read(t, tab) {
				events++
			}
			if events > eventQueueMax+len(names) {
				t.Fatalf("reader %d: %d events waited, limit %d", i, events, eventQueueMax)
			}
			if r.queue.read != r.queue.seq {
				t.Fatalf("reader %d has read %d of %d events", i, r.queue.read, r.queue.seq)
			}
			compare(t, i, tab, r.known)
		}
	})
}

// compare compares what a reader knows of the living with what is.
func compare(t *rapid.T, i int, tab *table, known map[string]Member) {
	for name, m := range known {
		is, ok := tab.get(name)
		if m.State.Living() && (!ok || !is.State.Living()) {
			t.Fatalf("reader %d thinks that %s is there", i, name)
		}
	}
	for _, m := range tab.list(isLiving) {
		k, ok := known[m.Name]
		if !ok || !k.State.Living() || !bytes.Equal(k.Meta, m.Meta) {
			t.Fatalf("reader %d: %s is %v with %q, known as %v with %q", i, m.Name, m.State, m.Meta, k.State, k.Meta)
		}
	}
}

func TestTableKeepsOrderAndCounts(t *testing.T) {
	tab := new(table)
	for _, name := range []string{"c", "a", "b"} {
		tab.set(&Member{Name: name}, Joined)
	}
	tab.set(&Member{Name: "b", State: StateFailed}, Failed)
	tab.set(&Member{Name: "a", State: StateSuspect}, 0)
	var got []string
	for _, m := range tab.list(func(*Member) bool { return true }) {
		got = append(got, m.Name+" "+m.State.String())
	}
	if want := []string{"a suspect", "b failed", "c alive"}; !slices.Equal(got, want) || tab.living != 2 {
		t.Errorf("%q, %d living; want %q, 2", got, tab.living, want)
	}
	tab.remove("b")
	if _, ok := tab.get("b"); ok || len(tab.members) != 2 || tab.living != 2 {
		t.Error("b is still there")
	}
}
