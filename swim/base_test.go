package swim

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/wire"
)

// identities yields this many members; the first are called a, b and so on.
func identities(n int) iter.Seq[Identity] {
	return func(yield func(Identity) bool) {
		for i := range n {
			m := Identity{Name: string([]byte{'a' + byte(i)}), Versions: modern, Meta: []byte("meta")}
			if i >= 26 {
				m.Name = crowdName(i)
			}
			m.Addr = crowdAddr(i)
			if !yield(m) {
				return
			}
		}
	}
}

func baseOf(t *testing.T, members iter.Seq[Identity]) *Base {
	t.Helper()
	b, err := NewBase(7, nil, members)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func baseConfig(b *Base, i int) Config {
	c := DefaultConfig(LAN())
	for m := range identities(b.Len()) {
		if i == 0 {
			c.Name, c.Addr, c.Meta, c.Versions = m.Name, m.Addr, m.Meta, m.Versions
		}
		i--
	}
	c.sim.Base = b
	return c
}

func TestNodeOfABaseKnowsAll(t *testing.T) {
	const members = 100
	b := baseOf(t, identities(members))
	var out Output
	n, err := New(9, baseConfig(b, 4), &out)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Events) != 0 || n.Len() != members || n.Live() != members ||
		n.roster.Name(n.Self()) != "e" {
		t.Errorf("%d events, %d members, %d live, self %d",
			len(out.Events), n.Len(), n.Live(), n.Self())
	}
	at := 0
	for want := range identities(members) {
		at++
		id, _ := n.Lookup([]byte(want.Name))
		got, ok := n.View(id)
		if !ok || id != MemberID(at) || got.Addr != want.Addr || string(got.Meta) != "meta" ||
			got.State != Alive || got.Inc != 1 || got.Since != 7 {
			t.Fatalf("%q is %+v", want.Name, got)
		}
	}
}

func TestNodesOfABaseDontSeeEachOther(t *testing.T) {
	b := baseOf(t, identities(100))
	var out Output
	var nodes [2]*Node
	for i := range nodes {
		n, err := New(9, baseConfig(b, i), &out)
		if err != nil {
			t.Fatal(err)
		}
		nodes[i] = n
	}
	nodes[0].Packet(10, crowdAddr(5), dead("f", 1, "f"), &out)
	id, _ := nodes[0].Lookup([]byte("f"))
	if s, _ := nodes[0].State(id); s != Left || nodes[0].Live() != 99 {
		t.Errorf("told of its end: %v, %d live", s, nodes[0].Live())
	}
	if s, _ := nodes[1].State(id); s != Alive || nodes[1].Live() != 100 {
		t.Errorf("not told: %v, %d live", s, nodes[1].Live())
	}
}

// Members that started long ago don't act in step.
func TestTimersOfABaseAreInAnyPhase(t *testing.T) {
	const members = 200
	b := baseOf(t, identities(members))
	r := b.NewRoster()
	var firstQuarter, syncs, wide int
	places := map[uint32]bool{}
	for i := range members {
		c := baseConfig(b, i)
		c.Seed, c.sim.Roster = uint64(i), r
		n, err := New(0, c, new(Output))
		if err != nil {
			t.Fatal(err)
		}
		if n.probe.next < Time(c.ProbeInterval/4) {
			firstQuarter++
		}
		if n.pushPull.next < Time(c.PushPullInterval/4) {
			syncs++
		} else if n.pushPull.next > Time(c.PushPullInterval) {
			t.Fatalf("push/pull after %v", time.Duration(n.pushPull.next))
		}
		if all := pushPullScaled(c.PushPullInterval, members); n.pushPull.wide < Time(all/4) {
			wide++
		} else if n.pushPull.wide > Time(all) {
			t.Fatalf("wide push/pull after %v, they come every %v", time.Duration(n.pushPull.wide), all)
		}
		places[n.probe.order.next] = true
	}
	for what, k := range map[string]int{"probe": firstQuarter, "push/pull": syncs, "wide push/pull": wide} {
		if k < members/8 || k > members*3/8 {
			t.Errorf("%d of %d %s in the first quarter", k, members, what)
		}
	}
	if len(places) < members/2 {
		t.Errorf("only %d places in a round", len(places))
	}
}

