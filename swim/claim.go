package swim

import (
	"net/netip"

	"serf/wire"
)

// claim is what an alive message or a push/pull entry says about a member. Slices are borrowed.
type claim struct {
	id   MemberID // of name; NoMember if it isn't known here
	name []byte
	profile
	inc uint32

	vsn        int            // bytes of versions in the message
	from       netip.AddrPort // who says so
	skipGossip bool           // all members that this node knows have heard it: see firstContact
	requested  bool           // it answers our own request
	answered   bool           // its subject answered our ping
	packet     bool           // it came in a packet, so it can be answered there
}

const (
	// incMax is the greatest incarnation that is believed. Members raise theirs from 1, by one at a
	// time: nobody honest comes near, and nothing can wrap (F3).
	incMax = 1 << 31
	// incJump is how far above the known incarnation of another member a believable one may be.
	// About this node the others may believe anything, and it must be able to outbid that.
	incJump = 1 << 20
	// incSpare is how much less that is for claims about this node: by so much a return outbids a
	// claim. The others believe the answer then, and one forged accusation can't push this node
	// beyond what they believe.
	incSpare = 3
)

// acceptable checks what a claim says, whoever it is about.
func (n *Node) acceptable(c *claim, out *Output) bool {
	x := Note{Level: Warn, From: c.from}
	err := n.unreachable(c.addr)
	switch {
	case len(c.name) == 0 || len(c.name) > NameMax || len(c.meta) > MetaMax:
		n.counters.DroppedMessages++
		x.Code, x.N, x.Err = NoteMessageDropped, int64(wire.TypeAlive), errMalformed
	case c.vsn != len(c.versions) || !compatible(n.cfg.Versions, c.versions):
		n.counters.DroppedVersions++
		x.Code = NoteBadVersions
	case err != nil:
		n.counters.DroppedAddresses++
		x.Code, x.From, x.Err = NoteBadAddress, c.addr, err
	default:
		return n.credible(c.id, n.view.at(c.id), c.inc, out)
	}
	x.Text = ClipText(c.name)
	out.note(x)
	return false
}

// compatible tells whether a member and this node understand each other, in both layers. memberlist
// rejects a whole push/pull that holds an incompatible member, so never relay one.
func compatible(own, v [6]byte) bool {
	if v[0] == 0 {
		return false
	}
	within := func(x, least, most byte) bool { return least <= x && x <= most }
	for _, at := range [...]int{0, 3} {
		least, most, now := at, at+1, at+2
		if !within(v[now], v[least], v[most]) || !within(v[now], own[least], own[most]) ||
			!within(own[now], v[least], v[most]) {
			return false
		}
	}
	return true
}

// credible rejects incarnations that no honest member can have reached. r is the record of id.
func (n *Node) credible(id MemberID, r record, inc uint32, out *Output) bool {
	most := min(r.inc+incJump, incMax)
	if id == n.self {
		most -= incSpare
	}
	if inc <= most {
		return true
	}
	n.counters.DroppedIncarnations++
	out.note(Note{Level: Warn, Code: NoteBadIncarnation, Member: id, N: int64(inc)})
	return false
}
