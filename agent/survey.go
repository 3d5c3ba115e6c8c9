package agent

import (
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"serf/agent/survey"
	"serf/internal/std"
	"serf/swim"
	"serf/swim/serf"
)

const (
	// ViewsTimeout is how long Views waits for answers by default. Agents that are there answer
	// within a round trip; asking those again that a packet didn't reach takes some tenths of a
	// second.
	ViewsTimeout = 3 * time.Second
	// comparedMax is how many views that differ from this agent's are compared with it, one agent
	// for each. After a partition there are two.
	comparedMax = 16
	// compareTimeout bounds one question of a comparison, which goes to an agent that has just
	// answered. busyPause is the time before one is repeated that came too soon after others.
	compareTimeout = 2 * time.Second
	busyPause      = 100 * time.Millisecond
	// failedAskedMax is how many failed members are asked, in case that others reach them.
	failedAskedMax = 16
	// failedRelays is how many members pass on what they say.
	failedRelays = 2
)

// Views asks all agents of this implementation about their views of the cluster, and finds out who
// disagrees about whom. It takes up to timeout, by default ViewsTimeout, if some don't answer, and
// then some more if views differ. The error is that of the first question.
func (a *Agent) Views(ctx context.Context, timeout time.Duration) (survey.Views, error) {
	if timeout <= 0 {
		timeout = ViewsTimeout
	}
	p := poll{a: a, timeout: timeout, agents: make(map[string]*polled)}
	if err := p.ask(ctx); err != nil {
		return survey.Views{}, err
	}
	p.compare(ctx)
	return p.views(), nil
}

// poll asks all agents.
type poll struct {
	a       *Agent
	history string // the member whose history is wanted, if one is
	trips   bool   // round trips are wanted
	timeout time.Duration
	began   time.Time

	mu     sync.Mutex
	agents map[string]*polled // all who may answer, or did
}

// polled is an agent that is asked.
type polled struct {
	name   string
	status serf.Status
	report *serf.Report
	took   time.Duration // until the report was here
	at     swim.Time     // that moment
	acked  bool          // a ping
	other  bool          // it isn't of this implementation, as its ack says

	differences []serf.Difference
	incomplete  bool
}

// ask asks all members: those that are here directly, and some of those that failed both directly
// and by gossip, for others may reach them. Those that don't answer at once are pinged, which
// members of any kind understand.
func (p *poll) ask(ctx context.Context) error {
	a := p.a
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	var failed []string
	var wait time.Duration
	direct, err := a.ask(ctx, func(now swim.Time) (swim.OpID, error) {
		n := a.loop.node
		for m := range n.All() {
			p.agents[m.Name] = &polled{name: m.Name, status: m.Status}
			if m.Status == serf.StatusFailed && len(failed) < failedAskedMax {
				failed = append(failed, m.Name)
			}
		}
		wait = min(n.DefaultQueryTimeout(), p.timeout) / 8
		q := serf.Question{Direct: true, Timeout: p.timeout, History: p.history,
			RoundTrips: p.trips}
		return n.Ask(now, q, &a.loop.out)
	})
	if err != nil {
		return err
	}
	p.began = time.Now()
	answered := make(chan struct{})
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		defer close(answered)
		p.collect(ctx, direct)
	})
	if len(failed) > 0 {
		all.Go(func() { p.askFailed(ctx, failed, serf.Question{Direct: true, Timeout: wait}) })
		all.Go(func() { p.askFailed(ctx, failed, serf.Question{RelayFactor: failedRelays}) })
	}
	all.Go(func() {
		select {
		case <-answered:
		case <-time.After(wait):
			p.ping(ctx)
		}
	})
	return nil
}

// collect takes the answers to one query.
func (p *poll) collect(ctx context.Context, q *Query) {
	for answer := range q.each(ctx) {
		p.take(&answer)
	}
}

// take takes in one answer, whose sender need not be listed here.
func (p *poll) take(answer *Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.agents[answer.From]
	if g == nil {
		g = &polled{name: answer.From}
		p.agents[answer.From] = g
	}
	if answer.Kind == AnswerAck {
		g.acked, g.other = true, answer.Other
		return
	}
	if r, err := serf.ParseReport(answer.Payload); err == nil && g.report == nil {
		g.report, g.took, g.at = &r, time.Since(p.began), p.a.driver.Now()
	}
}

// askFailed asks failed members, as many as fit one query.
func (p *poll) askFailed(ctx context.Context, names []string, question serf.Question) {
	a := p.a
	q, err := a.ask(ctx, func(now swim.Time) (swim.OpID, error) {
		for {
			question.Nodes, question.History = names, p.history
			op, err := a.loop.node.Ask(now, question, &a.loop.out)
			if err == nil || len(names) == 1 {
				return op, err
			}
			names = names[:len(names)/2]
		}
	})
	if err == nil {
		p.collect(ctx, q)
	}
}

