package swim

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
)

// Identity is what a member says about itself.
type Identity struct {
	Name     string
	Addr     netip.AddrPort
	Meta     []byte
	Versions [6]byte // as in Config
}

// Base is what all members know in a cluster that has run for long: each other. The views of nodes
// that start with it are forks of its view and share its memory, except for what changes later. So
// a simulation can start with everybody known to everybody, and its memory grows with what differs
// instead of with each pair of members.
//
// A Base doesn't change. Several goroutines may use it at once.
type Base struct {
	roster   *Roster // copied by NewRoster
	view     view
	versions [][6]byte // each once
	loopback bool      // somebody has a loopback address

	zoneOf func(name, meta []byte) uint64 // see Zones.Of
	mates  [][]MemberID                   // by number of a zone
}

// NewBase returns a base in which all members are alive since now. Their IDs are 1, 2 and so on, in
// this order. It copies what it keeps; the error joins those of all members. zoneOf is the Zones.Of
// of those nodes that have one.
func NewBase(
	now Time, zoneOf func(name, meta []byte) uint64, members iter.Seq[Identity],
) (*Base, error) {
	b := &Base{roster: NewRoster(), zoneOf: zoneOf}
	b.view.roster = b.roster
	var errs []error
	for m := range members {
		if err := b.add(now, &m); err != nil {
			errs = append(errs, err)
		}
	}
	b.mates = make([][]MemberID, len(b.view.zoning.zones))
	for id := range b.view.all {
		if zone := b.view.at(id).zone; zone != 0 {
			b.mates[zone] = append(b.mates[zone], id)
		}
	}
	b.view.recs.Seal(b.roster.appendState, func(_ int, r record) uint64 { return b.roster.digest(r) })
	b.view.order.Seal(
		func(buf []byte, _ int, _ MemberID) []byte { return buf },
		func(int, MemberID) uint64 { return 0 })
	return b, errors.Join(errs...)
}

func (b *Base) add(now Time, m *Identity) error {
	r := b.roster
	switch {
	case len(m.Name) == 0 || len(m.Name) > NameMax:
		return fmt.Errorf("name: %d bytes, allowed 1 to %d", len(m.Name), NameMax)
	case r.Lookup([]byte(m.Name)) != NoMember:
		return fmt.Errorf("member %q: there twice", m.Name)
	case len(m.Meta) > MetaMax:
		return fmt.Errorf("member %q: metadata: %d bytes, limit %d: %w",
			m.Name, len(m.Meta), MetaMax, ErrTooLarge)
	case !compatible(m.Versions, m.Versions):
		return fmt.Errorf("member %q: versions %v", m.Name, m.Versions)
	}
	addr := plainAddr(m.Addr)
	if err := unusable(addr); err != nil {
		return fmt.Errorf("member %q: address %v: %w", m.Name, addr, err)
	}
	id := r.acquireMember([]byte(m.Name))
	if id == NoMember {
		return fmt.Errorf("member %q: limit %d: %w", m.Name, maxMembers, ErrTooLarge)
	}
	ident := r.acquireIdent(id, profile{addr, m.Meta, m.Versions})
	b.view.add(id, ident, Alive, 1, now)
	if b.zoneOf != nil {
		b.view.place(id, b.zoneOf([]byte(m.Name), m.Meta))
	}
	b.view.size += r.stateSize(id, ident)
	if !slices.Contains(b.versions, m.Versions) {
		b.versions = append(b.versions, m.Versions)
	}
	b.loopback = b.loopback || addr.Addr().IsLoopback()
	return nil
}

// Len is the number of members.
func (b *Base) Len() int { return b.view.len() }

// Lookup returns the ID of a member by name, or NoMember.
func (b *Base) Lookup(name []byte) MemberID { return b.roster.Lookup(name) }

// Name returns the name of a member.
func (b *Base) Name(id MemberID) string { return b.roster.Name(id) }

// NewRoster returns a roster for the nodes of one goroutine that start with b. Every member has the
// same ID in each. The roster of a nil base is empty.
func (b *Base) NewRoster() *Roster {
	if b == nil {
		return NewRoster()
	}
	r := b.roster
	return &Roster{
		byName: maps.Clone(r.byName), members: slices.Clone(r.members),
		hashes: slices.Clone(r.hashes), idents: slices.Clone(r.idents), limit: r.limit,
		base: b, baseM: uint32(len(r.members) - 1), baseI: uint32(len(r.idents) - 1),
	}
}

// startWarm starts a node that knows its whole base. Its timers are in random phases, as if it had
// started long ago.
func (n *Node) startWarm(now Time) error {
	b, c := n.cfg.sim.Base, &n.cfg
	n.self = b.Lookup([]byte(c.Name))
	if n.self == NoMember {
		return fmt.Errorf("base: %q: %w", c.Name, ErrUnknown)
	}
	v := &b.view
	n.view = view{
		recs: v.recs.Fork(), order: v.order.Fork(), live: v.live, size: v.size,
		root: v.root, roster: n.roster,
	}
	if d := n.identity(n.self); !d.same(profile{c.Addr, c.Meta, c.Versions}) {
		return fmt.Errorf("base: %q has another address, metadata or versions there", c.Name)
	}
	for _, v := range b.versions {
		if !compatible(c.Versions, v) {
			return fmt.Errorf("base: versions %v can't be understood by %v", v, c.Versions)
		}
	}
	if b.loopback && !c.Addr.Addr().IsLoopback() {
		return fmt.Errorf("base: %w", errLoopback)
	}
	n.view.zoning = v.zoning.fork()
	if n.zoned() {
		if b.zoneOf == nil {
			return errors.New("base: made without zones")
		}
		n.view.settleShared(n.self, b.mates)
	}
	n.probe.next = now.Add(n.stagger(c.ProbeInterval))
	n.probe.order.start(n.view.live, n.rng.pcg.Uint64())
	n.probe.order.next = uint32(n.rng.below(n.view.live))
	if c.PushPullInterval > 0 {
		n.pushPull.next = now.Add(n.stagger(n.usualInterval()))
		n.pushPull.wide = now.Add(n.stagger(pushPullScaled(c.PushPullInterval, n.view.live)))
	}
	return nil
}
