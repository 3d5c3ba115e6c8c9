package history

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// FlapsMax is how many members and how many accusers Flaps lists.
const FlapsMax = 64

// Flaps says whose state changed most, and who accused others most. The JSON names are for users
// and stay.
type Flaps struct {
	AsSeenBy string  `json:"as_seen_by,omitempty"`
	Since    float64 `json:"since_s"` // seconds

	// Members are those that changed more than once, the most often first.
	Members []Flapper `json:"members"`
	More    int       `json:"more,omitempty"` // members that aren't listed
	// Accusations are the suspicions that this node knows the accuser of, its own included.
	Accusations int       `json:"accusations"`
	Accusers    []Accuser `json:"accusers"`
	// Summary is one sentence: what stands out.
	Summary string `json:"summary"`
}

// Flapper is a member that changed.
type Flapper struct {
	Name    string        `json:"name"`
	Changes int           `json:"changes"`
	Failed  int           `json:"failed"`
	Refuted int           `json:"refuted"`
	At      time.Duration `json:"-"` // of the last change
	Last    Stamp         `json:"last,omitzero"`
}

// Accuser is a member that accused others.
type Accuser struct {
	Name        string `json:"name"`
	Accusations int    `json:"accusations"`
	Refuted     int    `json:"refuted"`          // of them
	Health      *int   `json:"health,omitempty"` // its health score, if it is known
	Self        bool   `json:"self"`
}

// tally is what Flaps counts of one name.
type tally struct {
	changes, failed, refuted    int
	accusations, accusedWrongly int
	last                        time.Duration
	later                       Cause // of the change after the one that is looked at
}

// Flaps counts the changes since a time, for the node observer, whose health score is health.
func (l *Log) Flaps(since, now time.Duration, observer string, health int) Flaps {
	f := Flaps{AsSeenBy: observer, Since: (now - since).Seconds()}
	counts := make([]tally, len(l.names))
	for i := l.newest; i != 0; i = l.at(i).older {
		r := l.at(i)
		if r.at < since {
			break
		}
		f.Accusations += count(counts, r)
	}
	for n := range counts {
		f.take(l.names[n].text, &counts[n], observer, health)
	}
	slices.SortFunc(f.Members, func(a, b Flapper) int {
		return cmp.Or(cmp.Compare(b.Changes, a.Changes), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(f.Accusers, func(a, b Accuser) int {
		return cmp.Or(cmp.Compare(b.Accusations, a.Accusations), cmp.Compare(a.Name, b.Name))
	})
	f.Summary = f.summary()
	f.More = max(0, len(f.Members)-FlapsMax)
	f.Members = f.Members[:min(len(f.Members), FlapsMax)]
	f.Accusers = f.Accusers[:min(len(f.Accusers), FlapsMax)]
	return f
}

// count takes in one record, which is older than all before, and returns how many accusations it
// is.
func count(counts []tally, r *record) (accusations int) {
	s := &counts[r.subject]
	if s.changes == 0 {
		s.last = r.at
	}
	s.changes++
	if r.to == Failed {
		s.failed++
	}
	if r.cause == Refutation {
		s.refuted++
	}
	accused := r.to == Suspect || r.to == Failed && r.cause == Death && r.from != Suspect
	if accused && r.accuser != 0 && !r.cause.addressed() {
		a := &counts[r.accuser]
		a.accusations++
		if s.later == Refutation {
			a.accusedWrongly++
		}
		accusations = 1
	}
	s.later = r.cause
	return accusations
}

func (f *Flaps) take(name string, t *tally, observer string, health int) {
	if t.changes > 1 {
		f.Members = append(f.Members, Flapper{
			Name: name, Changes: t.changes, Failed: t.failed, Refuted: t.refuted, At: t.last,
		})
	}
	if t.accusations == 0 {
		return
	}
	a := Accuser{
		Name: name, Accusations: t.accusations, Refuted: t.accusedWrongly, Self: name == observer,
	}
	if a.Self {
		a.Health = &health
	}
	f.Accusers = append(f.Accusers, a)
}

// summary words what stands out: one accuser of most, or one accused by several.
func (f *Flaps) summary() string {
	const few = 3 // accusations, of which nothing follows
	since := time.Duration(f.Since * float64(time.Second)).Round(time.Second).String()
	if f.Accusations == 0 {
		return "nobody was accused in the last " + since
	}
	of := strconv.Itoa(f.Accusations) + plural(f.Accusations, " accusation") + " of the last " + since
	top := f.Accusers[0]
	if 2*top.Accusations <= f.Accusations || f.Accusations < few {
		return of + " came from " + strconv.Itoa(len(f.Accusers)) +
			plural(len(f.Accusers), " member") + ": no accuser stands out"
	}
	s := strconv.Itoa(top.Accusations) + " of " + of + " came from " + top.Name
	if top.Refuted > 0 {
		s += ", and " + strconv.Itoa(top.Refuted) + " of those were refuted"
	}
	if top.Health == nil {
		return s + "; its health isn't known here: look there"
	}
	return s + "; its health is " + strconv.Itoa(*top.Health) + ": look there"
}

func plural(n int, s string) string {
	if n == 1 {
		return s
	}
	return s + "s"
}

// Counts returns how many changes each member had since a time.
func (l *Log) Counts(since time.Duration) map[string]int {
	counts := make(map[string]int)
	for i := l.newest; i != 0 && l.at(i).at >= since; i = l.at(i).older {
		counts[l.names[l.at(i).subject].text]++
	}
	return counts
}
