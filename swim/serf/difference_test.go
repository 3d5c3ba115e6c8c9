package serf

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// windowNode is a node of which only the event window matters.
func windowNode(now, least lamport.Time, events map[lamport.Time][]string) *Node {
	n := &Node{}
	n.eventClock.Sync(now)
	n.events.window.SetMin(least)
	for t := range now {
		for _, name := range events[t] {
			n.events.window.Add(now, t, []byte(name), []byte("p"))
		}
	}
	return n
}

// What two nodes lack of each other's windows is what each sends to the other, and nothing is sent
// when neither lacks anything. Events of the same span may go along.
func TestSpansFindTheEventsThatAreMissing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var nodes [2]*Node
		var has, least [2]map[string]lamport.Time
		clock := rapid.Uint64Range(1, 1200).Draw(t, "clock")
		for i := range nodes {
			has[i], least[i] = map[string]lamport.Time{}, map[string]lamport.Time{}
		}
		events := [2]map[lamport.Time][]string{{}, {}}
		for k := range rapid.IntRange(0, 30).Draw(t, "events") {
			at := lamport.Time(rapid.Uint64Range(0, clock-1).Draw(t, "time"))
			who := rapid.IntRange(0, 2).Draw(t, "who")
			for i := range nodes {
				if who == 2 || who == i {
					events[i][at] = append(events[i][at], fmt.Sprint(k))
				}
			}
		}
		for i := range nodes {
			from := lamport.Time(0)
			if rapid.IntRange(0, 3).Draw(t, "ignores old") == 0 {
				from = lamport.Time(rapid.Uint64Range(0, clock).Draw(t, "least"))
			}
			nodes[i] = windowNode(lamport.Time(clock), from, events[i])
		}
		lacking := 0
		for i := range nodes {
			here, there := nodes[i], nodes[1-i]
			sent := map[string]bool{}
			part := here.eventsBeyond(carrier{there}.AppendSums(nil))
			for k, at := range part.times {
				for _, e := range part.of[k] {
					sent[fmt.Sprint(at, string(e.Name))] = true
				}
			}
			known := map[string]bool{}
			for at, list := range there.recentEvents {
				for _, e := range list {
					known[fmt.Sprint(at, string(e.Name))] = true
				}
			}
			for at, list := range here.recentEvents {
				for _, e := range list {
					key := fmt.Sprint(at, string(e.Name))
					if known[key] || at < there.events.window.Min() {
						continue
					}
					if lacking++; !sent[key] {
						t.Fatalf("%s isn't sent", key)
					}
				}
			}
		}
		for i := range nodes {
			sums := carrier{nodes[1-i]}.AppendSums(nil)
			if lacking > 0 && !(carrier{nodes[i]}).SumsDiffer(sums) {
				t.Fatal("a difference isn't seen")
			}
			if own := (carrier{nodes[i]}).AppendSums(nil); (carrier{nodes[i]}).SumsDiffer(own) {
				t.Fatal("equal windows differ")
			}
		}
	})
}

func TestSumsOfSpansAreBounded(t *testing.T) {
	const clock = 3 * lamport.WindowTimes
	events := map[lamport.Time][]string{}
	for at := range lamport.Time(clock) {
		events[at] = []string{"e"}
	}
	n := windowNode(clock, 0, events)
	sums := carrier{n}.AppendSums(nil)
	if most := 10 + 10 + spansMax*spanSum; len(sums) > most {
		t.Errorf("%d bytes of sums, want %d at most", len(sums), most)
	}
	more := append(sums, make([]byte, 1<<20)...)
	if x := n.compareSpans(more); len(x.theirs) != spansMax*spanSum {
		t.Errorf("%d bytes of sums are looked at, limit %d", len(x.theirs), spansMax*spanSum)
	}
	for _, bad := range []string{"", "\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x00\x80",
		"\xff\xff\xff\xff\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff\xff\x7f"} {
		carrier{n}.SumsDiffer([]byte(bad)) // it ends
		if got := len(n.eventsBeyond([]byte(bad)).times); got > lamport.WindowTimes {
			t.Errorf("%q: %d times", bad, got)
		}
	}
}

func TestPartHasItsMembersAndNoOthers(t *testing.T) {
	tn := converse(t, "b", "c", "d")
	tn.recv("c", joinIntent("c", 4))
	tn.member("b", dead("b", "b", 1))
	tn.fire("x", "p")
	parse := func(r wire.Rope) (wire.SerfState, string) {
		s, err := wire.ParseSerfState(flat(&r)[1:])
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for it := s.LeftMembers.Iter(); it.Next(); {
			text += fmt.Sprintf("left %s ", it.Elem)
		}
		for it := s.StatusLTimes.Iter(); it.Next(); {
			text += fmt.Sprintf("%s@%d ", it.Name, it.LTime)
		}
		return s, text
	}
	in := func(id swim.MemberID) bool { name := tn.n.roster.Name(id); return name == "b" || name == "c" }
	s, text := parse(carrier{tn.n}.Part(in, nil))
	if text != "left b b@0 c@4 " || s.Events.Len() != 0 || s.LTime != 5 || s.EventLTime != 2 {
		t.Errorf("part of b and c: %s, %d events, clocks %d and %d", text, s.Events.Len(), s.LTime, s.EventLTime)
	}
	s, text = parse(carrier{tn.n}.Part(nil, []byte{0, 0}))
	if text != "" || s.Events.Len() != 1 {
		t.Errorf("part of nobody for a node without events: %s, %d events", text, s.Events.Len())
	}
}
