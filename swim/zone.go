package swim

import (
	"cmp"
	"slices"
)

// Zones divides the members, so that gossip and exchanges of states stay mostly within each part:
// the way between zones may be slow, or cost money. The zero Zones doesn't divide them. Members
// needn't agree on it, and nothing on the wire shows it.
type Zones struct {
	// Of returns the zone of a member, from what it says about itself: any number that members of
	// the same zone share, or 0 for members of no zone. The same arguments must always give the
	// same zone. They are borrowed. Nil: all members are of no zone.
	Of func(name, meta []byte) uint64
	// Share is how much of its gossip, and how many of its exchanges, a member of a large zone
	// sends to other zones, in percent: 1 to 100. More than there would be without zones has no
	// effect. 0 means ZoneShareDefault.
	Share int
	// Probes has probes stay within zones as gossip does.
	Probes bool
}

// ZoneKey is a number for the zone of this name, for Zones.Of: a hash, and 0 for "".
func ZoneKey[T string | []byte](name T) uint64 {
	if len(name) == 0 {
		return 0
	}
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return max(mix(h), 1)
}

// ZoneShareDefault is the Share of Zones, in percent, if it isn't set.
const ZoneShareDefault = 10

func (z *Zones) validate() error {
	switch {
	case z.Share < 0 || z.Share > 100:
		return newProblem("zone share: %d, allowed 1 to 100 percent, or 0 for %d",
			z.Share, ZoneShareDefault)
	case z.Of == nil && z.Share != 0:
		return newProblem("zone share: %d, allowed only if members have zones", z.Share)
	case z.Of == nil && z.Probes:
		return newProblem("zone probes: true, allowed only if members have zones")
	}
	return nil
}

const (
	// zoneOutlets: as much gossip leaves a zone as zoneOutlets members send, however large it is.
	// So small zones gossip as if there were none, and what one member knows doesn't stay in its
	// zone: of the 12 copies that each of 100 members sends, 48 leave, and none of them does with a
	// chance of e^-48.
	zoneOutlets = 4
	// zonesMax bounds the zones. Members of further ones count as those of none, for which gossip
	// is as without zones.
	zonesMax = 1024
	// mateTries is how many members of the own zone are drawn in place of one of another: most may
	// be the recipients already, or not be wanted.
	mateTries = 8
)

// zoning is what a view knows about zones. It numbers them, since a record has two bytes for that.
type zoning struct {
	home   uint16     // of this node; 0 unless it cares
	zones  []zone     // by number; 0 is no zone
	mates  []MemberID // alive or suspect in home, this node included, in any order
	shared bool       // mates is that of a Base
}

// zone is one zone. Without members its number is free.
type zone struct {
	key           uint64 // of Zones.Of
	members, live int32  // records, and those of members alive or suspect
}

// number returns the number of the zone with this key, a new one if need be.
func (z *zoning) number(key uint64) uint16 {
	if key == 0 {
		return 0
	}
	free := 0
	for i := 1; i < len(z.zones); i++ {
		x := &z.zones[i]
		if x.key == key {
			return uint16(i)
		}
		if free == 0 && x.members == 0 {
			free = i
		}
	}
	if free == 0 {
		if len(z.zones) > zonesMax {
			return 0
		}
		if free = max(len(z.zones), 1); free == 1 {
			z.zones = append(z.zones, zone{})
		}
		z.zones = append(z.zones, zone{})
	}
	z.zones[free].key = key
	return uint16(free)
}

// arrive counts that id, of the zone with this number, is alive.
func (z *zoning) arrive(id MemberID, number uint16) {
	if number == 0 {
		return
	}
	z.zones[number].live++
	if number == z.home {
		z.own()
		z.mates = append(z.mates, id)
	}
}

// depart counts that id, of the zone with this number, isn't alive any more.
func (z *zoning) depart(id MemberID, number uint16) {
	if number == 0 {
		return
	}
	z.zones[number].live--
	if number == z.home {
		z.own()
		last := len(z.mates) - 1
		z.mates[slices.Index(z.mates, id)] = z.mates[last]
		z.mates = z.mates[:last]
	}
}

// own makes mates writable.
func (z *zoning) own() {
	if z.shared {
		z.mates, z.shared = slices.Clone(z.mates), false
	}
}

// place moves the record of id to the zone with this key.
func (v *view) place(id MemberID, key uint64) {
	r, z := v.at(id), &v.zoning
	number := z.number(key)
	if number == r.zone {
		return
	}
	if r.zone != 0 {
		z.zones[r.zone].members--
	}
	if number != 0 {
		z.zones[number].members++
	}
	if r.state.live() {
		z.depart(id, r.zone)
		z.arrive(id, number)
	}
	v.recs.Edit(int(id)).zone = number
}

