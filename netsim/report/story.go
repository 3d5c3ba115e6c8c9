package report

import (
	"fmt"
	"io"
	"time"

	"serf/swim/history"
)

// Story is a false failure in full: what the observer knows of how it came to it, and what was true
// at that moment.
type Story struct {
	At time.Duration // of the failure
	history.Member
	Truth []string // about the subject, the observer and those who accused
}

// Told is a Story for programs. Times are in seconds of the simulation.
type Told struct {
	At       float64      `json:"at"`
	Name     string       `json:"name"`
	AsSeenBy string       `json:"as_seen_by"`
	Dropped  int          `json:"dropped"`
	Changes  []ToldChange `json:"changes"`
	Truth    []string     `json:"truth"`
}

// ToldChange is a change, with its time.
type ToldChange struct {
	At float64 `json:"at"`
	history.Change
}

// Told returns the stories for programs.
func (r *Report) Told() (list []Told) {
	for i := range r.Stories {
		s := &r.Stories[i]
		t := Told{
			At: s.At.Seconds(), Name: s.Name, AsSeenBy: s.AsSeenBy, Dropped: s.Dropped,
			Truth: s.Truth,
		}
		for _, c := range s.Changes {
			c.Text = c.Words(s.Name, s.AsSeenBy)
			t.Changes = append(t.Changes, ToldChange{c.At.Seconds(), c})
		}
		list = append(list, t)
	}
	return list
}

// WriteStories writes the first false failures, if they were recorded.
func (r *Report) WriteStories(w io.Writer) error {
	p := &printer{w: w}
	for i := range r.Stories {
		s := &r.Stories[i]
		p.printf("\nFalse failure %d of %d, at %v:\n", i+1, r.FalseFailures.All, s.At)
		p.printf("%s\n", s.Story(func(c *history.Change) string {
			return c.At.Round(time.Millisecond).String()
		}))
		for _, line := range s.Truth {
			p.printf("in truth: %s\n", line)
		}
	}
	return p.err
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
