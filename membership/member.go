package membership

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"serf/swim"
)

// Member is one member of the cluster as this node knows it.
type Member struct {
	Name string
	// Addr is where it receives packets and streams.
	Addr netip.AddrPort
	// Meta is what it says about itself, up to MetaMax bytes. It is shared: read it only.
	Meta []byte
	// State is what this node thinks of it, Since when.
	State State
	Since time.Time
	// Protocol are the versions of the membership protocol that it speaks, Layer those of the
	// program above, see Config.
	Protocol, Layer Versions
	// Local is true for this node itself.
	Local bool
}

// Limits of what members say about themselves, in bytes.
const (
	NameMax = swim.NameMax
	MetaMax = swim.MetaMax
)

// Versions of a protocol: the range that is understood, and the one that is spoken.
type Versions struct{ Min, Max, Current uint8 }

// State is what a node thinks of a member.
type State uint8

// A suspect didn't answer, and may still say that it lives: it is a member like one that is alive.
// One that failed or left isn't.
const (
	StateAlive State = iota
	StateSuspect
	StateFailed
	StateLeft
)

// Living tells whether it is a member: alive, or suspect.
func (s State) Living() bool { return s <= StateSuspect }

// String returns the state in one word.
func (s State) String() string {
	switch s {
	case StateAlive:
		return "alive"
	case StateSuspect:
		return "suspect"
	case StateFailed:
		return "failed"
	case StateLeft:
		return "left"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// stateOf is the name here of a state there: they have the same values.
func stateOf(s swim.State) State { return State(s) }

// byName orders members.
func byName(m *Member, name string) int { return cmp.Compare(m.Name, name) }

func versionsOf(v [6]byte) (protocol, layer Versions) {
	return Versions{v[0], v[1], v[2]}, Versions{v[3], v[4], v[5]}
}

// memberOf is a member as another one describes it, with copies of what it borrows.
func memberOf(p *swim.Peer) Member {
	m := Member{
		Name: string(p.Name), Addr: p.Addr, Meta: append([]byte(nil), p.Meta...),
		State: stateOf(p.State),
	}
	m.Protocol, m.Layer = versionsOf(p.Versions)
	return m
}