// settle makes the zone of id, this node, the home.
func (v *view) settle(id MemberID) {
	z := &v.zoning
	home := v.at(id).zone
	if home == z.home {
		return
	}
	z.home, z.mates, z.shared = home, nil, false
	for i := range v.live {
		if mate := v.order.At(i); home != 0 && v.at(mate).zone == home {
			z.mates = append(z.mates, mate)
		}
	}
}

// fork returns a copy without a home.
func (z *zoning) fork() zoning { return zoning{zones: slices.Clone(z.zones)} }

// settleShared is settle in a fork of a Base, which has the members of each zone.
func (v *view) settleShared(id MemberID, mates [][]MemberID) {
	if home := v.at(id).zone; home != 0 {
		z := &v.zoning
		z.home, z.mates, z.shared = home, mates[home], true
	}
}

// zoned tells whether zones matter to this node.
func (n *Node) zoned() bool { return n.cfg.Zones.Of != nil }

// SetZones changes how members are divided, from now on. The error is that of Config.Validate.
func (n *Node) SetZones(z Zones) error {
	if err := z.validate(); err != nil {
		return err
	}
	n.cfg.Zones = z
	for id := range n.view.all {
		n.place(id)
	}
	return nil
}

// ZoneCounts returns how many zones have members that are alive or suspect, and how many of those
// members are in this node's zone, this node included: 0 if it is in none.
func (n *Node) ZoneCounts() (zones, mates int) {
	if !n.zoned() {
		return 0, 0
	}
	for _, z := range n.view.zoning.zones {
		if z.live > 0 {
			zones++
		}
	}
	return zones, len(n.view.zoning.mates)
}

// place records the zone of id, which has a record.
func (n *Node) place(id MemberID) {
	key := uint64(0)
	if n.zoned() {
		key = n.cfg.Zones.Of(n.roster.nameBytes(id), n.identity(id).meta)
	}
	n.view.place(id, key)
	if id == n.self {
		n.view.settle(id)
	}
}

// pickNear is pick of members to gossip to, or to exchange states with. Those of other zones are
// replaced by some of the own zone, unless they pass.
//
// A member drawn from all is of each zone with the chance that it would have without zones, and
// what passes between two zones is the same both ways. So nobody gets more or less than without
// zones: it only comes from nearer.
func (n *Node) pickNear(dst []MemberID, k int, ok func(MemberID, record) bool) []MemberID {
	if n.cfg.Select != nil {
		return n.pickSelected(dst, k, ok)
	}
	if n.view.zoning.home == 0 {
		return n.pick(dst, k, ok)
	}
	for at := len(dst); at < k; at++ {
		if dst = n.pick(dst, at+1, ok); len(dst) == at {
			break
		}
		if n.passes(dst[at]) {
			continue
		}
		if id := n.mate(dst[:at], ok); id != NoMember {
			dst[at] = id
		}
	}
	return dst
}

// mate draws an eligible member of this node's zone.
func (n *Node) mate(dst []MemberID, ok func(MemberID, record) bool) MemberID {
	mates := n.view.zoning.mates
	for range min(mateTries, mateTries*len(mates)) { // this node isn't there when it leaves
		if id := mates[n.rng.below(len(mates))]; n.eligible(dst, id, ok) {
			return id
		}
	}
	return NoMember
}

// passes draws whether something may go to id even if it is in another zone. While most members
// don't answer, all may.
func (n *Node) passes(id MemberID) bool {
	z := &n.view.zoning
	if z.home == 0 || n.unresponsive.on {
		return true
	}
	number := n.view.at(id).zone
	if number == 0 || number == z.home {
		return true
	}
	// The smaller of two zones decides, for both ways: it may depend on what comes from outside.
	chance := max(n.outward(z.home), n.outward(number))
	return chance >= 1 || n.rng.float() < chance
}

// outward returns with which chance something passes from one zone to others, or from them, that
// would without zones. It is 1 or more in small zones, and in one that has nearly all members.
func (n *Node) outward(number uint16) float64 {
	live, size := float64(n.view.live), float64(n.view.zoning.zones[number].live)
	share := cmp.Or(n.cfg.Zones.Share, ZoneShareDefault)
	want := max(float64(share)/100, zoneOutlets/size)
	return want * (live - 1) / (live - size)
}
