package cluster

import (
	"fmt"
	"math/bits"

	"serf/netsim/report"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// UserEvent has member i send a user event, whose deliveries are recorded. The error is that of the
// node, or that the member isn't running.
func (c *Cluster) UserEvent(i int, name string, payload []byte) error {
	err := c.request(i, func(n *serf.Node, now swim.Time, out *swim.Output) error {
		return n.UserEvent(now, name, payload, false, out)
	})
	if err == nil {
		c.deliveries.fired++
	}
	return err
}

// SetTags changes the tags of member i.
func (c *Cluster) SetTags(i int, tags map[string]string) error {
	return c.request(i, func(n *serf.Node, now swim.Time, out *swim.Output) error {
		return n.SetTags(now, tags, out)
	})
}

// ForceLeave has member i declare the member with a name as left.
func (c *Cluster) ForceLeave(i int, name string, prune bool) error {
	return c.request(i, func(n *serf.Node, now swim.Time, out *swim.Output) error {
		return n.ForceLeave(now, name, prune, out)
	})
}

// request is do for what a user asks for, and the node may refuse.
func (c *Cluster) request(
	i int, fn func(n *serf.Node, now swim.Time, out *swim.Output) error,
) error {
	c.requested = c.Now()
	err := fmt.Errorf("%s is not running", c.Name(i))
	c.do(i, func(n *serf.Node, now swim.Time, out *swim.Output) { err = fn(n, now, out) })
	return err
}

// Query has member i ask all members, each of which answers with its name.
func (c *Cluster) Query(i int, p serf.QueryParams) (*Query, error) {
	return c.query(i, false, func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error) {
		return n.Query(now, p, out)
	})
}

// query has member i begin a query, about keys or not.
func (c *Cluster) query(
	i int, keys bool, begin func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error),
) (*Query, error) {
	q := &Query{From: i, DoneAt: swim.Never, keys: keys, account: uncounted}
	err := c.request(i, func(n *serf.Node, now swim.Time, out *swim.Output) error {
		op, err := begin(n, now, out)
		if err == nil {
			// Registered before the effects are carried out: the first answer may be our own.
			c.queries[queryKey{i, op}] = q
			q.account = c.openAccount()
		}
		return err
	})
	return q, err
}

// Keys has member i ask all members to do something about a key.
func (c *Cluster) Keys(i int, command serf.KeyCommand, key []byte) (*Query, error) {
	return c.query(i, true, func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error) {
		return n.Keys(now, serf.KeyRequest{Command: command, Key: key}, out)
	})
}

// Keyring is the keyring file of member i, which outlives its process; nil without encryption.
func (c *Cluster) Keyring(i int) *wire.Keyring {
	if c.keys.rings == nil {
		return nil
	}
	return c.keys.rings[i]
}

// openAccount begins to count the answers to a query that all running members are to get.
func (c *Cluster) openAccount() int {
	if len(c.querySpreads) == MaxEvents {
		return uncounted
	}
	due := 0
	for _, w := range c.views.running() {
		due += bits.OnesCount64(w)
	}
	c.querySpreads = append(c.querySpreads, report.NewSpread(c.Now(), due))
	return len(c.querySpreads) - 1
}

// countAnswer counts an answer, but no more than were due: members that have started since may
// answer, too.
func (c *Cluster) countAnswer(q *Query) {
	if q.account == uncounted {
		return
	}
	if s := &c.querySpreads[q.account]; s.Reached < s.Due {
		s.Reach(c.Now(), 0)
	}
}
