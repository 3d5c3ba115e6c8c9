package cluster

import (
	"slices"
	"time"

	"serf/netsim/report"
	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
)

// ExplainMax bounds Config.Explain, so that the output can be read.
const ExplainMax = 100

// historyMax bounds the history of each member in bytes: some thousand changes. All together take
// at most 256 MB, since clusters that are explained have at most MaxChecked members.
const historyMax = 256 << 10

// record has member i, which starts, write down why others change.
func (c *Cluster) record(i int, now swim.Time, n *serf.Node) {
	if c.cfg.Explain > 0 {
		c.histories[i] = &history.Log{Limit: historyMax}
		n.TrackHistory(now, c.histories[i])
	}
}

// explain keeps how observer came to report, falsely, that subject failed.
func (c *Cluster) explain(observer, subject int) {
	if len(c.stories) >= c.cfg.Explain {
		return
	}
	changes, dropped := c.histories[observer].Member(c.Name(subject))
	clock := time.Duration(c.sim.Clock(observer))
	changes = slices.DeleteFunc(changes, func(x history.Change) bool { return x.At > clock })
	c.stories = append(c.stories, report.Story{
		At: time.Duration(c.Now()), Truth: c.truth(observer, subject, changes), Member: history.Member{
			Name: c.Name(subject), AsSeenBy: c.Name(observer), Status: history.Failed.String(),
			Dropped: dropped, Changes: changes,
		},
	})
}

// truth says how those were who have to do with a failure: the subject, the observer, and who
// accused and confirmed.
func (c *Cluster) truth(observer, subject int, changes []history.Change) (lines []string) {
	said := make(map[string]bool)
	add := func(i int) {
		if name := c.Name(i); !said[name] {
			said[name] = true
			lines = append(lines, name+" "+c.condition(i))
		}
	}
	add(subject)
	add(observer)
	if len(changes) == 0 {
		return lines
	}
	last := &changes[len(changes)-1]
	for _, name := range append([]string{last.Accuser}, last.Confirmers...) {
		if id := c.rosters[0].Lookup([]byte(name)); id != swim.NoMember {
			if i, ok := c.Index(id); ok {
				add(i)
			}
		}
	}
	return lines
}

// condition says how a member is, and has been for as long as a suspicion and its gossip may take.
func (c *Cluster) condition(i int) string {
	m := &c.members[i]
	switch {
	case c.sim.Down(i):
		return "was down"
	case !c.sim.Running(i):
		return "was paused"
	case m.impairments > 0:
		return "ran with faults of its network"
	case c.Now().Sub(m.changed) < c.lag():
		ago := c.Now().Sub(m.changed).Round(time.Second)
		return "ran; it had started, or had a fault, " + ago.String() + " before"
	}
	return "ran without a fault"
}
