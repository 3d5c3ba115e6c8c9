package membership

import "serf/swim"

// selectMembers asks Config.Select.
func (n *Node) selectMembers(ids []swim.MemberID) (_ []swim.MemberID, taken swim.MemberID) {
	byName := make(map[string]swim.MemberID, len(ids))
	candidates := make([]Member, len(ids))
	for i, id := range ids {
		candidates[i], _ = n.member(id)
		byName[candidates[i].Name] = id
	}
	var selected []Member
	var first *Member
	ask(func() { selected, first = n.conf.Select(candidates) })
	taken = swim.NoMember
	if first != nil {
		if id, ok := byName[first.Name]; ok {
			taken = id
		}
	}
	ids = ids[:0]
	for i := range selected {
		if id, ok := byName[selected[i].Name]; ok {
			ids = append(ids, id)
			delete(byName, selected[i].Name) // each once
		}
	}
	return ids, taken
}
