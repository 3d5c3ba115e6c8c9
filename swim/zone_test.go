package swim

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"serf/wire"
)

// zoneByMeta has the zone of a member in its metadata: a digit, 0 for none.
func zoneByMeta(_, meta []byte) uint64 {
	if len(meta) == 0 {
		return 0
	}
	return uint64(meta[0] - '0')
}

// zoned returns a node of the first zone, one of so many members in zones 1, 2 and so on, and then
// members of none.
func zoned(tb testing.TB, z Zones, none int, sizes ...int) *Node {
	tb.Helper()
	c := DefaultConfig(LAN())
	c.Name, c.Addr, c.Seed, c.Meta, c.Zones = "self", netip.MustParseAddrPort("10.1.0.1:7946"), 1, []byte("1"), z
	out := new(Output)
	node, err := New(0, c, out)
	if err != nil {
		tb.Fatal(err)
	}
	i := 0
	add := func(count int, meta string) {
		for range count {
			out.Reset()
			node.Packet(0, crowdAddr(i), aliveAt(crowdName(i), 1, crowdAddr(i), meta), out)
			i++
		}
	}
	for zone, size := range sizes {
		if zone == 0 {
			size--
		}
		add(size, fmt.Sprint(zone+1))
	}
	add(none, "0")
	return node
}

// leaving draws many rounds of gossip, and returns how much of it goes to each zone, 0 for none.
func leaving(n *Node, zones int) []float64 {
	const rounds = 4000
	to := make([]float64, zones+1)
	live := func(_ MemberID, r record) bool { return r.state.live() }
	var buf [maxPick]MemberID
	for range rounds {
		for _, id := range n.pickNear(buf[:0], n.cfg.GossipNodes, live) {
			to[zoneByMeta(nil, n.identity(id).meta)] += 1 / float64(rounds*n.cfg.GossipNodes)
		}
	}
	return to
}

// What a zone sends out is what its share says; and what a member receives is what it would without
// zones, whatever the sizes: otherwise small zones would be flooded, or forgotten.
func TestZonesKeepGossipAndTheBalance(t *testing.T) {
	for _, x := range []struct {
		sizes []int
		none  int
		share int
		want  float64 // of what leaves the first zone
	}{
		{[]int{100, 100, 100}, 0, 10, 0.10},
		{[]int{100, 100, 100}, 0, 25, 0.25},
		{[]int{100, 100, 100}, 0, 1, zoneOutlets / 100.},
		{[]int{100, 100, 100}, 0, 100, 200 / 299.},
		{[]int{100, 100, 100}, 0, 0, ZoneShareDefault / 100.},
		{[]int{10, 10, 10, 10, 10}, 0, 10, zoneOutlets / 10.},
		{[]int{97, 2, 1}, 0, 10, 3 / 99.},
		{[]int{2, 97, 1}, 0, 10, 98 / 99.},
		{[]int{1, 97, 2}, 0, 10, 1},
		{[]int{100, 100}, 100, 10, 100/299. + 0.10*100/200}, // those of no zone count as without zones
	} {
		total := float64(x.none)
		for _, size := range x.sizes {
			total += float64(size)
		}
		received := make([]float64, len(x.sizes)+1) // copies, of one from each member
		for first := range x.sizes {
			sizes := slices.Clone(x.sizes)
			sizes[0], sizes[first] = sizes[first], sizes[0] // the node is in the first zone
			n := zoned(t, Zones{Of: zoneByMeta, Share: x.share}, x.none, sizes...)
			to := leaving(n, len(sizes))
			if out := 1 - to[1]; first == 0 && math.Abs(out-x.want) > 0.015 {
				t.Errorf("zones of %v, share %d: %.3f leaves the first, want %.3f", x.sizes, x.share, out, x.want)
			}
			to[1], to[first+1] = to[first+1], to[1]
			for zone, part := range to {
				received[zone] += part * float64(x.sizes[first])
			}
		}
		for zone, size := range x.sizes {
			got := (received[zone+1] + float64(x.none*size)/(total-1)) / float64(size)
			if got < 0.85 || got > 1.15 {
				t.Errorf("zones of %v, share %d: a member of zone %d receives %.2f times what it would without zones",
					x.sizes, x.share, zone+1, got)
			}
		}
	}
}

