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

// NewSimulated is New for a node of a simulation.
func NewSimulated(now Time, c Config, s Simulation, out *Output) (*Node, error) {
	c.sim = s
	return New(now, c, out)
}
