package swim

import (
	"net/netip"
	"slices"

	"serf/wire"
)

// relays are the helpers that last passed on the ack of a member that didn't answer us, the newest
// first. They may be the only ones that reach members that we don't: a hub between sites that can't
// reach each other, or the last gateway. Helpers drawn from all members would often not include
// them.
type relays [2]MemberID

// helpersMax bounds the helpers of an indirect probe that are remembered, and so can become relays.
const helpersMax = 4

// noteRelay notes which of helpers passed on an ack, if it came from one.
func (n *Node) noteRelay(from netip.AddrPort, helpers []MemberID) {
	i := slices.IndexFunc(helpers, func(id MemberID) bool {
		return n.view.has(id) && n.memberAt(id, from)
	})
	if r := &n.relays; i >= 0 && helpers[i] != r[0] && n.has(Relay) {
		r[0], r[1] = helpers[i], r[0]
	}
}

// pickRelays appends the relays that can ping target.
func (n *Node) pickRelays(dst []MemberID, target MemberID) []MemberID {
	for _, id := range n.relays {
		if id != NoMember && id != target && n.view.at(id).state == Alive {
			dst = append(dst, id)
		}
	}
	return dst
}

// pickHelpers appends the helpers of an indirect probe of target: Config.IndirectProbes members,
// and the relays besides. The first owing of them should answer: all, but while most members don't,
// only the relays and those heard from lately.
func (n *Node) pickHelpers(dst []MemberID, target MemberID) (to []MemberID, owing int) {
	dst = n.pickRelays(dst, target)
	most := len(dst) + n.cfg.IndirectProbes
	ok := func(id MemberID, r record) bool {
		return r.state == Alive && id != target && !slices.Contains(n.relays[:], id)
	}
	to = n.pickResponsive(dst, most, ok)
	if owing = len(to); owing == len(dst) {
		owing = most
	}
	return n.pick(to, most, ok), owing
}

// askHelper has helper ping target for us under our number seq. What we think of the target goes
// first: the helper tells it, so that it may refute, or tells us what is newer.
func (n *Node) askHelper(now Time, helper, target MemberID, seq uint32, nack bool, out *Output) {
	sc := &out.scratch
	sc.msg = sc.msg[:0]
	if n.has(Relay) {
		sc.msg = n.appendDoubts(sc.msg, target)
	}
	cut := len(sc.msg)
	sc.msg = n.appendIndirectPing(sc.msg, target, n.identity(target).addr, seq, nack)
	n.send(now, n.identity(helper).addr, helper, out, sc.msg[:cut], sc.msg[cut:])
}

// askAnyHelpers has some members ping id, at addr, for us under our number seq.
func (n *Node) askAnyHelpers(now Time, id MemberID, addr netip.AddrPort, seq uint32, out *Output) {
	var buf [maxPick]MemberID
	for _, helper := range n.pick(buf[:0], n.cfg.IndirectProbes, func(h MemberID, r record) bool {
		return r.state == Alive && h != id
	}) {
		out.scratch.msg = n.appendIndirectPing(out.scratch.msg[:0], id, addr, seq, false)
		n.send(now, n.identity(helper).addr, helper, out, out.scratch.msg)
	}
}

func (n *Node) appendIndirectPing(
	b []byte, id MemberID, at netip.AddrPort, seq uint32, nack bool,
) []byte {
	ip, own := addrBytes(at.Addr()), addrBytes(n.cfg.Addr.Addr())
	ask := wire.IndirectPing{
		Seq: seq, Target: ip.slice(), Port: at.Port(), Node: n.roster.nameBytes(id), Nack: nack,
		SourceAddr: own.slice(), SourcePort: n.cfg.Addr.Port(), SourceNode: n.ownName(),
	}
	return ask.Append(b)
}
