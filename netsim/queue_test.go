package netsim

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"serf/swim"
)

func TestQueuePopsInTotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q eventQueue
		var model []event
		seq := uint64(0)
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			if len(model) > 0 && rapid.IntRange(0, 2).Draw(t, "pop") == 0 {
				slices.SortFunc(model, func(a, b event) int {
					if a.before(&b) {
						return -1
					}
					return 1
				})
				if got := q.pop(); got != model[0] {
					t.Fatalf("popped %+v, want %+v", got, model[0])
				}
				model = model[1:]
				continue
			}
			seq++
			e := event{ // few values, so that ties are common
				at: swim.Time(rapid.IntRange(0, 3).Draw(t, "at")), seq: seq,
				to: int32(rapid.IntRange(-1, 2).Draw(t, "to")), from: int32(rapid.IntRange(-1, 2).Draw(t, "from")),
			}
			q.push(e)
			model = append(model, e)
		}
	})
}

func TestTimersAgreeWithAPlainTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const hosts = 12
		var q timerQueue
		q.grow(hosts)
		model := make([]swim.Time, hosts)
		for h := range model {
			model[h] = swim.Never
		}
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			h := rapid.IntRange(0, hosts-1).Draw(t, "host")
			at := swim.Time(rapid.IntRange(0, 20).Draw(t, "at"))
			if at == 20 {
				at = swim.Never
			}
			q.set(int32(h), at)
			model[h] = at
			first := slices.Min(model)
			if q.next() != first {
				t.Fatalf("next is at %d, want %d", q.next(), first)
			}
			if first != swim.Never && int(q.host()) != slices.Index(model, first) {
				t.Fatalf("next is host %d, want %d", q.host(), slices.Index(model, first))
			}
		}
	})
}

func TestSlotsAndTheirMemoryAreReused(t *testing.T) {
	var p pool[flight]
	a, b := p.take(), p.take()
	p.slots[a].set(toyAddr(0), toyAddr(1), []byte("one"))
	p.slots[b].set(toyAddr(0), toyAddr(1), []byte("two"))
	buffer := &p.slots[a].data[0]
	p.drop(a)
	c := p.take()
	p.slots[c].set(toyAddr(0), toyAddr(1), []byte("three"))
	if c != a || &p.slots[c].data[0] != buffer || string(p.slots[b].data) != "two" {
		t.Errorf("slot %d holds %q, want slot %d and its buffer", c, p.slots[c].data, a)
	}
}
