package history

import (
	"serf/internal/textwrap"
	"strings"
)

// Member is what one agent knows of how a member's state came about. The JSON names are for users
// and stay.
type Member struct {
	Name     string   `json:"name"`
	AsSeenBy string   `json:"as_seen_by"`
	Status   string   `json:"status"`  // "none" if the member is no longer listed
	Dropped  int      `json:"dropped"` // older changes that are no longer kept
	Changes  []Change `json:"changes"` // oldest first
}

// Story tells how the member's state came about: a line of when and what for each change, and below
// it why. when words the time of a change.
func (m *Member) Story(when func(c *Change) string) string {
	var b strings.Builder
	status := statusText(m.Status)
	b.WriteString(clean(m.Name) + " as " + clean(m.AsSeenBy) + " sees it: " + status + "\n")
	if m.Dropped > 0 {
		b.WriteString(textwrap.Count(m.Dropped, "older change") + " no longer kept\n")
	}
	const indent = "    "
	for i := range m.Changes {
		c := &m.Changes[i]
		b.WriteString("\n" + when(c) + "  ")
		if c.From != c.To {
			b.WriteString(c.From.String() + " -> ")
		}
		b.WriteString(c.To.String() + "\n")
		text := c.Words(m.Name, m.AsSeenBy)
		b.WriteString(indent + textwrap.Fill(text, len(indent)) + "\n")
	}
	return b.String()
}

func statusText(status string) string {
	if status == None.String() {
		return "no longer listed"
	}
	return status
}

// clean returns a name with what isn't printable escaped: it comes from another member, and must
// not forge lines or drive a terminal.
func clean(s string) string { return textwrap.Escape(s, "") }

// cleanAll is clean of each name.
func cleanAll(names []string) []string {
	list := make([]string, len(names))
	for i, s := range names {
		list[i] = clean(s)
	}
	return list
}
