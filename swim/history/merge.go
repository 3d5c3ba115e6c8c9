package history

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"serf/internal/textwrap"
)

// MergedMax is how many changes a merged history has: the newest.
const MergedMax = 256

// Account is what one agent knows of a member's history, with times of the clock of whoever merges
// it with others.
type Account struct {
	Witness
	Changes []Change // oldest first
}

// Witness is an agent whose account is part of a merged history. The JSON names are for users and
// stay.
type Witness struct {
	Name    string  `json:"name"`
	Status  string  `json:"status"`         // as it lists the member; "none" if it doesn't
	Dropped int     `json:"dropped"`        // older changes that it doesn't keep, or didn't send
	Error   float64 `json:"clock_error_ms"` // its times may be off by as much
}

// Merged is what all agents together know of how a member's state came about. The JSON names are
// for users and stay.
type Merged struct {
	Name      string    `json:"name"`
	AsSeenBy  string    `json:"as_seen_by"` // whose clock the times are of
	Witnesses []Witness `json:"agents"`
	// Missing are agents that couldn't be asked, or gave no answer.
	Missing []string `json:"missing"`
	Dropped int      `json:"dropped"` // older changes that are left out
	// Changes are in the order of their times, except where it is known what caused what.
	Changes []Joint `json:"changes"`
}

// Joint is a change as one or more agents saw it.
type Joint struct {
	Change        // of the agent By: the one that caused it, or else saw it first
	By     string `json:"by"`
	// Others saw the same. Spread is how much later the last of them did, in milliseconds.
	Others []string `json:"others"`
	Spread float64  `json:"spread_ms"`
	// Reordered: by its time it would be earlier, but it can't have been.
	Reordered bool `json:"reordered,omitempty"`

	place int // in the account of By
}

// joint tells which changes of several agents are the same one: that a member of some incarnation
// came to be in a state; of suspicions, by the same accuser.
type joint struct {
	to          State
	incarnation uint32
	detail      string // the accuser, or an address
	cause       Cause  // of those that aren't a change of state
	again       int    // how often the same agent had it before
}

func jointOf(c *Change) joint {
	j := joint{to: c.To, incarnation: c.Incarnation}
	switch {
	case c.Cause.addressed(), c.Cause == Pause:
		j.detail, j.cause = c.Addr, c.Cause
	case c.To == Suspect:
		j.detail = c.Accuser
	}
	return j
}

// Merge merges what agents know of a member. The accounts' changes have times of the clock of
// asker.
func Merge(subject, asker string, accounts []Account) Merged {
	m := Merged{Name: subject, AsSeenBy: asker, Missing: []string{}, Witnesses: []Witness{}}
	var list []*Joint
	places := make(map[joint]*Joint)
	for i := range accounts {
		m.Witnesses = append(m.Witnesses, accounts[i].Witness)
		seen := make(map[joint]int)
		for k := range accounts[i].Changes {
			c := &accounts[i].Changes[k]
			key := jointOf(c)
			seen[key]++
			key.again = seen[key]
			if j := places[key]; j != nil {
				j.join(c, k, accounts[i].Name, subject)
				continue
			}
			j := &Joint{Change: *c, By: accounts[i].Name, place: k, Others: []string{}}
			places[key] = j
			list = append(list, j)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].At < list[j].At })
	m.Dropped = max(0, len(list)-MergedMax)
	m.Changes = inOrder(subject, list[m.Dropped:])
	return m
}

// join takes in that another agent saw the same.
func (j *Joint) join(c *Change, place int, by, subject string) {
	last := max(j.At+time.Duration(j.Spread*float64(time.Millisecond)), c.At)
	source := subject
	if j.To == Suspect && !j.Cause.addressed() {
		source = c.Accuser
	}
	if by == source || j.By != source && c.At < j.At {
		j.Change, j.place, j.By, by = *c, place, by, j.By
	}
	j.Others = append(j.Others, by)
	j.Spread = float64(max(last-j.At, 0)) / float64(time.Millisecond)
}

