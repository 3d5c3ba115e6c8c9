package survey

import "testing"

func TestSummariesOfViews(t *testing.T) {
	agents := func(answers ...string) (list []Agent) {
		for i, answer := range answers {
			list = append(list, Agent{Name: string(rune('a' + i)), Answer: answer})
		}
		return list
	}
	incomplete := agents(ReplyYes, ReplyYes, ReplyYes)
	incomplete[1].Incomplete = true
	many := agents(ReplyYes)
	for i := range 10 {
		many = append(many, Agent{Name: string(rune('k' + i)), Answer: ReplyNo})
	}
	for _, tt := range []struct {
		v    Views
		want string
	}{
		{Views{Agents: agents(ReplyYes)}, "no other agent answered"},
		{Views{Agents: agents(ReplyYes, ReplyYes)},
			"all 2 agents that answered agree on who is alive"},
		{Views{Agents: agents(ReplyYes, ReplyYes, ReplyNo, ReplySilent, ReplyOther)},
			"all 2 agents that answered agree on who is alive; no answer from c; " +
				"pings are answered, but not this, by d; " +
				"of another implementation, and not to be asked: e"},
		{Views{Agents: incomplete}, "1 of 3 agents has another view than a"},
		{Views{Agents: agents(ReplyYes, ReplyYes, ReplyYes), Disagreements: []Disagreement{
			{Member: "x", Agents: []string{"b", "c"}}, {Member: "y", Agents: []string{"b"}}}},
			"2 of 3 agents disagree with a about 2 members"},
		{Views{Agents: agents(ReplyYes, ReplyYes), Disagreements: []Disagreement{
			{Member: "x", There: "left", Agents: []string{"b"}},
			{Member: "x", There: "failed", Agents: []string{"b"}}}},
			"1 of 2 agents disagrees with a about 1 member"},
		{Views{Agents: many}, "no other agent answered; no answer from k, l, m, n, o, p, q, r and 2 more"},
	} {
		tt.v.AsSeenBy = "a"
		if tt.v.Sum(); tt.v.Summary != tt.want {
			t.Errorf("%q, want %q", tt.v.Summary, tt.want)
		}
	}
	d := Disagreement{Member: "m7", Here: "failed", There: "none", Agents: []string{"b", "c"}}
	if got := d.String(); got != "m7 is failed here; b, c see it as not listed" {
		t.Error(got)
	}
}
