package swim

import "slices"

// Mechanism is a set of measures, most of them against accusing members that are alive. A node
// applies all of them; Simulation.Without leaves some out, so that experiments can show what each is
// worth.
type Mechanism uint32

// What Lifeguard (Dadgar, Phillips, Currey 2017) adds to SWIM (Das, Gupta, Motivala 2002).
const (
	// LocalHealth: a node that has reason to doubt itself gives others more time to answer, and
	// asks helpers to report when an indirect probe fails (LHA-Probe).
	LocalHealth Mechanism = 1 << iota
	// Confirmation: the fewer members accuse a suspect, the more time it has to refute
	// (LHA-Suspicion).
	Confirmation
	// Buddy: a ping of a suspect carries the suspicion (Buddy System).
	Buddy
)

// What this node adds to Lifeguard.
const (
	// PauseCompensation: after a pause of its own process, a node extends every deadline by which
	// it would judge another member.
	PauseCompensation Mechanism = 1 << (iota + 8)
	// FinalProbe: a suspect is pinged once more before it is declared dead.
	FinalProbe
	// DeferredAck: an ack is sent after its whole packet was read. It carries what the packet made
	// this node say, and what the pinger ought to refute.
	DeferredAck
	// PromptGossip: an update is gossiped at once after a quiet gossip interval, and a burst of
	// updates faster than one packet an interval.
	PromptGossip
	// ProbeDead: dead members are pinged from time to time.
	ProbeDead
	// FirstHand: only the member that got no answer accuses a suspect. The state in a push/pull
	// confirms nothing.
	FirstHand
	// Correction: an outdated message is answered with the newer state.
	Correction
	// Relay: a member that passed on the ack of one that this node couldn't reach is asked again
	// about such members, before they become suspect and before they are declared dead.
	Relay
	// PreferResponsive: while most members don't answer, those heard from lately are preferred, and
	// they tell whether this node itself is at fault.
	PreferResponsive
	// WideProbe: while most members don't answer, a healthy node probes many at a time.
	WideProbe
	// RejoinCheck: a member that came back and failed again without ever answering must answer a
	// ping before it counts as alive again; so must one that was forgotten, if only others say so.
	RejoinCheck
	// Difference: members exchange what differs in their states, more often and at any size of the
	// cluster, instead of whole states.
	Difference
)

// Sets of mechanisms to leave out.
const (
	// WithoutOurs leaves Lifeguard, as memberlist has it.
	WithoutOurs = PauseCompensation | FinalProbe | DeferredAck | PromptGossip | ProbeDead |
		FirstHand | Correction | Relay | PreferResponsive | WideProbe | RejoinCheck |
		Difference
	// WithoutAny leaves plain SWIM.
	WithoutAny = WithoutOurs | LocalHealth | Confirmation | Buddy
)

// has tells whether the node applies m.
func (n *Node) has(m Mechanism) bool { return n.cfg.sim.Without&m == 0 }

// mechanismNames are the names of single mechanisms. Any name after the first is an older one,
// which ParseMechanism accepts too.
var mechanismNames = map[Mechanism][]string{
	LocalHealth:       {"local-health"},
	Confirmation:      {"confirmation"},
	Buddy:             {"buddy"},
	PauseCompensation: {"pause-compensation", "standstill"},
	FinalProbe:        {"final-probe", "last-ask"},
	DeferredAck:       {"deferred-ack", "frank-ack"},
	PromptGossip:      {"prompt-gossip", "prompt"},
	ProbeDead:         {"probe-dead", "knock"},
	FirstHand:         {"first-hand"},
	Correction:        {"correction", "correct"},
	Relay:             {"relay", "bridge"},
	PreferResponsive:  {"prefer-responsive", "heard"},
	WideProbe:         {"wide-probe", "sweep"},
	RejoinCheck:       {"rejoin-check", "proof"},
	Difference:        {"difference"},
}

// String returns the name of a single mechanism, "" for a set.
func (m Mechanism) String() string {
	if names := mechanismNames[m]; len(names) > 0 {
		return names[0]
	}
	return ""
}

// ParseMechanism returns the mechanism with this name, or 0 if there is none.
func ParseMechanism(name string) Mechanism {
	for m, names := range mechanismNames { // no name is there twice: the order doesn't matter
		if slices.Contains(names, name) {
			return m
		}
	}
	return 0
}
