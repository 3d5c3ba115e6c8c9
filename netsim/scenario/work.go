package scenario

import (
	"fmt"
	"slices"
)

// Work is something that users ask of members.
type Work struct {
	Kind  string   `json:"kind"`
	Start Duration `json:"start"`
	// Every is how often, for Length: once if 0. Of a key rotation it's the time between its steps.
	Every  Duration `json:"every,omitzero"`
	Length Duration `json:"length,omitzero"` // 0: to the end
	// Who does it, each time anew; one random member if nothing is set.
	Who
	// Name of the events or queries.
	Name string `json:"name,omitempty"`
	// Size of the payload in bytes.
	Size int `json:"size,omitzero"`
}

// who is Who as it is meant: a single member if it doesn't say how many, nor name any.
func (w *Work) who() Who {
	who := w.Who
	if who.Count == 0 && who.Share == 0 && len(who.Names) == 0 {
		who.Count = 1
	}
	return who
}

// The kinds of work.
const (
	WorkEvent     = "event"
	WorkQuery     = "query"
	WorkTags      = "tags"
	WorkRotateKey = "rotate-key"
)

// WorkKinds lists the kinds of work.
func WorkKinds() []KindInfo { return slices.Clone(workKinds) }

var workKinds = []KindInfo{
	{WorkEvent, "a user event is sent", slices.Concat(whoKeys, []string{"every", "length", "name", "size"}), nil},
	{WorkQuery, "a query is sent, which all members answer", slices.Concat(whoKeys, []string{"every", "length", "name", "size"}), nil},
	{WorkTags, "a member changes its tags", slices.Concat(whoKeys, []string{"every", "length", "size"}), nil},
	{WorkRotateKey, "a new key is installed, used after every, and the old one removed after every",
		[]string{"region", "members", "every"}, []string{"every"}},
}

// String describes w in one line.
func (w Work) String() string {
	s := fmt.Sprintf("by %v at %v", w.who(), w.Start)
	switch {
	case w.Kind == WorkRotateKey:
		return s + fmt.Sprintf(", a step every %v", w.Every)
	case w.Every > 0:
		s += fmt.Sprintf(", every %v", w.Every)
		if w.Length > 0 {
			s += fmt.Sprintf(" for %v", w.Length)
		}
	}
	if w.Size > 0 {
		s += fmt.Sprintf(", %d bytes", w.Size)
	}
	return s
}
