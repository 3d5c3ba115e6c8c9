// Package survey has what the agents of a cluster answered when one asked them all: whether they
// agree on who is alive, and who disagrees about whom.
package survey

import (
	"fmt"
	"strings"

	"serf/internal/textwrap"
)

// Views is what the agents of a cluster say about their views, as seen from one of them. Its JSON
// is for users and stays.
type Views struct {
	AsSeenBy string `json:"as_seen_by"`
	Digest   string `json:"digest"` // of this agent's view
	// Agree: no agent that answered disagrees with this one.
	Agree  bool    `json:"agree"`
	Agents []Agent `json:"agents"` // by name; this one included
	// Disagreements are the members about which agents disagree with this one, by name.
	Disagreements []Disagreement `json:"disagreements"`
	// Summary says all that in a sentence.
	Summary string `json:"summary"`
}

// How an agent answered, if at all.
const (
	// ReplyYes: it did.
	ReplyYes = "yes"
	// ReplyOther: it is there, and of another implementation, which doesn't know the question.
	ReplyOther = "other"
	// ReplySilent: it is there, and doesn't answer, or its answer got lost.
	ReplySilent = "silent"
	// ReplyNo: nothing came from it.
	ReplyNo = "no"
)

// Agent is what one agent says.
type Agent struct {
	Name   string `json:"name"`
	Status string `json:"status"` // as this agent lists it
	Answer string `json:"answer"` // ReplyYes and so on
	*Figures
	// Incomplete: it disagrees about further members, or its view wasn't compared.
	Incomplete bool `json:"incomplete,omitempty"`
}

// Figures are those of an agent's view.
type Figures struct {
	Digest  string `json:"digest"`
	Health  int    `json:"health"` // score: 0 is good
	Alive   int    `json:"alive"`  // with the suspects
	Suspect int    `json:"suspect"`
	Leaving int    `json:"leaving"`
	Failed  int    `json:"failed"`
	Left    int    `json:"left"`
	// Uptime and Took are how long it has run, and how long its answer took.
	Uptime float64 `json:"uptime_s"`
	Took   float64 `json:"took_ms"`
}

// Disagreement is about one member, that is alive or leaving for some and not for others.
type Disagreement struct {
	Member string   `json:"member"`
	Here   string   `json:"here"`   // its status for this agent; "none": not listed
	There  string   `json:"there"`  // its status for the others
	Agents []string `json:"agents"` // those others, by name
}

// Sum sets Summary to what the rest says: whether agents agree, and who wasn't heard.
func (v *Views) Sum() { v.Summary = v.summary() }

func (v *Views) summary() string {
	replies := make(map[string][]string)
	apart := 0
	members := make(map[string]bool)
	for _, d := range v.Disagreements {
		members[d.Member] = true
	}
	for i := range v.Agents {
		g := &v.Agents[i]
		replies[g.Answer] = append(replies[g.Answer], g.Name)
		if g.Incomplete || v.disagrees(g.Name) {
			apart++
		}
	}
	var b strings.Builder
	answered := len(replies[ReplyYes])
	switch {
	case apart == 0 && answered == 1:
		b.WriteString("no other agent answered")
	case apart == 0:
		fmt.Fprintf(&b, "all %d agents that answered agree on who is alive", answered)
	case len(members) == 0:
		has := "have"
		if apart == 1 {
			has = "has"
		}
		fmt.Fprintf(&b, "%d of %d agents %s another view than %s", apart, answered, has, v.AsSeenBy)
	default:
		fmt.Fprintf(&b, "%d of %d agents %s with %s about %s", apart, answered,
			verb(apart, "disagree"), v.AsSeenBy, textwrap.Count(len(members), "member"))
	}
	for _, kind := range []struct{ reply, text string }{
		{ReplyNo, "no answer from "},
		{ReplySilent, "pings are answered, but not this, by "},
		{ReplyOther, "of another implementation, and not to be asked: "},
	} {
		if names := replies[kind.reply]; len(names) > 0 {
			b.WriteString("; " + kind.text + textwrap.Some(names, fewNames))
		}
	}
	return b.String()
}

func (v *Views) disagrees(name string) bool {
	for i := range v.Disagreements {
		for _, agent := range v.Disagreements[i].Agents {
			if agent == name {
				return true
			}
		}
	}
	return false
}

// fewNames is how many agents a sentence names.
const fewNames = 8

// String says what the disagreement is, in a sentence.
func (d *Disagreement) String() string {
	return fmt.Sprintf("%s is %s here; %s %s it as %s", d.Member, listedAs(d.Here),
		textwrap.Some(d.Agents, fewNames), verb(len(d.Agents), "see"), listedAs(d.There))
}

func listedAs(status string) string {
	if status == "none" {
		return "not listed"
	}
	return status
}

// verb is the form of a verb that goes with so many.
func verb(n int, plural string) string {
	if n == 1 {
		return plural + "s"
	}
	return plural
}