func TestRostersOfABaseNumberAlike(t *testing.T) {
	b := baseOf(t, identities(40))
	one, other := b.NewRoster(), b.NewRoster()
	if one.acquireMember([]byte("stranger")) == NoMember ||
		other.Lookup([]byte("stranger")) != NoMember {
		t.Error("rosters share what isn't of the base")
	}
	for id := MemberID(1); id <= 40; id++ {
		if name := []byte(b.Name(id)); one.Lookup(name) != id || other.Lookup(name) != id || b.Lookup(name) != id {
			t.Errorf("%q has the IDs %d and %d, in the base %d",
				name, one.Lookup(name), other.Lookup(name), b.Lookup(name))
		}
	}
}

// A record is encoded as by a node that has learned of the member.
func TestEncodingOfABaseIsThatOfANode(t *testing.T) {
	b := baseOf(t, identities(70))
	warm, err := New(9, baseConfig(b, 0), new(Output))
	if err != nil {
		t.Fatal(err)
	}
	c := baseConfig(b, 0)
	c.sim.Base = nil
	cold, err := New(9, c, new(Output))
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 70; i++ {
		m := baseConfig(b, i)
		ip := m.Addr.Addr().AsSlice()
		alive := wire.Alive{Inc: 1, Node: []byte(m.Name), Addr: ip, Port: m.Addr.Port(), Meta: m.Meta, Vsn: m.Versions[:]}
		cold.Packet(9, m.Addr, alive.Append(nil), new(Output))
	}
	if x, y := flat(warm.state(false, new(Output))), flat(cold.state(false, new(Output))); !slices.Equal(x, y) {
		t.Errorf("%d and %d bytes", len(x), len(y))
	}
}

func TestBaseRefuses(t *testing.T) {
	good := Identity{Name: "a", Addr: crowdAddr(0), Versions: modern}
	for name, set := range map[string]func(*Identity){
		"no name":           func(m *Identity) { m.Name = "" },
		"a long name":       func(m *Identity) { m.Name = strings.Repeat("n", NameMax+1) },
		"a name twice":      func(*Identity) {},
		"large metadata":    func(m *Identity) { m.Name, m.Meta = "b", make([]byte, MetaMax+1) },
		"no address":        func(m *Identity) { m.Name, m.Addr = "b", addrPort(nil, 1) },
		"strange versions":  func(m *Identity) { m.Name, m.Versions = "b", [6]byte{1, 2, 3} },
		"versions not told": func(m *Identity) { m.Name, m.Versions = "b", [6]byte{} },
	} {
		second := good
		set(&second)
		if _, err := NewBase(0, nil, slices.Values([]Identity{good, second})); err == nil {
			t.Errorf("%s is fine", name)
		}
	}
}

func TestNodeMustFitItsBase(t *testing.T) {
	b := baseOf(t, identities(3))
	for name, set := range map[string]func(*Config){
		"a stranger":               func(c *Config) { c.Name = "x" },
		"another address":          func(c *Config) { c.Addr = crowdAddr(9) },
		"other metadata":           func(c *Config) { c.Meta = nil },
		"the roster of nobody":     func(c *Config) { c.sim.Roster = NewRoster() },
		"the roster of other ones": func(c *Config) { c.sim.Roster = baseOf(t, identities(3)).NewRoster() },
	} {
		c := baseConfig(b, 1)
		set(&c)
		if _, err := New(0, c, new(Output)); err == nil {
			t.Errorf("%s is fine", name)
		}
	}
	c := baseConfig(b, 1)
	c.Name = "x"
	if _, err := New(0, c, new(Output)); !errors.Is(err, ErrUnknown) {
		t.Errorf("a stranger: %v", err)
	}
	old := Identity{Name: "old", Addr: crowdAddr(7), Versions: [6]byte{1, 1, 1, 0, 0, 0}}
	all := append(slices.Collect(identities(3)), old)
	c = baseConfig(b, 1)
	c.sim.Base = baseOf(t, slices.Values(all))
	if _, err := New(0, c, new(Output)); err == nil {
		t.Error("one that a member doesn't understand is fine")
	}
}
