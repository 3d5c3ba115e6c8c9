package serf

import (
	"fmt"
	"maps"
	"net"

	core "serf/swim/serf"
)

// Member is what this node knows of a member.
type Member struct {
	Name string
	Addr net.IP
	Port uint16
	// Tags are shared with other members and mustn't be changed, except this node's own, which
	// are a copy.
	Tags   map[string]string
	Status MemberStatus

	// The versions of the membership protocol that the member understands and speaks, then those of
	// the Serf protocol.
	ProtocolMin uint8
	ProtocolMax uint8
	ProtocolCur uint8
	DelegateMin uint8
	DelegateMax uint8
	DelegateCur uint8
}

// MemberStatus is what a member is considered to be.
type MemberStatus int

// The statuses of members: their numbers are those of the node's own.
const (
	StatusNone    = MemberStatus(core.StatusNone)    // not listed
	StatusAlive   = MemberStatus(core.StatusAlive)   // answers, as far as is known
	StatusLeaving = MemberStatus(core.StatusLeaving) // has announced that it leaves
	StatusLeft    = MemberStatus(core.StatusLeft)    // left, or was removed
	StatusFailed  = MemberStatus(core.StatusFailed)  // has stopped answering
)

// String is the status in lower case. It panics for values that are none.
func (s MemberStatus) String() string {
	if s < StatusNone || s > StatusFailed {
		panic(fmt.Sprintf("unknown MemberStatus: %d", s))
	}
	return core.Status(s).String()
}

// memberOf makes a Member that shares the tags of m.
func memberOf(m *core.Member) Member {
	v := &m.Versions
	tags := m.Tags
	if tags == nil {
		tags = make(map[string]string)
	}
	return Member{
		Name: m.Name, Addr: m.Addr.Addr().AsSlice(), Port: m.Addr.Port(),
		Tags: tags, Status: MemberStatus(m.Status),
		ProtocolMin: v[0], ProtocolMax: v[1], ProtocolCur: v[2],
		DelegateMin: v[3], DelegateMax: v[4], DelegateCur: v[5],
	}
}

// LocalMember returns this node as a member. Its Tags may be changed, and given to SetTags.
func (s *Serf) LocalMember() Member {
	self := s.agent.Self()
	return s.export(&self)
}

// Members returns all members, sorted by name, this one included, whatever their status.
func (s *Serf) Members() []Member {
	n, all := s.agent.AllMembers()
	members := make([]Member, 0, n)
	for m := range all {
		members = append(members, s.export(m))
	}
	return members
}

// export is memberOf with a copy of the tags if they are this node's: programs change those in
// order to set them.
func (s *Serf) export(m *core.Member) Member {
	out := memberOf(m)
	if out.Name == s.name {
		out.Tags = maps.Clone(out.Tags)
	}
	return out
}

func (s *Serf) exportAll(list []core.Member) []Member {
	members := make([]Member, len(list))
	for i := range list {
		members[i] = s.export(&list[i])
	}
	return members
}

// NumNodes returns the number of members, whatever their status.
func (s *Serf) NumNodes() int {
	n, _ := s.agent.AllMembers()
	return n
}
