package swim

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"

	"serf/swim/internal/paged"
)

// Identity is what a member says of itself.
type Identity struct {
	Name     string
	Addr     netip.AddrPort
	Meta     []byte
	Versions [6]byte // as in Config
}

// Base is what all members of a cluster know that has run for long and in which nothing happens:
// each other. The views of nodes that begin with it are forks of its view: they share its memory
// but for what they learn later. So a simulation can start with everybody known to everybody, and
// its views take memory for what differs instead of for each pair.
//
// A Base doesn't change. It may be used by several goroutines at once.
type Base struct {
	roster   *Roster // copied by NewRoster
	view     view
	states   *paged.Encoded // of view.recs
	versions [][6]byte      // each once
	loopback bool           // somebody has a loopback address
}

// NewBase returns a base in which all members are alive since now. Their IDs are 1, 2 and so on, in
// the order in which they come. It copies what it keeps; the error joins those of all members.
func NewBase(now Time, members iter.Seq[Identity]) (*Base, error) {
	b := &Base{roster: NewRoster()}
	var errs []error
	for m := range members {
		if err := b.add(now, &m); err != nil {
			errs = append(errs, err)
		}
	}
	b.view.recs.Seal()
	b.view.order.Seal()
	r := b.roster
	b.states = paged.Encode(&b.view.recs, func(buf []byte, page int) []byte {
		return r.appendStates(buf, &b.view.recs, page)
	})
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
		return fmt.Errorf("member %q: metadata: %d bytes, limit %d: %w", m.Name, len(m.Meta), MetaMax, ErrTooLarge)
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
	ident := r.acquireIdent(id, addr, m.Meta, m.Versions)
	b.view.add(id, ident, Alive, 1, now)
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

// NewRoster returns a roster for nodes that begin with b, all of one goroutine. The IDs of the
// members are the same in each. A nil base has an empty roster.
func (b *Base) NewRoster() *Roster {
	if b == nil {
		return NewRoster()
	}
	r := b.roster
	return &Roster{
		byName: maps.Clone(r.byName), members: slices.Clone(r.members), idents: slices.Clone(r.idents), limit: r.limit,
		base: b, baseM: uint32(len(r.members) - 1), baseI: uint32(len(r.idents) - 1),
	}
}

// find tells which pages of the base's states a piece of a message is, if it is their very memory.
func (b *Base) find(piece []byte) (from, to int, ok bool) {
	if b == nil {
		return 0, 0, false
	}
	return b.states.Find(piece)
}

// inPages is how many members there are in pages from to to-1.
func (b *Base) inPages(from, to int) int {
	first := max(from*paged.PageLen, 1) // nobody has ID 0
	return min(to*paged.PageLen, b.view.recs.Len()) - first
}

// startWarm begins a node that knows all of its base. Its timers are in any phase, as those of
// members that started long ago, and not together.
func (n *Node) startWarm(now Time) error {
	b, c := n.cfg.Base, &n.cfg
	n.self = b.Lookup([]byte(c.Name))
	if n.self == NoMember {
		return fmt.Errorf("base: %q: %w", c.Name, ErrUnknown)
	}
	n.view = view{recs: b.view.recs.Fork(), order: b.view.order.Fork(), live: b.view.live, size: b.view.size}
	if d := n.identity(n.self); !d.same(c.Addr, c.Meta, c.Versions) {
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
	n.probe.next = now.Add(n.stagger(c.ProbeInterval))
	n.probe.order.start(n.view.live, n.rng.pcg.Uint64())
	n.probe.order.next = uint32(n.rng.below(n.view.live))
	if c.PushPullInterval > 0 {
		n.pushPull.next = now.Add(n.stagger(pushPullScaled(c.PushPullInterval, n.view.live)))
	}
	return nil
}
