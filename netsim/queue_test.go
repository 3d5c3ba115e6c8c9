package netsim

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"serf/swim"
)

func TestQueuePopsInTotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q eventQueue
		var model []event
		seq := uint64(0)
		now := swim.Time(0)
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			if len(model) > 0 && rapid.IntRange(0, 2).Draw(t, "pop") == 0 {
				slices.SortFunc(model, func(a, b event) int {
					if a.before(&b) {
						return -1
					}
					return 1
				})
				if at := q.next(); at != model[0].at {
					t.Fatalf("next is at %d, want %d", at, model[0].at)
				}
				if got := q.pop(); got != model[0] {
					t.Fatalf("popped %+v, want %+v", got, model[0])
				}
				now = model[0].at
				model = model[1:]
				continue
			}
			seq++
			// Few values, so that ties are common, and all parts of the queue: the same bucket,
			// others of the ring, beyond it.
			unit := swim.Time(rapid.SampledFrom([]int{1, bucketWidth, bucketWidth * (ringSize - 2), bucketWidth * ringSize}).Draw(t, "unit"))
			e := event{
				at: now + unit*swim.Time(rapid.IntRange(0, 3).Draw(t, "at")), seq: seq,
				order: orderOf(int32(rapid.IntRange(0, 2).Draw(t, "to")), int32(rapid.IntRange(0, 2).Draw(t, "from"))),
			}
			if rapid.Bool().Draw(t, "timer") {
				e.order |= lastOfInstant
			}
			q.push(e)
			model = append(model, e)
		}
	})
}

func TestEventKnowsItsHosts(t *testing.T) {
	for _, h := range []int32{0, 1, 1<<31 - 1} {
		e := event{order: orderOf(h, 7)}
		if e.to() != h || e.from() != 7 {
			t.Errorf("to %d from %d, want %d and 7", e.to(), e.from(), h)
		}
		e.order |= lastOfInstant
		if e.to() != h {
			t.Errorf("timer of %d, want %d", e.to(), h)
		}
	}
}

func TestQueueReusesItsBlocks(t *testing.T) {
	var q eventQueue
	blocks := 0
	for round := range 3 {
		for k := range 100 {
			q.push(event{at: swim.Time(3*round+1+k%2) * bucketWidth})
		}
		for q.next() != swim.Never {
			q.pop()
		}
		if round == 0 {
			blocks = len(q.blocks)
		}
	}
	if len(q.blocks) != blocks {
		t.Errorf("%d blocks, %d were enough for the first round", len(q.blocks), blocks)
	}
}

func TestFlightsReturnWhatWasPut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f packetsInFlight
		type packet struct {
			from, to place
			data     string
		}
		model := make(map[uint32]packet)
		for k := range rapid.IntRange(0, 200).Draw(t, "steps") {
			if len(model) > 0 && rapid.Bool().Draw(t, "drop") {
				i := rapid.SampledFrom(slices.Sorted(maps.Keys(model))).Draw(t, "which")
				f.drop(i)
				delete(model, i)
			} else {
				size := rapid.SampledFrom([]int{0, 1, 60, 1400, packetMax}).Draw(t, "size")
				p := packet{place(k), place(k + 1), strings.Repeat(string(rune('a'+k%26)), size)}
				i := f.put(p.from, p.to, []byte(p.data))
				if _, taken := model[i]; taken {
					t.Fatalf("number %d given twice", i)
				}
				model[i] = p
			}
			for i, want := range model {
				from, to, data := f.at(i)
				if from != want.from || to != want.to || string(data) != want.data {
					t.Fatalf("flight %d is from %d to %d with %d bytes, want %d, %d, %d", i, from, to, len(data), want.from, want.to, len(want.data))
				}
			}
		}
		for i := range model {
			f.drop(i)
		}
		if len(f.chunks) != len(f.spare)+1 && len(f.chunks) > 0 {
			t.Fatalf("%d chunks, %d of them spare: all but the open one must be", len(f.chunks), len(f.spare))
		}
	})
}

func TestPlacesFindEveryAddress(t *testing.T) {
	var p places
	addrs := []string{"10.0.0.1:7946", "10.0.0.1:7947", "10.0.0.2:7946", "10.1.0.1:7946", "[fd00::1]:7946", "[::ffff:10.0.0.1]:7946", "0.0.0.0:0"}
	for i := range 1000 {
		addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i), byte(i >> 8), 9}), 7946).String())
	}
	for i, a := range addrs {
		if at := p.find(netip.MustParseAddrPort(a)); at != nowhere {
			t.Errorf("%s found at %d before it was added", a, at)
		}
		if at := p.add(netip.MustParseAddrPort(a)); at != place(i) {
			t.Errorf("%s added as %d, want %d", a, at, i)
		}
	}
	for i, a := range addrs {
		if at := p.find(netip.MustParseAddrPort(a)); at != place(i) || p.add(netip.MustParseAddrPort(a)) != at {
			t.Errorf("%s found at %d, want %d", a, at, i)
		}
	}
}

func TestSlotsAreReused(t *testing.T) {
	var p pool[string]
	a, b := p.put("one"), p.put("two")
	if got := p.take(a); got != "one" || p.slots[a] != "" {
		t.Errorf("took %q, and %q is still there", got, p.slots[a])
	}
	if c := p.put("three"); c != a || p.slots[b] != "two" {
		t.Errorf("slot %d, want %d again, and %q untouched", c, a, p.slots[b])
	}
}
