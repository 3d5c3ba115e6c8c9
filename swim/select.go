package swim

// pickSelected is pick among the members that Config.Select selects.
func (n *Node) pickSelected(dst []MemberID, k int, ok func(MemberID, record) bool) []MemberID {
	all := n.candidates[:0]
	for id := range n.view.all {
		if n.eligible(dst, id, ok) {
			all = append(all, id)
		}
	}
	n.candidates = all
	if len(all) == 0 || len(dst) >= k {
		return dst
	}
	selected, first := n.cfg.Select(all)
	if first != NoMember && n.eligible(dst, first, ok) {
		dst = append(dst, first)
	}
	return n.draw(dst, k, selected, ok)
}