// A node that doesn't divide the members, or is in no zone itself, draws from all.
func TestWithoutAZoneNothingIsPreferred(t *testing.T) {
	for name, n := range map[string]*Node{
		"no zones":         zoned(t, Zones{}, 0, 100, 100),
		"itself in none":   zoned(t, Zones{Of: func(name, meta []byte) uint64 { return zoneByMeta(name, meta) - 1 }}, 0, 100, 100),
		"all in one":       zoned(t, Zones{Of: func(_, _ []byte) uint64 { return 7 }}, 0, 100, 100),
		"each in its own":  zoned(t, Zones{Of: func(name, _ []byte) uint64 { return hashName(name) }}, 0, 100, 100),
		"share of 100":     zoned(t, Zones{Of: zoneByMeta, Share: 100}, 0, 100, 100),
		"most are silent":  silenced(zoned(t, Zones{Of: zoneByMeta}, 0, 100, 100)),
		"zones turned off": turnedOff(t, zoned(t, Zones{Of: zoneByMeta}, 0, 100, 100)),
	} {
		if to := leaving(n, 2); math.Abs(to[2]-0.5) > 0.02 {
			t.Errorf("%s: %.3f goes to the other half", name, to[2])
		}
	}
}

func silenced(n *Node) *Node {
	n.unresponsive.on = true
	return n
}

func turnedOff(t *testing.T, n *Node) *Node {
	if err := n.SetZones(Zones{}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestShareOfZonesIsChecked(t *testing.T) {
	n := zoned(t, Zones{Of: zoneByMeta, Share: 100}, 0, 2, 2)
	for _, share := range []int{-1, 101} {
		if err := n.SetZones(Zones{Share: share}); err == nil || !strings.Contains(err.Error(), "zone share") {
			t.Errorf("share %d: error %v", share, err)
		}
		c := n.cfg
		c.Zones.Share = share
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "zone share") {
			t.Errorf("share %d in a configuration: error %v", share, err)
		}
	}
}

// checkZones compares what a node knows of zones with its records.
func checkZones(t interface{ Fatalf(string, ...any) }, n *Node) {
	v, z := &n.view, &n.view.zoning
	members, live := make(map[uint64]int32), make(map[uint64]int32)
	var mates []MemberID
	if !n.zoned() { // in a base there may be zones nevertheless
		if z.home != 0 || len(z.mates) > 0 {
			t.Fatalf("the node is in zone %d, of no use to it", z.home)
		}
		return
	}
	for id := range v.all {
		key, r := n.cfg.Zones.Of(n.roster.nameBytes(id), n.identity(id).meta), v.at(id)
		if r.zone != 0 && z.zones[r.zone].key != key {
			t.Fatalf("%d is in zone %d, want %d", id, z.zones[r.zone].key, key)
		}
		if members[key]++; r.state.live() {
			live[key]++
		}
		if r.state.live() && z.home != 0 && r.zone == z.home {
			mates = append(mates, id)
		}
	}
	for number, x := range z.zones {
		if number > 0 && x.members > 0 && (x.members != members[x.key] || x.live != live[x.key]) {
			t.Fatalf("zone %d has %d members, %d live; want %d, %d", x.key, x.members, x.live, members[x.key], live[x.key])
		}
		delete(members, x.key)
	}
	if delete(members, 0); len(members) > 0 && len(z.zones) <= zonesMax {
		t.Fatalf("zones without a number: %v", members)
	}
	slices.Sort(mates)
	if got := slices.Clone(z.mates); !slices.Equal(mates, sorted(got)) || z.home != v.at(n.self).zone {
		t.Fatalf("the node is in zone %d with %v, want %d with %v", z.home, got, v.at(n.self).zone, mates)
	}
}

func sorted(list []MemberID) []MemberID {
	slices.Sort(list)
	return list
}

// Members die, come back, leave, are forgotten and change their zone; so does this node.
func TestZonesFollowTheMembers(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.Zones.Of, c.Meta = zoneByMeta, []byte("1") })
	n := tn.n
	say := func(name string, inc uint32, meta string) {
		tn.recv(name, aliveAt(name, inc, addrOf(name), meta))
		checkZones(t, n)
	}
	mates := func(want string) {
		t.Helper()
		checkZones(t, n)
		names := ""
		for _, id := range sorted(slices.Clone(n.view.zoning.mates)) {
			names += n.roster.Name(id)
		}
		if names != want {
			t.Errorf("with %q in the zone, want %q", names, want)
		}
	}
	for _, name := range []string{"b", "c", "d"} {
		say(name, 1, "1")
	}
	say("e", 1, "2")
	say("f", 1, "0")
	mates("abcd")
	tn.recv("b", dead("c", 1, "c"))
	mates("abd")
	say("c", 2, "1")
	mates("abcd")
	say("d", 2, "2")
	mates("abc")
	say("e", 2, "1")
	mates("abce")
	tn.recv("e", dead("e", 2, "e"))
	mates("abc")
	id, _ := n.Lookup([]byte("e"))
	n.Forget(tn.now, id)
	mates("abc")
	if err := n.SetMeta(tn.now, []byte("2"), &tn.out); err != nil {
		t.Fatal(err)
	}
	mates("ad")
	if err := n.SetMeta(tn.now, []byte("0"), &tn.out); err != nil {
		t.Fatal(err)
	}
	mates("")
	if err := n.SetZones(Zones{Of: func(name, _ []byte) uint64 { return uint64(1 + name[0]%2) }}); err != nil {
		t.Fatal(err)
	}
	mates("ac")
	if err := n.SetZones(Zones{}); err != nil {
		t.Fatal(err)
	}
	mates("")
}

