package scenario

import (
	"fmt"
	"slices"
)

// Work is something that users ask of members.
type Work struct {
	Kind  string   `json:"kind"`
	Start Duration `json:"start"`
	// Every is how often it happens, for Length: once if 0. For a rotation of keys it is the time
	// between steps.
	Every  Duration `json:"every,omitzero"`
	Length Duration `json:"length,omitzero"` // 0: to the end
	// Who does it, drawn anew each time; one random member if nothing is set.
	Who
	// Name is the name of the events or queries.
	Name string `json:"name,omitempty"`
	// Size is the size of the payload in bytes.
	Size int `json:"size,omitzero"`
	// Burst is how many events each member sends at once. 0 means 1.
	Burst int `json:"burst,omitzero"`
	// Relay is how many other members pass on each answer to a query.
	Relay int `json:"relay,omitzero"`
	// To are the members that a force-leave is about. With Prune they are forgotten at once.
	To    *Who `json:"to,omitempty"`
	Prune bool `json:"prune,omitzero"`
	// KeepOld makes a rotation of keys go on for Length: a key is installed, then used; the next
	// one is installed when all members use it. Old keys are kept until Settle removes them.
	KeepOld bool `json:"keep_old,omitzero"`
}

// who is Who with its default: a single member, if it has neither number nor names.
func (w *Work) who() Who {
	who := w.Who
	if who.Count == 0 && who.Share == 0 && len(who.Names) == 0 {
		who.Count = 1
	}
	return who
}

// MaxSize is the largest Size that a work of this kind may have.
func (w *Work) MaxSize() int {
	if w.Kind == WorkEvent {
		return maxEventPayload
	}
	return maxPayload
}

// The kinds of work.
const (
	WorkEvent      = "event"
	WorkQuery      = "query"
	WorkTags       = "tags"
	WorkForceLeave = "force-leave"
	WorkRotateKey  = "rotate-key"
)

// WorkKinds lists the kinds of work.
func WorkKinds() []KindInfo { return slices.Clone(workKinds) }

var workKinds = kinds([]kind{
	{WorkEvent, "a user event is sent, or burst of them at once",
		whoKeys + "every length name size burst", ""},
	{WorkQuery, "a query is sent, which all nodes answer; relay other nodes pass on each answer",
		whoKeys + "every length name size relay", ""},
	{WorkTags, "a node changes its tags",
		whoKeys + "every length size", ""},
	{WorkForceLeave, "a node declares those of to as left; with prune they are forgotten at once",
		whoKeys + "every length to prune", "to"},
	{WorkRotateKey, "a new key is installed, used after every, and the old one removed after " +
		"every; with keep_old this goes on for length, and old keys stay until settle removes them",
		whoKeys + "every length keep_old", "every"},
})

// String describes w in one line.
func (w Work) String() string {
	s := fmt.Sprintf("by %v at %v", w.who(), w.Start)
	if w.Kind == WorkRotateKey {
		s += fmt.Sprintf(", a step every %v", w.Every)
		if w.KeepOld {
			s += ", old keys are kept"
		}
		return s
	}
	s += withSet(", every %v", w.Every, " for %v", w.Length, ", about %v", w.To)
	if w.Prune {
		s += ", then forgotten"
	}
	if w.Burst > 1 {
		s += fmt.Sprintf(", %d at once", w.Burst)
	}
	return s + withSet(", answers relayed by %d", w.Relay, ", %d bytes", w.Size)
}
