package swim

import (
	"slices"
	"testing"

	"serf/wire"
)

func fillRebroadcasts(e *Rebroadcasts, room int) string {
	var p wire.Packer
	p.Reset(room)
	e.Fill(&p)
	return tags(&p)
}

// tags lists the messages in p by their second byte.
func tags(p *wire.Packer) string {
	if p.Count() == 0 {
		return ""
	}
	var sc wire.Scratch
	var s *wire.Sealer
	msgs, err := s.OpenPacket(s.SealPacket(nil, p.AppendTo(nil), false, &sc), &sc, nil)
	if err != nil {
		panic(err)
	}
	var b []byte
	for _, m := range msgs {
		b = append(b, m[1])
	}
	return string(b)
}

func TestQueueLeavesRebroadcasts(t *testing.T) {
	const limit = 3
	var e Rebroadcasts
	q := Queue{Rebroadcasts: &e}
	q.Add(1, message(10, 'a'))
	q.Add(2, message(10, 'b'))
	q.Remove(2)
	for range limit {
		if e.Len() != 0 {
			t.Fatal("a rebroadcast of what is still gossiped")
		}
		fill(&q, 1400, limit)
	}
	if q.Len() != 0 || e.Len() != 1 {
		t.Fatalf("%d broadcasts and %d rebroadcasts, want only that of what was sent often enough",
			q.Len(), e.Len())
	}
	for i := range rebroadcastTimes {
		if got := fillRebroadcasts(&e, 1400); got != "a" {
			t.Fatalf("packet %d repeats %q, want a", i+1, got)
		}
	}
	if got := fillRebroadcasts(&e, 1400); got != "" || e.Len() != 0 || e.list != nil || e.free != nil {
		t.Errorf("%q after the last time, %d kept", got, e.Len())
	}
}

func TestRebroadcastsTakeTurns(t *testing.T) {
	var e Rebroadcasts
	for _, tag := range []byte("abc") {
		e.add(message(100, tag))
	}
	var got []string
	for range 4 {
		got = append(got, fillRebroadcasts(&e, 250))
	}
	if want := []string{"ab", "ca", "bc", "ab"}; !slices.Equal(got, want) {
		t.Errorf("packets with room for two repeat %q, want %q", got, want)
	}
}

func TestRebroadcastsAreBounded(t *testing.T) {
	var e Rebroadcasts
	for i := range RebroadcastsMax {
		e.add(message(10, byte(i)))
	}
	fillRebroadcasts(&e, 250) // the next to send isn't the first any more
	e.add(message(10, RebroadcastsMax))
	if e.Len() != RebroadcastsMax || e.list[0].msg[1] != 1 {
		t.Fatalf("%d rebroadcasts from %d on, want the newest %d",
			e.Len(), e.list[0].msg[1], RebroadcastsMax)
	}
	left := 0
	for e.Len() > 0 {
		fillRebroadcasts(&e, 60000)
		if left++; left > rebroadcastTimes {
			t.Fatal("rebroadcasts without end")
		}
	}
}

func TestRebroadcastsDontAllocate(t *testing.T) {
	var e Rebroadcasts
	var p wire.Packer
	msg := message(50, 'a')
	for range RebroadcastsMax {
		e.add(msg)
	}
	if n := testing.AllocsPerRun(100, func() {
		e.add(msg)
		p.Reset(1400)
		e.Fill(&p)
	}); n > 0 {
		t.Errorf("%v allocations for an event in a stream of them", n)
	}
}

// Where few packets carry any, those that wait for their first turn don't wait for the others'.
func TestFreshRebroadcastsGoFirst(t *testing.T) {
	e := Rebroadcasts{FreshFirst: true}
	const room = 2 + 3*(100+2) // three messages and the header
	add := func(names string) {
		for i := range names {
			e.add(message(100, names[i]))
		}
	}
	add("abcde")
	for i, want := range []string{"abc", "dea", "deb"} {
		if got := fillRebroadcasts(&e, room); got != want {
			t.Errorf("packet %d repeats %q, want %q: all in turn", i+1, got, want)
		}
	}
	add("fg")
	if got := fillRebroadcasts(&e, room); got != "fgc" {
		t.Errorf("it repeats %q, want the new ones and the one sent once", got)
	}
	for e.Len() < RebroadcastsMax {
		add("x")
	}
	add("y")
	seen := ""
	for range RebroadcastsMax {
		seen += fillRebroadcasts(&e, room)
	}
	if e.Len() != RebroadcastsMax || !slices.Contains([]byte(seen), 'y') {
		t.Errorf("%d are kept, of which a full one must not push out the newest", e.Len())
	}
	for e.Len() > 0 {
		fillRebroadcasts(&e, 1400)
	}
	if !e.FreshFirst {
		t.Error("empty once, they go in turns again")
	}
}
