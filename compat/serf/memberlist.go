package serf

import (
	"serf/compat/memberlist"
	core "serf/swim/serf"
)

// Memberlist is what programs ask about the membership below a Serf. In the original it is a
// *memberlist.Memberlist; here no such runs, and it answers questions only.
type Memberlist struct{ serf *Serf }

// Memberlist returns what there is to ask about the membership.
func (s *Serf) Memberlist() *Memberlist { return &Memberlist{s} }

// LocalNode returns this node.
func (m *Memberlist) LocalNode() *memberlist.Node {
	self := m.serf.LocalMember()
	return nodeOf(&self)
}

// Members returns the members that are alive, as far as is known, those that are leaving included.
func (m *Memberlist) Members() []*memberlist.Node {
	var nodes []*memberlist.Node
	for _, member := range m.serf.Members() {
		if member.Status == StatusAlive || member.Status == StatusLeaving {
			nodes = append(nodes, nodeOf(&member))
		}
	}
	return nodes
}

// NumMembers is how many Members are.
func (m *Memberlist) NumMembers() (n int) {
	_, all := m.serf.agent.AllMembers()
	for member := range all {
		if member.Status == core.StatusAlive || member.Status == core.StatusLeaving {
			n++
		}
	}
	return n
}

// GetHealthScore is how slow this node thinks that it is itself: 0 is healthy.
func (m *Memberlist) GetHealthScore() int {
	stats, _ := m.serf.agent.NodeStats()
	return stats.Health
}

// ProtocolVersion is the version of the membership protocol that this node speaks.
func (m *Memberlist) ProtocolVersion() uint8 { return m.serf.LocalMember().ProtocolCur }

// nodeOf is a member as a memberlist has it, without Meta: that is Tags.
func nodeOf(m *Member) *memberlist.Node {
	state := memberlist.StateAlive
	switch m.Status {
	case StatusFailed:
		state = memberlist.StateDead
	case StatusLeft:
		state = memberlist.StateLeft
	}
	return &memberlist.Node{Name: m.Name, Addr: m.Addr, Port: m.Port, State: state,
		PMin: m.ProtocolMin, PMax: m.ProtocolMax, PCur: m.ProtocolCur,
		DMin: m.DelegateMin, DMax: m.DelegateMax, DCur: m.DelegateCur}
}
