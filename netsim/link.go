package netsim

import "fmt"

// Link says how packets travel from one host to another.
type Link struct {
	Latency   Dist   // one way
	Jitter    Dist   // added to it
	Loss      Chance // a packet vanishes
	Duplicate Chance // a packet arrives twice, the second time with a latency of its own
	Reorder   Chance // a packet is held back by HoldBack, so that later ones overtake it
	HoldBack  Dist
}

// String describes l in one line.
func (l Link) String() string {
	return fmt.Sprintf("latency %v, loss %v, duplicates %v, reordered %v by %v",
		l.Latency, l.Loss, l.Duplicate, l.Reorder, l.HoldBack)
}

// Impairment is what is wrong with the network between some hosts and others, in addition to the
// link's own behaviour. All impairments that apply to a packet add up.
type Impairment struct {
	Cut       bool // nothing passes
	Reject    bool // nothing passes, and who sends is told: an ICMP error, see ErrUnreachable
	BlockUDP  bool // no packet passes; streams work
	NAT       bool // the hosts receive answers on streams that they opened, and nothing else
	Loss      Chance
	Duplicate Chance
	Reorder   Chance // of being held back
	HoldBack  Dist
	Delay     Dist
	Bandwidth Bandwidth // of what the hosts send, to anybody; 0: no limit
	// MTU is the largest packet that passes, in bytes with its headers; 0: no limit. Larger ones
	// vanish, and so do blocks on streams, whose segments fill what the hosts' interfaces take.
	MTU     int
	Streams StreamFault // what is wrong with streams that are opened in this direction
	// Buffer is how many bytes wait for a host that doesn't read, instead of socketBuffer.
	// 0: no limit of this one.
	Buffer int
	Flows  Flows // what stands before each of the hosts, and remembers with whom it talks
}

// StreamFault is what is wrong with streams while packets pass.
type StreamFault uint8

// The faults of streams, the worst last.
const (
	StreamsPass   StreamFault = iota
	StreamsSilent             // connections are accepted, and nobody reads or answers
	StreamsHang               // attempts to connect get no answer
	StreamsRefuse             // attempts to connect are refused
)

// Way is a direction, seen from the hosts that an impairment is about.
type Way uint8

// An impairment concerns what its hosts receive, what they send, or both.
const (
	BothWays Way = iota
	WayOut
	WayIn
)

// hostSet has one bit a host, so that thousands of impairments of thousands of hosts fit into
// memory.
type hostSet []uint64

func (s hostSet) has(h int32) bool { return s[h/64]>>(h%64)&1 != 0 }
