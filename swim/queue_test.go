package swim

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"serf/wire"
)

func fill(q *Queue, room, limit int) [][]byte {
	var p wire.Packer
	p.Reset(room)
	q.Fill(&p, limit, 1)
	var sc wire.Scratch
	if p.Count() == 0 {
		return nil
	}
	var s *wire.Sealer
	msgs, err := s.OpenPacket(s.SealPacket(nil, p.AppendTo(nil), false, &sc), &sc, nil)
	if err != nil {
		panic(err)
	}
	return msgs
}

func message(size int, tag byte) []byte {
	m := bytes.Repeat([]byte{tag}, size)
	m[0] = byte(wire.TypeUser)
	return m
}

func TestQueueOrder(t *testing.T) {
	var q Queue
	q.Add(1, message(100, 'a'))
	fill(&q, 1400, 3) // a was sent once
	q.Add(2, message(50, 'b'))
	q.Add(3, message(200, 'c'))
	q.Add(4, message(50, 'd'))
	var order []byte
	for _, m := range fill(&q, 1400, 3) {
		order = append(order, m[1])
	}
	if want := "cdba"; string(order) != want {
		t.Fatalf("order %s, want %s: least sent, then larger, then newer", order, want)
	}
}

func TestQueueFillsGapsWithWhatFits(t *testing.T) {
	var q Queue
	q.Add(1, message(600, 'a'))
	q.Add(2, message(500, 'b'))
	q.Add(3, message(60, 'c'))
	got := fill(&q, 700, 3)
	if len(got) != 2 || got[0][1] != 'a' || got[1][1] != 'c' {
		t.Fatalf("%d messages, want a and c: b doesn't fit", len(got))
	}
}

func TestQueueReplacesByKey(t *testing.T) {
	var q Queue
	q.Add(7, message(40, 'a'))
	fill(&q, 1400, 5)
	q.Add(7, message(40, 'b'))
	got := fill(&q, 1400, 5)
	if len(got) != 1 || got[0][1] != 'b' || q.Len() != 1 {
		t.Fatal("the newer news must replace the older")
	}
	q.Add(0, message(40, 'c'))
	q.Add(0, message(40, 'd'))
	if q.Len() != 3 {
		t.Fatal("without a key nothing is replaced")
	}
}

func TestQueueLimit(t *testing.T) {
	var q Queue
	q.Add(1, message(40, 'x'))
	fill(&q, 1400, 9)
	for i := range QueueMax - 1 {
		q.Add(uint64(i+2), message(40, 'a'))
	}
	if q.Len() != QueueMax || q.Drops() != 0 {
		t.Fatalf("%d queued, %d dropped at the limit", q.Len(), q.Drops())
	}
	q.Add(1<<40, message(40, 'b'))
	if q.Len() != QueueMax || q.Drops() != 1 || q.Has(1) {
		t.Fatal("beyond the limit what was sent most is given up, and counted")
	}
	q.Add(1<<41, message(40, 'b'))
	if q.Has(2) || !q.Has(3) {
		t.Fatal("of those sent alike the oldest is given up")
	}
}

func TestQueueReleasesMemory(t *testing.T) {
	var q Queue
	for i := range 1000 {
		q.Add(uint64(i+1), message(40, 'a'))
	}
	for q.Len() > 0 {
		fill(&q, 1400, 1)
	}
	if q.slots != nil || q.lists != nil {
		t.Fatal("an empty queue keeps the memory of a burst")
	}
}

// The queue is compared with a plain slice: its messages, how often each was sent, and that no
// packet has one twice.
func TestQueueAgainstModel(t *testing.T) {
	type item struct {
		key   uint64
		tag   byte
		size  int
		sends int
	}
	rapid.Check(t, func(t *rapid.T) {
		var q Queue
		var model []item
		next := byte(0)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				next++
				x := item{key: rapid.Uint64Range(0, 20).Draw(t, "key"), tag: next, size: rapid.IntRange(2, 1600).Draw(t, "size")}
				if x.key != 0 {
					model = slices.DeleteFunc(model, func(y item) bool { return y.key == x.key })
				}
				model = append(model, x)
				q.Add(x.key, message(x.size, x.tag))
			},
			"remove": func(t *rapid.T) {
				key := rapid.Uint64Range(1, 20).Draw(t, "key")
				model = slices.DeleteFunc(model, func(y item) bool { return y.key == key })
				q.Remove(key)
			},
			"fill": func(t *rapid.T) {
				room, limit := rapid.IntRange(1, 3000).Draw(t, "room"), rapid.IntRange(1, 5).Draw(t, "limit")
				seen := map[byte]bool{}
				for _, m := range fill(&q, room, limit) {
					i := slices.IndexFunc(model, func(y item) bool { return y.tag == m[1] && y.size == len(m) })
					if i < 0 || seen[m[1]] {
						t.Fatalf("message %d: not queued, or twice in a packet", m[1])
					}
					seen[m[1]] = true
					model[i].sends++
				}
				model = slices.DeleteFunc(model, func(y item) bool { return seen[y.tag] && y.sends >= limit })
			},
			"": func(t *rapid.T) {
				if q.Len() != len(model) {
					t.Fatalf("%d queued, model has %d", q.Len(), len(model))
				}
				for _, y := range model {
					if y.key != 0 && !q.Has(y.key) {
						t.Fatalf("key %d is missing", y.key)
					}
				}
			},
		})
	})
}

func TestFairQueueSendsTheOldestFirst(t *testing.T) {
	q := Queue{Fair: true}
	q.Add(1, message(100, 'a'))
	fill(&q, 1400, 3)
	q.Add(2, message(50, 'b'))
	q.Add(3, message(200, 'c'))
	q.Add(4, message(50, 'd'))
	var order []byte
	for _, m := range fill(&q, 1400, 3) {
		order = append(order, m[1])
	}
	if want := "bcda"; string(order) != want {
		t.Fatalf("order %s, want %s: least sent, then older", order, want)
	}
	if got := fill(&q, 60, 9); len(got) != 1 || got[0][1] != 'b' {
		t.Fatal("what doesn't fit must not hold up what does")
	}
}

func TestQueueCountsCopies(t *testing.T) {
	var q Queue
	var p wire.Packer
	q.Add(1, message(40, 'a'))
	for range 2 {
		p.Reset(1400)
		if q.Fill(&p, 4, 3); p.Count() != 1 {
			t.Fatal("sent less often than the limit says")
		}
	}
	if q.Len() != 0 {
		t.Fatal("sent six times, limit four, and still there")
	}
}

func TestQueueCountsWhatItSent(t *testing.T) {
	var q Queue
	q.Add(0, make([]byte, 100))
	q.Add(0, make([]byte, 300))
	var p wire.Packer
	p.Reset(1000)
	q.Fill(&p, 4, 3)
	p.Reset(150)
	q.Fill(&p, 4, 1)
	if n, b := q.Sent(); n != 2*3+1 || b != 3*400+100 {
		t.Errorf("counted %d messages, %d bytes, want 7 and 1300", n, b)
	}
}