// inOrder returns changes, which are in the order of their times, in one that doesn't contradict
// what caused what.
func inOrder(subject string, list []*Joint) []Joint {
	done := make([]bool, len(list))
	ordered := make([]Joint, 0, len(list))
	for len(ordered) < len(list) {
		next := slices.Index(done, false) // should each wait for another, times decide
		for i := range list {
			if !done[i] && !waits(subject, list, done, i) {
				next = i
				break
			}
		}
		done[next] = true
		j := *list[next]
		j.Reordered = slices.ContainsFunc(ordered, func(o Joint) bool { return j.At < o.At })
		ordered = append(ordered, j)
	}
	return ordered
}

// waits tells whether something that isn't done yet must come before list[i]: what the same agent
// saw before; that the member had the incarnation in which it is accused, fails or leaves; an
// accusation, of those that it refuted or failed by.
func waits(subject string, list []*Joint, done []bool, i int) bool {
	b := list[i]
	needed, met := false, false
	for k, a := range list {
		switch {
		case k == i:
		case a.By == b.By && a.place < b.place && !done[k]:
			return true
		case a.To == Alive && a.Cause != Pause && (a.By == subject || a.Cause == Refutation) &&
			!done[k] && b.To != Alive && b.Incarnation == a.Incarnation:
			return true
		case a.To == Suspect && (b.To == Failed && b.Incarnation == a.Incarnation ||
			b.Cause == Refutation && b.Incarnation > a.Incarnation):
			needed, met = true, met || done[k]
		}
	}
	return needed && !met
}

// Story tells the merged history: for each change when and what, and below it why. when words a
// time.
func (m *Merged) Story(when func(c *Change) string) string {
	var b strings.Builder
	const indent = "    "
	fill := func(text string) { b.WriteString(indent + textwrap.Fill(text, len(indent)) + "\n") }
	b.WriteString(clean(m.Name) + " as " + textwrap.Count(len(m.Witnesses), "agent") + " see it: " +
		m.statuses() + "\n")
	fill(m.clocks())
	if len(m.Missing) > 0 {
		fill("no account from " + some(m.Missing))
	}
	if n := m.dropped(); n > 0 {
		fill(textwrap.Count(n, "older change") + " left out")
	}
	for i := range m.Changes {
		j := &m.Changes[i]
		b.WriteString("\n" + when(&j.Change) + "  ")
		if j.From != j.To {
			b.WriteString(j.From.String() + " -> ")
		}
		b.WriteString(j.To.String())
		if j.Reordered {
			b.WriteString("  (placed by cause)")
		}
		b.WriteString("\n")
		fill(j.Words(m.Name, j.By))
		if len(j.Others) > 0 {
			fill("the same for " + some(j.Others) + within(j.Spread))
		}
	}
	return b.String()
}

func (m *Merged) dropped() int {
	n := m.Dropped
	for i := range m.Witnesses {
		n += m.Witnesses[i].Dropped
	}
	return n
}

// statuses says how the witnesses list the member.
func (m *Merged) statuses() string {
	by := make(map[string][]string)
	for i := range m.Witnesses {
		w := &m.Witnesses[i]
		by[w.Status] = append(by[w.Status], w.Name)
	}
	var parts []string
	for _, s := range []State{Alive, Leaving, Left, Failed, None} {
		names := by[s.String()]
		switch {
		case len(names) == 0:
		case len(names) == len(m.Witnesses):
			return statusText(s.String())
		default:
			parts = append(parts, statusText(s.String())+" for "+some(names))
		}
	}
	return strings.Join(parts, "; ")
}

// clocks says what the times are worth.
func (m *Merged) clocks() string {
	worst := 0.0
	for i := range m.Witnesses {
		worst = max(worst, m.Witnesses[i].Error)
	}
	return "times by the clock of " + clean(m.AsSeenBy) + "; those of other agents may be off by " +
		milliseconds64(worst) + "; what caused a change comes before it, whatever its time"
}

func within(ms float64) string {
	if ms <= 0 {
		return ""
	}
	return " within " + milliseconds64(ms)
}

// milliseconds64 words a number of milliseconds: whole ones from ten on, tenths below.
func milliseconds64(ms float64) string {
	unit := time.Millisecond
	if ms < 10 {
		unit = 100 * time.Microsecond
	}
	return duration(time.Duration(ms * float64(time.Millisecond)).Round(unit))
}

// some joins the first few names.
func some(names []string) string {
	const few = 8
	if len(names) <= few {
		return list(names)
	}
	more := " and " + strconv.Itoa(len(names)-few) + " more"
	return strings.Join(cleanAll(names[:few]), ", ") + more
}
