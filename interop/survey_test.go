package interop

import (
	"strings"
	"testing"
	"time"

	"serf/agent/survey"
)

// TestOriginalDoesNotNoticeQuestions asks all agents about their views where half of them are of
// the original. Those log nothing that a query which isn't meant for them wouldn't make them log,
// nobody waits for them, and what is said of them is that they are there.
func TestOriginalDoesNotNoticeQuestions(t *testing.T) {
	t.Parallel()
	all := cluster(t, options{}, ours, original, ours, original)
	lines := make(map[member]int)
	for _, m := range all {
		if o, ok := m.(*originalMember); ok {
			lines[m] = strings.Count(o.log.String(), "\n")
		}
	}
	const timeout = 20 * time.Second
	began := time.Now()
	v, err := all[0].(*own).agent.Views(t.Context(), timeout)
	must(t, err)
	if took := time.Since(began); took > timeout/2 {
		t.Errorf("it took %v", took)
	}
	for _, g := range v.Agents {
		want := survey.ReplyYes
		for _, m := range all {
			if _, ok := m.(*originalMember); ok && m.name() == g.Name {
				want = survey.ReplyOther
			}
		}
		if g.Answer != want || g.Status != "alive" {
			t.Errorf("%s, %s, answers: %s, want %s", g.Name, g.Status, g.Answer, want)
		}
	}
	if !v.Agree || len(v.Agents) != len(all) {
		t.Errorf("%+v", v)
	}

	must(t, all[0].event("after", nil, false))
	wantEvent(t, "user after ", all...)
	for m, before := range lines {
		log := strings.Split(m.(*originalMember).log.String(), "\n")[before:]
		for _, line := range log {
			if line != "" && !strings.Contains(line, "[DEBUG]") {
				t.Errorf("%s logs %s", m.name(), line)
			}
		}
	}
	got, err := all[1].query(question{name: echoQuery, ack: true, acks: len(all), responses: len(all)})
	must(t, err)
	wantAnswers(t, got, all, all, "")
}
