package memberlist_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/compat/memberlist"
)

// zone lets gossip and states go only to nodes whose name begins with the same letter, and prefers
// one.
type zone struct {
	letter, preferred string
	asked             func(n *memberlist.NodeState)
}

func (z zone) SelectNodes(all []*memberlist.NodeState) (selected []*memberlist.NodeState, preferred *memberlist.NodeState) {
	for _, n := range all {
		z.asked(n)
		if strings.HasPrefix(n.Name, z.letter) {
			selected = append(selected, n)
		}
		if n.Name == z.preferred {
			preferred = n
		}
	}
	return selected, preferred
}

func TestNodesAreSelected(t *testing.T) {
	bubble(t, func(t *testing.T, network *memberlist.MockNetwork) {
		var all []*member
		for _, name := range []string{"a1", "a2", "b1", "b2"} {
			var preferred string
			if name == "a1" {
				preferred = "b1"
			}
			m := start(t, network, name, func(c *memberlist.Config, _ *recorder) {
				c.PushPullInterval, c.ProbeInterval = 0, 0
				c.NodeSelection = zone{name[:1], preferred, func(n *memberlist.NodeState) {
					if n.Name == name || n.DeadOrLeft() || n.Address() != n.FullAddress().Addr || n.StateChange.IsZero() {
						t.Errorf("%s is asked about %v", name, n)
					}
				}}
			})
			if len(all) > 0 {
				m.join(t, all[0])
			}
			all = append(all, m)
		}
		for _, m := range all[1:] { // of a zone hears who has one that knows it
			m.join(t, all...)
		}
		time.Sleep(5 * time.Second)
		for _, m := range all {
			want(t, m.conf.Name, m.NumMembers(), 4)
			m.take()
		}
		all[0].queue.QueueBroadcast(&text{"from a1", make(chan struct{})})
		all[3].queue.QueueBroadcast(&text{"from b2", make(chan struct{})})
		time.Sleep(5 * time.Second)
		synctest.Wait() // what came last was handed over, too
		for _, m := range all {
			got := m.take()
			want(t, m.conf.Name+" has that of a1", slices.Contains(got, "msg from a1"), m != all[0] && m != all[3])
			want(t, m.conf.Name+" has that of b2", slices.Contains(got, "msg from b2"), m == all[2])
		}
	})
}
