package serf

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"serf/lamport"
	"serf/swim"
)

func TestTableAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roster := swim.NewRoster()
		tb := new(table)
		n := &Node{roster: roster}
		model := map[swim.MemberID]Status{}
		now := swim.Time(0)
		name := func(id swim.MemberID) string { return fmt.Sprint("m", id) }
		id := func() swim.MemberID { return swim.MemberID(rapid.IntRange(1, 12).Draw(t, "id")) }
		t.Repeat(map[string]func(*rapid.T){
			"set": func(*rapid.T) {
				id, s := id(), Status(rapid.IntRange(int(StatusAlive), int(StatusFailed)).Draw(t, "status"))
				tb.set(id, name(id), s, now)
				model[id] = s
			},
			"reap": func(*rapid.T) {
				if id := id(); tb.at(id).known() {
					tb.reap(id, name(id), now)
					delete(model, id)
				}
			},
			"drop": func(*rapid.T) {
				id := id()
				tb.drop(id, name(id))
				delete(model, id)
			},
			"sort": func(*rapid.T) { tb.sorted(n.roster) },
			"": func(*rapid.T) {
				if tb.len() != len(model) {
					t.Fatalf("%d listed, want %d", tb.len(), len(model))
				}
				var digest Digest
				for id, s := range model {
					digest.move(name(id), false, s == StatusAlive || s == StatusLeaving)
					if r := tb.at(id); !r.known() || r.status != s {
						t.Fatalf("%d is %v, want %v", id, r.status, s)
					}
				}
				if tb.digest != digest {
					t.Fatalf("digest %v, want %v", tb.digest, digest)
				}
			},
		})
		order := slices.Clone(tb.sorted(n.roster))
		slices.Sort(order)
		if len(slices.Compact(order)) != len(model) {
			t.Fatalf("order %v of %v", order, model)
		}
	})
}

func TestLeaveEffect(t *testing.T) {
	for _, tt := range []struct {
		r    record
		t    lamport.Time
		want intentEffect
	}{
		{record{status: StatusAlive, statusTime: 5}, 5, intentStale},
		{record{status: StatusAlive, statusTime: 5}, 4, intentStale},
		{record{status: StatusAlive, statusTime: 5}, 6, intentLeaving},
		{record{status: StatusLeaving, statusTime: 5}, 6, intentNoted},
		{record{status: StatusLeft, statusTime: 5}, 6, intentNoted},
		{record{status: StatusFailed, statusTime: 5}, 6, intentForced},
		{record{status: StatusFailed, statusTime: 5, marks: markReaped}, 6, intentNoted},
	} {
		if got := tt.r.leaveEffect(tt.t); got != tt.want {
			t.Errorf("%+v at %d: %v, want %v", tt.r, tt.t, got, tt.want)
		}
	}
}

func TestIDSet(t *testing.T) {
	var s idSet
	for _, id := range []swim.MemberID{3, 64, 200, 3} {
		s.add(id)
	}
	var got []string
	for _, id := range []swim.MemberID{9999, 3, 3, 5, 200, 64, 64} {
		got = append(got, fmt.Sprint(s.remove(id)))
	}
	if want := []string{"false", "false", "false", "false", "false", "true", "false"}; !slices.Equal(got, want) {
		t.Errorf("was the last: %v, want %v", got, want)
	}
}
