package membership

import "fmt"

// EventKind is what happened to a member.
type EventKind uint8

// What happens to members.
const (
	// Joined: the member is there, for the first time or again.
	Joined EventKind = iota + 1
	// Updated: it has other metadata, versions or another address.
	Updated
	// Failed: it doesn't answer.
	Failed
	// Left: it said that it leaves.
	Left
	// Conflict: Rival claims the name of Member, which answers where it is known. Of Rival only the
	// name, the address and the metadata are known. If Member is Local, two nodes were given this
	// node's name.
	Conflict
)

// String returns the kind in one word.
func (k EventKind) String() string {
	switch k {
	case Joined:
		return "joined"
	case Updated:
		return "updated"
	case Failed:
		return "failed"
	case Left:
		return "left"
	case Conflict:
		return "conflict"
	}
	return fmt.Sprintf("event %d", uint8(k))
}

// Event is a change of the membership.
type Event struct {
	Kind   EventKind
	Member Member  // as it was then
	Rival  *Member // of a Conflict
}

// String words the event: "web-1 joined at 10.0.0.1:7946".
func (e Event) String() string {
	switch e.Kind {
	case Joined, Updated:
		return fmt.Sprintf("%s %v at %v", e.Member.Name, e.Kind, e.Member.Addr)
	case Conflict:
		return fmt.Sprintf("%s at %v, and %v claims the name", e.Member.Name, e.Member.Addr,
			e.Rival.Addr)
	}
	return fmt.Sprintf("%s %v", e.Member.Name, e.Kind)
}
