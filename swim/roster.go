package swim

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"

	"serf/internal/invariant"
	"serf/internal/std"
)

// MemberID stands for a member's name within one Roster. An ID is valid for as long as some node
// that shares the roster keeps a record of the member.
type MemberID uint32

// NoMember is the ID of nobody.
const NoMember MemberID = 0

// identID stands for an identity: what a member says about itself. A member that changes its
// metadata or address gets another identity under the same MemberID.
type identID uint32

// maxMembers bounds the names of a roster: a push/pull can't carry more.
const maxMembers = 1 << 20

// Roster interns names and identities, so that a node's record of a member is a few words. In an
// agent it serves one node, in a simulation all of them. Use NewRoster; the zero value isn't
// usable.
type Roster struct {
	byName  map[string]MemberID
	members []rosterMember // by MemberID; 0 is nobody
	hashes  []uint64       // of names, by MemberID; see NameHash
	idents  []identity     // by identID; 0 is none
	freeM   []MemberID
	freeI   []identID
	limit   int // of names

	// base is what the roster was made from, or nil. Its members and identities come first and
	// stay: references to them aren't counted.
	base         *Base
	baseM, baseI uint32 // the last of them
}

type rosterMember struct {
	name   string
	idents identID // first of its identities
	refs   int32
}

// profile is what a member says about itself.
type profile struct {
	addr     netip.AddrPort
	meta     []byte
	versions [6]byte
}

type identity struct {
	profile
	hash uint64 // of name and profile
	refs int32
	next identID // next identity of the same member
}

// NewRoster returns an empty roster.
func NewRoster() *Roster {
	return &Roster{
		byName:  make(map[string]MemberID),
		members: make([]rosterMember, 1),
		hashes:  make([]uint64, 1),
		idents:  make([]identity, 1),
		limit:   maxMembers,
	}
}

// Name returns the name of id, or "" for nobody.
func (r *Roster) Name(id MemberID) string {
	if int(id) >= len(r.members) {
		return ""
	}
	return r.members[id].name
}

// Lookup returns the ID of name, or NoMember.
func (r *Roster) Lookup(name []byte) MemberID { return r.byName[string(name)] }

// Len is the number of names.
func (r *Roster) Len() int { return len(r.byName) }

// Intern interns a name for good and returns its ID, or NoMember if there is no room. Rosters with
// the same names, interned in the same order, have the same IDs.
func (r *Roster) Intern(name []byte) MemberID { return r.acquireMember(name) }

// spare is the number of names that there is still room for.
func (r *Roster) spare() int { return r.limit - len(r.byName) }

// stateSize is the size of a member's record in a push/pull, at most.
func (r *Roster) stateSize(id MemberID, i identID) int {
	return stateHead + len(r.members[id].name) + len(r.idents[i].meta)
}

// NameHash is the hash of the name of id: FNV-1a, 64 bits, whose bits are mixed by the last step of
// splitmix64, since sums of similar names would otherwise be similar.
func (r *Roster) NameHash(id MemberID) uint64 { return r.hashes[id] }

// nameBytes is the name of id for messages, which only read it.
func (r *Roster) nameBytes(id MemberID) []byte { return std.Bytes(r.members[id].name) }

// reserve makes room for so many members in all.
func (r *Roster) reserve(members int) {
	members = min(members, r.limit)
	more := members - len(r.byName)
	if more <= len(r.byName) {
		return // the tables double by themselves
	}
	byName := make(map[string]MemberID, members)
	maps.Copy(byName, r.byName)
	r.byName = byName
	r.members, r.hashes = slices.Grow(r.members, more), slices.Grow(r.hashes, more)
	r.idents = slices.Grow(r.idents, more)
}

// acquireMember interns name and takes a reference, or returns NoMember at the limit.
func (r *Roster) acquireMember(name []byte) MemberID {
	id, ok := r.byName[string(name)]
	if !ok {
		if r.spare() <= 0 {
			return NoMember
		}
		m := rosterMember{name: string(name)}
		if k := len(r.freeM); k > 0 {
			id = r.freeM[k-1]
			r.freeM = r.freeM[:k-1]
			r.members[id], r.hashes[id] = m, HashName(name)
		} else {
			id = MemberID(len(r.members))
			r.members, r.hashes = append(r.members, m), append(r.hashes, HashName(name))
		}
		r.byName[m.name] = id
	}
	if uint32(id) > r.baseM {
		r.members[id].refs++
	}
	return id
}

func (r *Roster) releaseMember(id MemberID) {
	if uint32(id) <= r.baseM {
		return
	}
	m := &r.members[id]
	m.refs--
	invariant.Check(m.refs >= 0, "swim: member released twice")
	if m.refs == 0 {
		invariant.Check(m.idents == 0, "swim: member released before its identities")
		delete(r.byName, m.name)
		*m = rosterMember{}
		r.freeM = append(r.freeM, id)
	}
}

// acquireIdent interns an identity of id and takes a reference. It copies meta.
func (r *Roster) acquireIdent(id MemberID, p profile) identID {
	for i := r.members[id].idents; i != 0; i = r.idents[i].next {
		if d := &r.idents[i]; d.same(p) {
			if uint32(i) > r.baseI {
				d.refs++
			}
			return i
		}
	}
	m := &r.members[id]
	d := identity{profile: p.clone(), hash: p.hash(r.hashes[id]), refs: 1, next: m.idents}
	var i identID
	if k := len(r.freeI); k > 0 {
		i = r.freeI[k-1]
		r.freeI = r.freeI[:k-1]
		r.idents[i] = d
	} else {
		i = identID(len(r.idents))
		r.idents = append(r.idents, d)
	}
	m.idents = i
	return i
}

func (r *Roster) releaseIdent(id MemberID, i identID) {
	if uint32(i) <= r.baseI {
		return
	}
	d := &r.idents[i]
	d.refs--
	invariant.Check(d.refs >= 0, "swim: identity released twice")
	if d.refs > 0 {
		return
	}
	for at := &r.members[id].idents; *at != 0; at = &r.idents[*at].next {
		if *at == i {
			*at = d.next
			break
		}
	}
	*d = identity{}
	r.freeI = append(r.freeI, i)
}

// profileOf is a profile from a message, which has vsn in up to 6 bytes.
func profileOf(ip []byte, port uint16, meta, vsn []byte) profile {
	p := profile{addr: addrPort(ip, port), meta: meta}
	copy(p.versions[:], vsn)
	return p
}

func (p profile) clone() profile {
	p.meta = bytes.Clone(p.meta)
	return p
}

func (p profile) same(q profile) bool {
	return p.addr == q.addr && p.versions == q.versions && bytes.Equal(p.meta, q.meta)
}
