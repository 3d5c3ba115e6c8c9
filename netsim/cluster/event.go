package cluster

import (
	"fmt"
	"slices"

	"serf/netsim/report"
	"serf/swim"
	"serf/swim/serf"
)

// Event takes in an event of a member. It implements [netsim.Observer].
func (c *Cluster) Event(now swim.Time, host int, e *swim.Event) {
	switch e.Kind {
	case serf.EventMemberJoin, serf.EventMemberUpdate, serf.EventMemberFailed,
		serf.EventMemberLeave, serf.EventMemberReap:
		for _, id := range e.Members {
			if s, ok := c.Index(id); ok {
				c.noteView(host, s, e.Kind)
			}
		}
		c.settle()
	case serf.EventUserEvent:
		begin := func() ([]uint64, report.Spread) {
			due := c.views.running()
			s := c.spread(host, due)
			s.Name = fmt.Sprintf("%s of %s", e.Name, c.Name(host))
			return due, s
		}
		if text := c.deliveries.got(now, host, c.regions.at(host), e, begin); text != "" {
			c.Violate("delivery", "%s delivered event %s twice", c.Name(host), text)
		}
	case serf.EventKeyring:
		c.keys.save(host, c.Node(host))
	case serf.EventQuery:
		c.answer(host, e)
	case serf.EventQueryAck, serf.EventQueryResponse, serf.EventQueryDone:
		c.collect(host, e)
	case swim.EventSuspected:
		c.metrics.suspicions++
	case swim.EventRefuted:
		c.metrics.refutations++
	case swim.EventLeaveDone, serf.EventShutdown:
		life := c.members[host].starts
		c.sim.At(now, func() {
			if c.members[host].starts == life {
				c.Crash(host)
			}
		})
	}
	for _, k := range c.checks {
		k.event(now, host, e)
	}
}

// noteView takes in what a member says of another. An observer that knows another address than the
// subject's doesn't see it alive.
func (c *Cluster) noteView(observer, subject int, kind swim.EventKind) {
	alive := (kind == serf.EventMemberJoin || kind == serf.EventMemberUpdate) &&
		c.found(observer, subject)
	if kind == serf.EventMemberUpdate && alive == c.views.sees(observer, subject) {
		return
	}
	if kind == serf.EventMemberFailed {
		c.judgeFailure(observer, subject)
	}
	if !alive && c.views.sees(observer, subject) {
		c.metrics.gone(c.Now(), subject, c.regions.at(observer))
	}
	if alive && observer != subject && !c.views.sees(observer, subject) {
		c.metrics.addDue(subject, c.regions.at(observer))
	}
	c.views.learn(observer, subject, alive)
}

// found reports whether a member knows where another lives.
func (c *Cluster) found(observer, subject int) bool {
	n := c.Node(observer)
	if n == nil {
		return false
	}
	v, _ := n.Swim().View(id(subject))
	return v.Addr == c.sim.Addr(subject)
}

// answer responds to a query that reached a member.
func (c *Cluster) answer(host int, e *swim.Event) {
	op, life := e.Op, c.members[host].starts
	c.sim.At(c.Now(), func() {
		if c.members[host].starts != life {
			return
		}
		c.do(host, func(n *serf.Node, now swim.Time, out *swim.Output) {
			// An answer that is too late, or can't be sent, shows in the query's figures.
			_ = n.Respond(now, op, []byte(c.Name(host)), out)
		})
	})
}

// collect takes in what came back for a query.
func (c *Cluster) collect(host int, e *swim.Event) {
	key := queryKey{host, e.Op}
	q := c.queries[key]
	if q == nil {
		return
	}
	switch e.Kind {
	case serf.EventQueryAck:
		c.insertOnce(&q.Acks, string(e.Name))
	case serf.EventQueryResponse:
		if c.insertOnce(&q.Answers, string(e.Name)+": "+string(e.Data)) {
			c.countAnswer(q)
			q.count(e.Data)
		}
	case serf.EventQueryDone:
		q.Done, q.DoneAt = true, c.Now()
		delete(c.queries, key)
	}
}

// missing describes the events that some member should have got by now and hasn't.
func (c *Cluster) missing() []string {
	return c.deliveries.missing(c.Name,
		func(i int, time uint64) bool { return time < c.members[i].minEvent })
}

// judgeFailure counts a failure that observer reports about a living subject as false.
func (c *Cluster) judgeFailure(observer, subject int) {
	if !c.views.isAlive(subject) {
		return
	}
	faultless := !c.members[observer].faulted
	if p := c.members[subject].pause; p != nil && faultless {
		c.noticePause(p, observer)
	}
	lag, f := c.lag(), &c.metrics.falseFailures
	if c.faultBetween(observer, subject, lag) {
		f.AcrossFaults++
		return
	}
	f.All++
	c.explain(observer, subject)
	if !c.members[subject].faulted {
		f.OfFaultless++
		if faultless {
			f.AmongFaultless++
		}
	}
	if c.undisturbed(observer, lag) {
		f.AtHealthy++
		if c.undisturbed(subject, lag) {
			f.OfHealthy++
		}
	}
}

// insertOnce keeps list sorted, and reports whether s is new. A repeated entry breaks a rule:
// recognizing relayed copies of an answer is the node's job.
func (c *Cluster) insertOnce(list *[]string, s string) bool {
	i, found := slices.BinarySearch(*list, s)
	if found {
		c.Violate("query", "%q came twice", s)
	}
	*list = slices.Insert(*list, i, s)
	return !found
}
