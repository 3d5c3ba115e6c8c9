package swim

import "slices"

const (
	// maxPick bounds how many members are drawn at once: Config allows 64, one that may be dead,
	// and one that is.
	maxPick = 64 + 2
	// smallView is a view in which random draws would often meet the same member.
	smallView = 32
)

// pick draws different members other than this node until dst holds k: those that can be reached
// and for which ok holds. Of many that are gone few may be ok, so drawing ends after some misses.
func (n *Node) pick(dst []MemberID, k int, ok func(MemberID, record) bool) []MemberID {
	total := n.view.len()
	if total <= smallView {
		var all [smallView]MemberID
		rest := all[:0]
		for id := range n.view.all {
			rest = append(rest, id)
		}
		return n.draw(dst, k, rest, ok)
	}
	for misses := 0; len(dst) < k && misses < 4*k+16; {
		// Half of the draws are among the living, so that tombstones can't crowd them out.
		span := total
		if misses&1 == 1 && n.view.live > 0 {
			span = n.view.live
		}
		id := n.view.order.At(n.rng.below(span))
		if !n.eligible(dst, id, ok) {
			misses++
			continue
		}
		dst = append(dst, id)
	}
	return dst
}

// draw moves eligible members from rest to dst in random order until dst holds k.
func (n *Node) draw(
	dst []MemberID, k int, rest []MemberID, ok func(MemberID, record) bool,
) []MemberID {
	for len(rest) > 0 && len(dst) < k {
		i := n.rng.below(len(rest))
		id := rest[i]
		rest[i] = rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		if n.eligible(dst, id, ok) {
			dst = append(dst, id)
		}
	}
	return dst
}

// eligible tells whether pick may add id to dst.
func (n *Node) eligible(dst []MemberID, id MemberID, ok func(MemberID, record) bool) bool {
	return id != n.self && !slices.Contains(dst, id) && ok(id, n.view.at(id)) && n.reachesMember(id)
}

// others is the number of other members that are alive or suspect.
func (n *Node) others() int {
	if n.view.at(n.self).state.live() {
		return n.view.live - 1
	}
	return n.view.live
}

// RandomLive draws up to k alive members other than this node for which ok holds (nil: all). While
// most members don't answer, those heard from lately come first.
func (n *Node) RandomLive(dst []MemberID, k int, ok func(MemberID) bool) []MemberID {
	return n.pickPreferred(dst, min(k, maxPick), func(id MemberID, r record) bool {
		return r.state == Alive && (ok == nil || ok(id))
	})
}

// RandomNear is RandomLive that prefers this node's zone: see Config.Zones.
func (n *Node) RandomNear(dst []MemberID, k int, ok func(MemberID) bool) []MemberID {
	k = min(k, maxPick)
	alive := func(id MemberID, r record) bool { return r.state == Alive && (ok == nil || ok(id)) }
	return n.pickNear(n.pickResponsive(dst, k, alive), k, alive)
}

// pickResponsive is pick among the members heard from lately; there are none unless most members
// don't answer.
func (n *Node) pickResponsive(dst []MemberID, k int, ok func(MemberID, record) bool) []MemberID {
	var all [heardMax]MemberID
	rest := all[:0]
	for i := range n.unresponsive.heard {
		h := &n.unresponsive.heard[i]
		if !n.stale(h) && n.view.at(h.id).state == Alive && n.eligible(dst, h.id, ok) {
			rest = append(rest, h.id)
		}
	}
	return n.draw(dst, k, rest, ok)
}

// pickPreferred is pick that takes members heard from lately first.
func (n *Node) pickPreferred(dst []MemberID, k int, ok func(MemberID, record) bool) []MemberID {
	return n.pick(n.pickResponsive(dst, k, ok), k, ok)
}
