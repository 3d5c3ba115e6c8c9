package serf

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"serf/swim"
	"serf/wire"
)

// warmConfig is the configuration of member i of a base.
func warmConfig(i int) Config {
	c := testConfig("m")
	c.Name, c.Seed = fmt.Sprintf("m%d", i), uint64(i)
	c.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 7946)
	c.Tags = map[string]string{"number": fmt.Sprint(i)}
	return c
}

func warmBase(t *testing.T, members int) *Base {
	t.Helper()
	b, err := NewBase(5, "", func(yield func(*Config) bool) {
		for i := range members {
			if c := warmConfig(i); !yield(&c) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// warmNodes returns the first two members of a base.
func warmNodes(t *testing.T, b *Base) (nodes [2]*Node, out *swim.Output) {
	t.Helper()
	out = new(swim.Output)
	r := b.NewRoster()
	for i := range nodes {
		c := warmConfig(i)
		c.sim.Warm, c.sim.Roster = b, r
		n, err := New(9, c, out)
		if err != nil {
			t.Fatal(err)
		}
		nodes[i] = n
	}
	return nodes, out
}

func TestWarmNodeListsAll(t *testing.T) {
	const members = 100
	nodes, out := warmNodes(t, warmBase(t, members))
	n := nodes[1]
	if len(out.Events) != 0 || n.Len() != members || n.Count(StatusAlive) != members ||
		n.Self().Name != "m1" {
		t.Errorf("%d events, %d members, %d alive, self %q", len(out.Events), n.Len(),
			n.Count(StatusAlive), n.Self().Name)
	}
	if s := n.Stats(); s.MemberTime != members+1 || s.EventTime != 1 || s.QueryTime != 1 {
		t.Errorf("clocks %d, %d, %d", s.MemberTime, s.EventTime, s.QueryTime)
	}
	all := n.Members(nil)
	for i := range members {
		want := warmConfig(i)
		m, ok := n.Member(want.Name)
		if !ok || m.Addr != want.Addr || m.Status != StatusAlive ||
			m.Tags["number"] != fmt.Sprint(i) {
			t.Errorf("%s is %+v", want.Name, m)
		}
	}
	if len(all) != members || all[0].Name != "m0" || all[1].Name != "m1" || all[2].Name != "m10" {
		t.Errorf("%d members, in front %q and %q", len(all), all[0].Name, all[2].Name)
	}
	checkTable(t, n)
}

// Nodes of a base look for members to reap at any time of the interval, not all at once.
func TestWarmNodesDoNotReapTogether(t *testing.T) {
	nodes, _ := warmNodes(t, warmBase(t, 2))
	first, second := nodes[0].due[timerReap], nodes[1].due[timerReap]
	end := swim.Time(9).Add(nodes[0].cfg.ReapInterval)
	if first == second || max(first, second) > end {
		t.Errorf("at %v and %v, want different times until %v", first, second, end)
	}
}

// What one node of a base learns, the others don't.
func TestWarmNodesDontSeeEachOther(t *testing.T) {
	nodes, out := warmNodes(t, warmBase(t, 100))
	leave := wire.LeaveIntent{LTime: 200, Node: []byte("m50")}
	user := wire.AppendUser(nil, leave.Append(nil))
	nodes[0].Packet(10, warmConfig(2).Addr, user, out)
	if m, _ := nodes[0].Member("m50"); m.Status != StatusLeaving {
		t.Errorf("has the intent: %v", m.Status)
	}
	if m, _ := nodes[1].Member("m50"); m.Status != StatusAlive {
		t.Errorf("doesn't have the intent: %v", m.Status)
	}
	for _, n := range nodes {
		checkTable(t, n)
	}
}

// Nodes of a base have nothing fresh for each other, and reap nobody.
func TestWarmNodesHaveNothingToSay(t *testing.T) {
	nodes, out := warmNodes(t, warmBase(t, 100))
	before := nodes[1].Stats()
	out.Reset()
	nodes[0].swim.PushPull(10, nodes[1].self, out)
	request := out.Streams[0]
	out.Reset()
	in := swim.StreamIn{ID: swim.Inbound | 1, Kind: swim.StreamRequest, From: warmConfig(0).Addr,
		Data: request.Data, More: request.More}
	nodes[1].Stream(10, in, out)
	nodes[1].Tick(swim.Time(time.Minute), out)
	if len(out.Events) != 0 || len(out.Packets) > 1 {
		t.Errorf("%d events, %d packets", len(out.Events), len(out.Packets))
	}
	after := nodes[1].Stats()
	if before.MemberTime != after.MemberTime || after.Members != 100 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	for p := range nodes[1].table.recs.Pages() {
		if !nodes[1].table.recs.Shares(p) {
			t.Errorf("page %d was written to without need", p)
		}
	}
}

func TestBaseRefusesTagsThatAreTooLarge(t *testing.T) {
	c := warmConfig(0)
	c.Tags["large"] = string(make([]byte, TagsMax))
	if _, err := NewBase(0, "", func(yield func(*Config) bool) { yield(&c) }); !errors.Is(err, swim.ErrTooLarge) {
		t.Errorf("NewBase: %v", err)
	}
}

func TestOrderIsNotKeptForMembersThatComeAndGo(t *testing.T) {
	tb, r := new(table), swim.NewRoster()
	tb.set(1, "m1", StatusAlive, 0)
	tb.sorted(r)
	for range 1000 {
		tb.set(2, "m2", StatusLeft, 0)
		tb.reap(2, "m2", 0)
	}
	if len(tb.order) > 100 {
		t.Errorf("order of %d for 1 member", len(tb.order))
	}
	if got := tb.sorted(r); len(got) != 1 || got[0] != 1 {
		t.Errorf("sorted: %v", got)
	}
}

// A state in pieces, most of which the receiver shares and skips, has the same effect as one in one
// piece, which it has to read.
func TestStateInPiecesEqualsAFlatOne(t *testing.T) {
	t.Parallel()
	const members = 100
	base := warmBase(t, members)
	rapid.Check(t, func(rt *rapid.T) {
		start := func(i int) (*Node, *swim.Output) {
			c := warmConfig(i)
			c.sim.Warm = base
			out := new(swim.Output)
			n, err := New(9, c, out)
			if err != nil {
				t.Fatal(err)
			}
			return n, out
		}
		sender, sent := start(0)
		pieces, got := start(1)
		twin, gotFlat := start(1)
		now := swim.Time(time.Second)
		for range rapid.IntRange(0, 12).Draw(rt, "news") {
			name := fmt.Sprintf("m%d", rapid.IntRange(0, members+3).Draw(rt, "member"))
			ltime := rapid.Uint64Range(1, 2*members).Draw(rt, "time")
			msg := rapid.SampledFrom([][]byte{
				wire.AppendUser(nil, joinIntent(name, ltime)),
				wire.AppendUser(nil, leaveIntent(name, ltime)),
				wire.AppendUser(nil, pruneIntent(name, ltime)), dead(name, name, 1),
				dead(name, "m5", 1),
				wire.AppendUser(nil, userEventMsg(name, "", ltime)),
			}).Draw(rt, "message")
			if rapid.Bool().Draw(rt, "to the sender") {
				sender.Packet(now, warmConfig(2).Addr, msg, sent)
				continue
			}
			pieces.Packet(now, warmConfig(2).Addr, msg, got)
			twin.Packet(now, warmConfig(2).Addr, msg, gotFlat)
		}
		sent.Reset()
		sender.swim.PushPull(now, pieces.self, sent)
		o := sent.Streams[0]
		in := swim.StreamIn{ID: swim.Inbound | 1, Kind: swim.StreamRequest,
			From: warmConfig(0).Addr, Data: o.Data, More: o.More}
		pieces.Stream(now, in, got)
		in.Data, in.More = o.Message(), nil
		twin.Stream(now, in, gotFlat)
		if pieces.Stats() != twin.Stats() || len(got.Events) != len(gotFlat.Events) ||
			len(got.Notes) != len(gotFlat.Notes) {
			rt.Fatalf("%+v, %d events, notes %v; as one %+v, %d events, notes %v", pieces.Stats(),
				len(got.Events), got.Notes, twin.Stats(), len(gotFlat.Events), gotFlat.Notes)
		}
		for id := range swim.MemberID(members + 8) {
			if a, b := pieces.table.at(id), twin.table.at(id); a != b {
				rt.Fatalf("%d is %+v, as one %+v", id, a, b)
			}
		}
		if *pieces.swim.Counters() != *twin.swim.Counters() {
			rt.Fatalf("counted %+v, as one %+v", *pieces.swim.Counters(), *twin.swim.Counters())
		}
		checkTable(t, pieces)
	})
}
