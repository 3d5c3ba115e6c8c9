package swim

import (
	"net/netip"
	"slices"

	"serf/wire"
)

// bridges are members that lately passed on the ack of one that didn't answer us, the last one first. They
// may be the only ones that reach whom we don't: a hub between sites that have no way to each other, or the
// one gateway that is left. Drawn from all, they would often not be among those who are asked.
type bridges [2]MemberID

// helpersMax bounds the members asked about a target that may become bridges.
const helpersMax = 4

// noteBridge notes who of helpers passed on an ack, if it came from one.
func (n *Node) noteBridge(from netip.AddrPort, helpers []MemberID) {
	i := slices.IndexFunc(helpers, func(id MemberID) bool { return n.view.has(id) && n.memberAt(id, from) })
	if b := &n.bridges; i >= 0 && helpers[i] != b[0] && n.has(Relay) {
		b[0], b[1] = helpers[i], b[0]
	}
}

// pickBridges appends the bridges that can be asked about target.
func (n *Node) pickBridges(dst []MemberID, target MemberID) []MemberID {
	for _, id := range n.bridges {
		if id != NoMember && id != target && n.view.at(id).state == Alive {
			dst = append(dst, id)
		}
	}
	return dst
}

// pickHelpers appends members that are to ping target for us: as many as usual, and the bridges besides. Of these the
// first ones owe us an answer: all, but when most members are silent only the bridges and those heard lately.
func (n *Node) pickHelpers(dst []MemberID, target MemberID) (to []MemberID, owing int) {
	dst = n.pickBridges(dst, target)
	most := len(dst) + n.cfg.IndirectProbes
	ok := func(id MemberID, r record) bool {
		return r.state == Alive && id != target && !slices.Contains(n.bridges[:], id)
	}
	to = n.pickHeard(dst, most, ok)
	if owing = len(to); owing == len(dst) {
		owing = most
	}
	return n.pick(to, most, ok), owing
}

// askThrough has helper ping target for us, with our number seq. What we think of the target goes first: the helper
// tells it, that it may refute, or tells us what is newer.
func (n *Node) askThrough(now Time, helper, target MemberID, seq uint32, nack bool, out *Output) {
	ident := n.identity(target)
	addr := addrBytes(ident.addr.Addr())
	ask := wire.IndirectPing{
		Seq: seq, Target: addr.slice(), Port: ident.addr.Port(), Node: n.roster.nameBytes(target), Nack: nack,
		SourceAddr: n.ownAddr, SourcePort: n.cfg.Addr.Port(), SourceNode: n.roster.nameBytes(n.self),
	}
	sc := &out.scratch
	sc.msg = sc.msg[:0]
	if n.has(Relay) {
		sc.msg = n.appendDoubts(sc.msg, target)
	}
	cut := len(sc.msg)
	sc.msg = ask.Append(sc.msg)
	n.send(now, n.identity(helper).addr, helper, out, sc.msg[:cut], sc.msg[cut:])
}
