package agent

import (
	"context"
	"time"

	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
)

// healthTimeout is how long Flaps waits for accusers to say how healthy they are.
const healthTimeout = time.Second

// HistoryOfAll asks all agents of this implementation why a member's state changed, and merges what
// they know with what this agent does. ok is false if nobody knows anything of that name. It takes
// as long as Views.
//
// Agents say how long ago a change was, so clocks of hosts don't matter. When their answer left
// them isn't known better than within the time that it took: their times are right to half of that.
func (a *Agent) HistoryOfAll(
	ctx context.Context, name string, timeout time.Duration,
) (m history.Merged, ok bool, err error) {
	if timeout <= 0 {
		timeout = ViewsTimeout
	}
	p := poll{a: a, history: name, timeout: timeout, agents: make(map[string]*polled)}
	if err := p.ask(ctx); err != nil {
		return history.Merged{}, false, err
	}
	var accounts []history.Account
	var missing []string
	for _, g := range p.sorted() {
		switch account, given := p.account(g); {
		case given:
			accounts = append(accounts, account)
			ok = ok || len(account.Changes) > 0 || account.Status != serf.StatusNone.String()
		case g.status != serf.StatusLeft:
			missing = append(missing, g.name)
		}
	}
	m = history.Merge(name, a.conf.Name, accounts)
	m.Missing = append(m.Missing, missing...)
	for i := range m.Changes {
		c := &m.Changes[i]
		c.Time = a.stamp(c.At)
		c.Text = c.Words(name, c.By)
	}
	return m, ok, nil
}

// account is what one agent knows, in terms of this agent's clock.
func (p *poll) account(g *polled) (account history.Account, given bool) {
	if g.name == p.a.conf.Name {
		h, _ := p.a.History(p.history)
		return history.Account{
			Witness: history.Witness{Name: g.name, Status: h.Status, Dropped: h.Dropped},
			Changes: h.Changes,
		}, true
	}
	if g.report == nil {
		return history.Account{}, false
	}
	changes, dropped, err := g.report.History()
	answered := time.Duration(g.at) - g.took/2
	for i := range changes {
		changes[i].At += answered
	}
	return history.Account{
		Witness: history.Witness{
			Name: g.name, Status: g.report.Status.String(), Dropped: dropped,
			Error: float64((g.took / 2).Microseconds()) / 1000,
		},
		Changes: changes,
	}, err == nil
}

// FlapsAndHealth is Flaps, after the accusers were asked how healthy they are. It takes up to a
// second if one doesn't answer.
func (a *Agent) FlapsAndHealth(ctx context.Context, since time.Duration) history.Flaps {
	f := a.Flaps(since)
	var names []string
	for i := range f.Accusers {
		if !f.Accusers[i].Self {
			names = append(names, f.Accusers[i].Name)
		}
	}
	if len(names) == 0 {
		return f
	}
	q, err := a.ask(ctx, func(now swim.Time) (swim.OpID, error) {
		return a.loop.node.Ask(now, serf.Question{
			Nodes: names, Direct: true, Timeout: healthTimeout,
		}, &a.loop.out)
	})
	if err != nil {
		return f
	}
	scores := make(map[string]int)
	for answer := range q.each(ctx) {
		if r, err := serf.ParseReport(answer.Payload); err == nil {
			scores[answer.From] = r.Health
		}
	}
	if ctx.Err() == nil {
		f.SetHealth(scores)
	}
	return f
}
