package serf

import (
	"iter"

	"serf/swim"
)

// admissions hands what the configuration decides about other members to the membership below.
func (c *Config) admissions(below *swim.Config) {
	if c.Admit != nil {
		below.Admit = func(p swim.Peer) error { return c.Admit(memberFrom(&p)) }
	}
	if c.AdmitMerge != nil {
		below.AdmitMerge = func(peers iter.Seq[swim.Peer]) error {
			var members []Member
			for p := range peers {
				members = append(members, memberFrom(&p))
			}
			return c.AdmitMerge(members)
		}
	}
}

// memberFrom is a member as another describes it.
func memberFrom(p *swim.Peer) Member {
	return Member{ID: swim.NoMember, Name: string(p.Name), Addr: p.Addr, Tags: decodeTags(p.Meta),
		Status: peerStatuses[p.State], Versions: p.Versions}
}

// peerStatuses are what a node would make of a member in these states. It judges by itself.
var peerStatuses = map[swim.State]Status{
	swim.Alive: StatusAlive, swim.Suspect: StatusAlive, swim.Dead: StatusFailed, swim.Left: StatusLeft,
}