// With more zones than there are numbers, members of the last one count as those of none. A number
// becomes free with its last member.
func TestNumbersOfZonesRunOut(t *testing.T) {
	var z zoning
	for key := uint64(1); key <= zonesMax; key++ {
		number := z.number(key)
		if number == 0 {
			t.Fatalf("no number for zone %d", key)
		}
		z.zones[number].members++
	}
	if z.number(zonesMax+1) != 0 || z.number(7) == 0 || len(z.zones) != zonesMax+1 {
		t.Error("there is a number beyond the last")
	}
	freed := z.number(7)
	z.zones[freed].members--
	if got := z.number(zonesMax + 1); got != freed {
		t.Errorf("number %d, want %d, which is free", got, freed)
	}
}

// spare is a layer above that asks with each packet whether it is to be spared.
type spare struct {
	chatter
	n      *Node
	spared int
}

func (s *spare) AppendBroadcasts(Time, *wire.Packer, int) {
	if s.n.Sparing() {
		s.spared++
	}
}

// Packets that are sent anyway should carry little to other zones.
func TestMostPacketsToOtherZonesAreSpared(t *testing.T) {
	n := zoned(t, Zones{Of: zoneByMeta}, 0, 100, 100)
	above, out := &spare{n: n}, new(Output)
	n.cfg.Carrier = above
	spared := func(name string) float64 {
		const packets = 2000
		id := mustKnow(t, n, name)
		above.spared = 0
		for range packets {
			out.Reset()
			n.send(0, n.identity(id).addr, id, out, []byte{byte(wire.TypeNack)})
		}
		return float64(above.spared) / packets
	}
	if got := spared(crowdName(0)); got != 0 {
		t.Errorf("%.3f of the packets within the zone are spared", got)
	}
	if got := spared(crowdName(150)); math.Abs(got-0.8) > 0.03 { // 10% instead of 50% go on
		t.Errorf("%.3f of the packets to another zone are spared, want 0.8", got)
	}
	out.Reset()
	above.spared = 0
	if n.tickGossip(Time(time.Hour), out); above.spared > 0 || n.Sparing() {
		t.Error("gossip is spared, which is for whomever it may")
	}
}

func mustKnow(t *testing.T, n *Node, name string) MemberID {
	t.Helper()
	id, ok := n.Lookup([]byte(name))
	if !ok {
		t.Fatalf("%q isn't known", name)
	}
	return id
}