// ping pings those that haven't answered, to learn whether they are there, and of which kind.
func (p *poll) ping(ctx context.Context) {
	a := p.a
	var silent []string
	p.mu.Lock()
	for name, g := range p.agents { // order-free: a filter
		if g.report == nil && g.status != serf.StatusLeft {
			silent = append(silent, name)
		}
	}
	p.mu.Unlock()
	if len(silent) == 0 {
		return
	}
	slices.Sort(silent)
	params := serf.QueryParams{Name: serf.PingQuery, WantAck: true, RelayFactor: failedRelays,
		Nodes: silent, Timeout: p.timeout}
	q, err := a.ask(ctx, func(now swim.Time) (swim.OpID, error) {
		op, err := a.loop.node.Query(now, params, &a.loop.out)
		if err != nil { // too many names for one query
			params.Nodes = nil
			op, err = a.loop.node.Query(now, params, &a.loop.out)
		}
		return op, err
	})
	if err == nil {
		p.collect(ctx, q)
	}
}

// compare finds out how the views differ from this agent's, by asking one agent for each.
func (p *poll) compare(ctx context.Context) {
	own := p.a.Digest()
	views := make(map[serf.Digest][]*polled)
	for _, g := range p.sorted() {
		if g.report != nil && g.report.Digest != own {
			views[g.report.Digest] = append(views[g.report.Digest], g)
		}
	}
	var all sync.WaitGroup
	asked := 0
	for _, same := range views { // order-free: each by itself, and which are left out is no matter
		for _, g := range same {
			g.incomplete = true
		}
		if asked++; asked <= comparedMax {
			all.Go(func() { p.compareView(ctx, same) })
		}
	}
	all.Wait()
}

// compareView asks one of these agents, whose views are the same: one that is here, if there is.
func (p *poll) compareView(ctx context.Context, same []*polled) {
	i := slices.IndexFunc(same, func(g *polled) bool {
		return g.status == serf.StatusAlive || g.status == serf.StatusLeaving
	})
	var c serf.Comparison
	done := p.a.compareWith(ctx, same[max(i, 0)].name, &c)
	for _, g := range same {
		g.differences, g.incomplete = c.Differences, c.More || !done
	}
}

// compareWith compares this agent's view with that of a member, and reports whether it answered to
// the end.
func (a *Agent) compareWith(ctx context.Context, name string, c *serf.Comparison) bool {
	ctx, cancel := context.WithTimeout(ctx, compareTimeout*2)
	defer cancel()
	for {
		done := false
		q, err := a.ask(ctx, func(now swim.Time) (swim.OpID, error) {
			return a.loop.node.Ask(now, serf.Question{
				Nodes: []string{name}, Direct: true, Timeout: compareTimeout, Compare: c,
			}, &a.loop.out)
		})
		if err != nil {
			return false
		}
		r, ok := q.report(ctx, name)
		switch {
		case !ok:
			return false
		case r.Busy:
			if !std.Sleep(ctx, busyPause) {
				return false
			}
			continue
		}
		err = a.do(ctx, func(swim.Time) {
			a.loop.node.Compare(c, &r)
			done = c.Done()
		})
		if done || err != nil {
			return err == nil
		}
	}
}

// report waits for the report of one member.
func (q *Query) report(ctx context.Context, name string) (serf.Report, bool) {
	for answer := range q.each(ctx) {
		if answer.Kind == AnswerResponse && answer.From == name {
			r, err := serf.ParseReport(answer.Payload)
			return r, err == nil
		}
	}
	return serf.Report{}, false
}

// sorted returns the agents by name.
func (p *poll) sorted() []*polled {
	list := make([]*polled, 0, len(p.agents))
	for _, g := range p.agents {
		list = append(list, g)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

// views sums up.
func (p *poll) views() survey.Views {
	v := survey.Views{AsSeenBy: p.a.conf.Name, Digest: p.a.Digest().String(), Agree: true,
		Agents: []survey.Agent{}, Disagreements: []survey.Disagreement{}}
	type about struct{ member, here, there string }
	places := make(map[about]int) // in v.Disagreements
	for _, g := range p.sorted() {
		if g.status == serf.StatusLeft && g.report == nil {
			continue // nobody expects an answer
		}
		v.Agents = append(v.Agents, g.view())
		v.Agree = v.Agree && !g.incomplete && len(g.differences) == 0
		for _, d := range g.differences {
			key := about{d.Member, d.Here.String(), d.There.String()}
			i, ok := places[key]
			if !ok {
				i = len(v.Disagreements)
				places[key] = i
				v.Disagreements = append(v.Disagreements,
					survey.Disagreement{Member: key.member, Here: key.here, There: key.there})
			}
			v.Disagreements[i].Agents = append(v.Disagreements[i].Agents, g.name)
		}
	}
	sort.SliceStable(v.Disagreements, func(i, j int) bool {
		return v.Disagreements[i].Member < v.Disagreements[j].Member
	})
	v.Sum()
	return v
}

func (g *polled) view() survey.Agent {
	v := survey.Agent{Name: g.name, Status: g.status.String(), Incomplete: g.incomplete}
	switch r := g.report; {
	case r != nil:
		v.Answer = survey.ReplyYes
		v.Figures = &survey.Figures{
			Digest: r.Digest.String(), Health: r.Health, Alive: r.Alive, Suspect: r.Suspect,
			Leaving: r.Leaving, Failed: r.Failed, Left: r.Left, Uptime: r.Clock.Seconds(),
			Took: float64(g.took.Microseconds()) / 1000,
		}
	case g.acked && g.other:
		v.Answer = survey.ReplyOther
	case g.acked:
		v.Answer = survey.ReplySilent
	default:
		v.Answer = survey.ReplyNo
	}
	return v
}
