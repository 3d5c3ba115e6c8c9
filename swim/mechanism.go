package swim

// Mechanism is one of the means against accusing members that live. A node has all of them;
// what each is worth shows when Config.Without leaves it out.
type Mechanism uint32

// What SWIM (Das, Gupta, Motivala 2002) lacks and Lifeguard (Dadgar, Phillips, Currey 2017) adds.
const (
	// LocalHealth: a node that has reason to doubt itself gives others more time to answer, and
	// asks to be told when an indirect probe fails (LHA-Probe).
	LocalHealth Mechanism = 1 << iota
	// Confirmation: a suspect has the more time the fewer members accuse it (LHA-Suspicion).
	Confirmation
	// Buddy: who pings a suspect tells it so in the same packet (Buddy System).
	Buddy
)

// What this node adds.
const (
	// Standstill: a node that stood still gives all whom it is about to judge the time back.
	Standstill Mechanism = 1 << (iota + 8)
	// LastAsk: a suspect is asked once more before it is given up.
	LastAsk
	// FrankAck: an ack is sent when its whole packet has been read, and says what that made this
	// node say, and what the pinger ought to refute.
	FrankAck
	// Prompt: news goes out at once if nothing was said for a gossip interval, and a burst
	// sooner than a packet an interval.
	Prompt
	// Knock: failed members are pinged now and then.
	Knock
	// FirstHand: only who found that a member doesn't answer accuses it. What a full exchange says confirms nothing.
	FirstHand
	// Correct: outdated news is answered with what is newer.
	Correct
	// Bridge: who passed on the ack of a member that we couldn't reach is asked again about such members, before
	// they are suspected and before they are given up.
	Bridge
	// Heard: while most members are silent, those who were heard are preferred, and tell whether this node is ill.
	Heard
	// Sweep: while most members are silent, a node that isn't ill probes many at a time.
	Sweep
	// Proof: who was back, and failed again without having answered anything, has to answer before it's believed, and
	// who is forgotten before others are believed that it lives.
	Proof
)

// Sets of mechanisms to go without.
const (
	// WithoutOurs is Lifeguard, as the original has it, WithoutAny SWIM.
	WithoutOurs = Standstill | LastAsk | FrankAck | Prompt | Knock | FirstHand | Correct | Bridge | Heard | Sweep | Proof
	WithoutAny  = WithoutOurs | LocalHealth | Confirmation | Buddy
)

// has tells whether the node uses m.
func (n *Node) has(m Mechanism) bool { return n.cfg.Without&m == 0 }

var mechanismNames = map[Mechanism]string{
	LocalHealth: "local-health", Confirmation: "confirmation", Buddy: "buddy",
	Standstill: "standstill", LastAsk: "last-ask", FrankAck: "frank-ack", Prompt: "prompt", Knock: "knock",
	FirstHand: "first-hand", Correct: "correct", Bridge: "bridge", Heard: "heard", Sweep: "sweep",
	Proof: "proof",
}

// String is the name of a single mechanism.
func (m Mechanism) String() string { return mechanismNames[m] }