// Exchanges go mostly to the own zone, probes to all unless configured.
func TestExchangesStayInTheZoneAndProbesOnlyIfConfigured(t *testing.T) {
	for _, probes := range []bool{false, true} {
		n := zoned(t, Zones{Of: zoneByMeta, Probes: probes}, 0, 100, 100, 100)
		probed, exchanged := 0., 0.
		var buf [1]MemberID
		for range 3000 {
			if zoneByMeta(nil, n.identity(n.pickTarget()).meta) != 1 {
				probed += 1 / 3000.
			}
			if zoneByMeta(nil, n.identity(n.RandomNear(buf[:0], 1, nil)[0]).meta) != 1 {
				exchanged += 1 / 3000.
			}
		}
		want := 200 / 299.
		if probes {
			const passes = 0.10 * 299 / 200 // one in so many draws of another zone
			want = passes * 200 / (passes*200 + 99)
		}
		if math.Abs(probed-want) > 0.03 || math.Abs(exchanged-0.10) > 0.03 {
			t.Errorf("probes %v: %.3f of the probes leave the zone, want %.3f; and %.3f of the exchanges, want 0.10",
				probes, probed, want, exchanged)
		}
	}
}

// Each member of the own zone is probed once a round, of another zone in some rounds.
func TestRoundOfProbesInAZoneReachesAll(t *testing.T) {
	n := zoned(t, Zones{Of: zoneByMeta, Probes: true}, 0, 40, 40, 40)
	seen := make(map[MemberID]int)
	for range 4000 {
		seen[n.pickTarget()]++
	}
	for id := range n.view.all {
		if id != n.self && seen[id] == 0 {
			t.Errorf("%q was never probed", n.roster.Name(id))
		}
	}
}

// Nodes of a base share the lists of their zones until they change.
func TestNodesOfABaseHaveZones(t *testing.T) {
	of := func(name, _ []byte) uint64 { return 1 + uint64(name[0]%2) }
	b, err := NewBase(7, of, identities(100))
	if err != nil {
		t.Fatal(err)
	}
	var out Output
	c := baseConfig(b, 4)
	c.Zones.Of = of
	a, err := NewSimulated(9, c, Simulation{Base: b}, &out)
	if err != nil {
		t.Fatal(err)
	}
	checkZones(t, a)
	mates := len(a.view.zoning.mates)
	if got := testing.AllocsPerRun(10, func() { a.view.settleShared(a.self, b.mates) }); got != 0 || mates < 10 {
		t.Errorf("%d in the zone, and %.0f allocations to share their list", mates, got)
	}
	c = baseConfig(b, 6)
	c.Zones.Of = of
	other, _ := NewSimulated(9, c, Simulation{Base: b}, &out)
	a.Packet(9, addrOf("c"), dead("c", 1, "c"), &out)
	checkZones(t, a)
	checkZones(t, other)
	if len(a.view.zoning.mates) != mates-1 || len(other.view.zoning.mates) != mates {
		t.Errorf("%d and %d in the zone, want %d and %d", len(a.view.zoning.mates), len(other.view.zoning.mates), mates-1, mates)
	}
	c = baseConfig(baseOf(t, identities(3)), 1)
	c.Zones.Of = of
	if _, err := NewSimulated(9, c, Simulation{Base: baseOf(t, identities(3))}, &out); err == nil {
		t.Error("a base without zones is taken by a node with zones")
	}
}

// A simulation has a record for each pair of members.
func TestZonesTakeNoMemory(t *testing.T) {
	if size := unsafe.Sizeof(record{}); size != 24 {
		t.Errorf("a record has %d bytes, want 24", size)
	}
	n := zoned(t, Zones{Of: zoneByMeta}, 0, 100, 100, 100)
	out, now := new(Output), Time(time.Hour)
	live := func(_ MemberID, r record) bool { return r.state.live() }
	msg := bytes.Clone(aliveAt(crowdName(5), 1, crowdAddr(5), "1"))
	if got := testing.AllocsPerRun(200, func() {
		var buf [maxPick]MemberID
		n.pickNear(buf[:0], 3, live)
		n.pickTarget()
		n.Packet(now, crowdAddr(5), msg, out)
		out.Reset()
	}); got != 0 {
		t.Errorf("%.1f allocations, want none", got)
	}
}
