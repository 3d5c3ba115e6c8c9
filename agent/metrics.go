package agent

import (
	"serf/agent/handler"
	"serf/agent/recording"
	"serf/swim"
	"serf/swim/serf"
)

// Metrics is one reading of all metrics of an agent. Those of the node are from the same moment.
type Metrics struct {
	Membership swim.Counters
	Above      serf.Counters
	Node       serf.Stats
	States     [swim.Left + 1]int // members by state, as the membership knows them
	Queued     int                // membership messages in the broadcast queue
	QueueDrops uint64             // and those that it had no room for
	// Members are those listed, by status.
	Members  [serf.StatusFailed + 1]int
	Traffic  Traffic
	Handlers handler.Stats
	// Recording are the figures of the recorder; zero without one.
	Recording recording.Stats
	// Coordinate is that of this member; zero if coordinates are off.
	Coordinate Coordinate
}

// Metrics reads the metrics. ok is false once the agent has stopped.
func (a *Agent) Metrics() (m Metrics, ok bool) {
	var read Metrics
	err := a.look(func() {
		node := a.loop.node
		read.Membership, read.Above, read.Node = *node.Swim().Counters(), *node.Counters(),
			node.Stats()
		read.States, read.Queued = node.Swim().States(), node.Swim().Queued()
		read.QueueDrops = node.Swim().QueueDrops()
		for s := range read.Members {
			read.Members[s] = node.Count(serf.Status(s))
		}
		read.Coordinate, _ = node.Coordinate(a.conf.Name)
	})
	if err != nil {
		return Metrics{}, false
	}
	read.Traffic, read.Handlers = a.Traffic(), a.HandlerStats()
	read.Recording, _ = a.recorder.Stats()
	return read, true
}
