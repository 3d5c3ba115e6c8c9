package cluster

import (
	"slices"

	"serf/netsim/report"
	"serf/swim"
	"serf/swim/serf"
)

// Query is a query on its way and what came back.
type Query struct {
	From    int
	Acks    []string // names, sorted
	Answers []string // "name: payload", sorted
	Done    bool
	DoneAt  swim.Time

	account int // index in Cluster.asked, or uncounted
}

// uncounted is the account of a query that is one too many.
const uncounted = -1

type queryKey struct {
	host int
	op   swim.OpID
}

// Query asks all members, each of which answers with its name.
func (c *Cluster) Query(i int, p serf.QueryParams) (*Query, error) {
	return c.query(i, func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error) { return n.Query(now, p, out) })
}

// query has member i begin something that others answer.
func (c *Cluster) query(i int, begin func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error)) (*Query, error) {
	q := &Query{From: i, DoneAt: swim.Never, account: uncounted}
	err := c.request(i, func(n *serf.Node, now swim.Time, out *swim.Output) error {
		op, err := begin(n, now, out)
		if err == nil {
			// Known before the effects are carried out: the first answer may be our own.
			c.queries[queryKey{i, op}] = q
			q.account = c.openAccount()
		}
		return err
	})
	return q, err
}

// InstallKey has member i ask all members to add a key to their keyrings.
func (c *Cluster) InstallKey(i int, key []byte) (*Query, error) {
	return c.query(i, func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error) {
		return n.InstallKey(now, key, 0, out)
	})
}

// UseKey has member i ask all members to encrypt with a key that they have.
func (c *Cluster) UseKey(i int, key []byte) (*Query, error) {
	return c.query(i, func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error) {
		return n.UseKey(now, key, 0, out)
	})
}

// RemoveKey has member i ask all members to forget a key.
func (c *Cluster) RemoveKey(i int, key []byte) (*Query, error) {
	return c.query(i, func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error) {
		return n.RemoveKey(now, key, 0, out)
	})
}

// openAccount begins to count the answers to a query that all who run are to get.
func (c *Cluster) openAccount() int {
	if len(c.asked) == MaxEvents {
		return uncounted
	}
	due := 0
	for i, holds := range c.beliefs.holds {
		if holds && c.beliefs.isAlive(i) {
			due++
		}
	}
	c.asked = append(c.asked, report.NewSpread(c.Now(), due))
	return len(c.asked) - 1
}

// countAnswer leaves out those beyond what was due: members that have started since.
func (c *Cluster) countAnswer(q *Query) {
	if q.account == uncounted {
		return
	}
	if s := &c.asked[q.account]; s.Reached < s.Due {
		s.Reach(c.Now())
	}
}

// answer responds to a query that reached a member.
func (c *Cluster) answer(host int, e *swim.Event) {
	op, life := e.Op, c.members[host].starts
	c.sim.At(c.Now(), func() {
		if c.members[host].starts != life {
			return
		}
		c.do(host, func(n *serf.Node, now swim.Time, out *swim.Output) {
			// Too late or unreachable is the network's doing, which the query's account shows.
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
		}
	case serf.EventQueryDone:
		q.Done, q.DoneAt = true, c.Now()
		delete(c.queries, key)
	}
}

// insertOnce keeps list sorted and reports whether s is new. A member that is heard twice breaks a
// rule: relayed copies of an answer are the node's to recognize.
func (c *Cluster) insertOnce(list *[]string, s string) bool {
	i, found := slices.BinarySearch(*list, s)
	if found {
		c.violate("query", "%q came twice", s)
	}
	*list = slices.Insert(*list, i, s)
	return !found
}
