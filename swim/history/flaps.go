package history

import (
	"cmp"
	"sort"
	"strconv"
	"time"

	"serf/internal/textwrap"
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
	// TCPOnly are members whose packets get lost, the most often first. Nobody accuses them.
	TCPOnly []TCPOnly `json:"tcp_only,omitempty"`
	// Summary is one sentence: what stands out.
	Summary string `json:"summary"`
}

// Flapper is a member that changed.
type Flapper struct {
	Name    string        `json:"name"`
	Changes int           `json:"changes"`
	Accused int           `json:"accused"` // with a known accuser
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

// TCPOnly is a member that answered probes over TCP, after none of its packets had come over UDP.
type TCPOnly struct {
	Name  string        `json:"name"`
	Times int           `json:"times"`
	At    time.Duration `json:"-"` // of the last time
	Last  Stamp         `json:"last,omitzero"`
}

// AddTCPOnly sets TCPOnly, and adds to the summary what stands out of it. If it is most of all
// others that live, it is the observer whose packets get lost.
func (f *Flaps) AddTCPOnly(list []TCPOnly, others int) {
	f.TCPOnly = list
	if len(list) == 0 {
		return
	}
	if len(list) > 1 && 2*len(list) > others {
		f.Summary += "; most others answered " + clean(f.AsSeenBy) +
			" over TCP but not over UDP: packets to or from it get lost"
		return
	}
	top := list[0]
	f.Summary += "; " + clean(top.Name) + " answered " + textwrap.Count(top.Times, "probe") +
		" over TCP but not over UDP: packets to or from it get lost"
}

// tally is what Flaps counts of one name.
type tally struct {
	changes, accused            int
	failed, refuted             int
	accusations, accusedWrongly int
	last                        time.Duration
	later                       Cause // of the change after the one that is looked at
}

// Flaps counts the changes since a time, for the node observer, whose health score is health.
func (l *Log) Flaps(since, now time.Duration, observer string, health int) Flaps {
	f := Flaps{
		AsSeenBy: observer, Since: (now - since).Seconds(), Members: []Flapper{},
		Accusers: []Accuser{},
	}
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
	// slices.SortFunc would be compiled once more for each of these types: 13 kB each.
	sort.Slice(f.Members, func(i, j int) bool {
		a, b := &f.Members[i], &f.Members[j]
		return cmp.Or(cmp.Compare(b.Changes, a.Changes), cmp.Compare(a.Name, b.Name)) < 0
	})
	sort.Slice(f.Accusers, func(i, j int) bool {
		a, b := &f.Accusers[i], &f.Accusers[j]
		return cmp.Or(cmp.Compare(b.Accusations, a.Accusations), cmp.Compare(a.Name, b.Name)) < 0
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
	if r.cause == Pause {
		return 0
	}
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
		s.accused++
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
			Name: name, Changes: t.changes, Accused: t.accused, Failed: t.failed,
			Refuted: t.refuted, At: t.last,
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

// SetHealth says what the health scores of some members are.
func (f *Flaps) SetHealth(scores map[string]int) {
	for i := range f.Accusers {
		if score, ok := scores[f.Accusers[i].Name]; ok {
			f.Accusers[i].Health = &score
		}
	}
	f.Summary = f.summary()
}

// summary words what stands out: a member from which more than half of the accusations came, or that
// they were against, or both together: one that hears little accuses others and is accused.
func (f *Flaps) summary() string {
	const few = 3 // accusations, of which nothing follows
	since := f.period()
	if f.Accusations == 0 {
		return "nobody was accused in the last " + since
	}
	of := textwrap.Count(f.Accusations, "accusation") + " of the last " + since
	top, accused := f.Accusers[0], f.mostAccused()
	most := func(n int) bool { return 2*n > f.Accusations && f.Accusations >= few }
	against := strconv.Itoa(accused.Accused) + " were against " + clean(accused.Name)
	switch {
	case top.Name == accused.Name && most(top.Accusations+accused.Accused):
		return strconv.Itoa(top.Accusations+accused.Accused) + " of " + of + " were against " +
			clean(top.Name) + " (" + strconv.Itoa(accused.Accused) + ") or came from it (" +
			strconv.Itoa(top.Accusations) + ")" + top.health() + ": look there"
	case most(top.Accusations):
		s := strconv.Itoa(top.Accusations) + " of " + of + " came from " + clean(top.Name)
		if top.Refuted > 0 {
			s += ", and " + strconv.Itoa(top.Refuted) + " of those were refuted"
		}
		if most(accused.Accused) {
			return s + "; " + against + ": look at both, and at what is between them"
		}
		return s + top.health() + ": look there"
	case most(accused.Accused):
		return "of " + of + ", by " + textwrap.Count(len(f.Accusers), "member") + ", " + against +
			": look there"
	}
	return of + " came from " + textwrap.Count(len(f.Accusers), "member") + ": no member stands out"
}

// period is the time that is looked at, as it follows "the last".
func (f *Flaps) period() string {
	switch d := time.Duration(f.Since * float64(time.Second)).Round(time.Second); d {
	case time.Hour:
		return "hour"
	case time.Minute:
		return "minute"
	default:
		return duration(d)
	}
}

// mostAccused returns the member that was accused most often; the zero Flapper if none was more
// than once.
func (f *Flaps) mostAccused() (most Flapper) {
	for _, m := range f.Members {
		if m.Accused > most.Accused {
			most = m
		}
	}
	return most
}

func (a *Accuser) health() string {
	if a.Health == nil {
		return "; its health isn't known here"
	}
	return "; its health is " + strconv.Itoa(*a.Health)
}

// Counts returns how many changes of its state each member had since a time.
func (l *Log) Counts(since time.Duration) map[string]int {
	counts := make(map[string]int)
	for i := l.newest; i != 0 && l.at(i).at >= since; i = l.at(i).older {
		if r := l.at(i); r.cause != Pause {
			counts[l.names[r.subject].text]++
		}
	}
	return counts
}
