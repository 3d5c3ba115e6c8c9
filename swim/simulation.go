package swim

// Simulation is what simulations set about a node and nobody else needs. Zero is a node as in
// production.
type Simulation struct {
	// Without leaves mechanisms out, for comparisons.
	Without Mechanism
	// Roster interns identities. The nodes of one goroutine share it; nil means one of its own.
	Roster *Roster
	// Base, if set, is what this node, one of its members, knows from the start, as if it had run
	// for long. No events report it. Roster, if set, must have been made from it.
	Base *Base
}

// roster returns the one to use, a new one unless it is shared.
func (s *Simulation) roster() *Roster {
	if s.Roster != nil {
		return s.Roster
	}
	return s.Base.NewRoster()
}

// Preload reads a field in each cache line of n that most inputs need, so that a simulation can do
// it for many nodes at once. It changes nothing.
func (n *Node) Preload() uint64 {
	c, g := &n.cfg, &n.gossip
	return uint64(n.self) + uint64(n.probe.next) + uint64(n.health) + uint64(n.suspicions.due) +
		uint64(len(n.pings.list)) + uint64(len(n.joins)) + uint64(len(n.moves.list)) +
		uint64(g.last) + uint64(g.queue.n) + g.queue.sent + uint64(n.pushPull.next) +
		uint64(n.view.live) + uint64(n.view.at(n.self).inc) + uint64(n.view.order.Len()) +
		uint64(n.view.zoning.home) + n.counters.PacketsIn + n.counters.BytesIn +
		n.counters.Probes + uint64(c.PacketMax) + uint64(c.ProbeInterval)
}

// ViewChanges is how often what View returns has changed, of any member. It starts anew in a node
// that is restored.
func (n *Node) ViewChanges() uint64 { return n.view.changes }

// NewSimulated is New for a node of a simulation.
func NewSimulated(now Time, c Config, s Simulation, out *Output) (*Node, error) {
	c.sim = s
	return New(now, c, out)
}
