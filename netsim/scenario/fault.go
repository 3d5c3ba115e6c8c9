package scenario

import (
	"fmt"
	"slices"

	"serf/netsim"
)

// Fault is something that goes wrong, or members that come and go. Kind says what, and which other
// fields apply: see FaultKinds.
type Fault struct {
	Kind string `json:"kind"`
	// Start is when it begins, Length how long it lasts; 0 means to the end.
	Start  Duration `json:"start"`
	Length Duration `json:"length,omitzero"`
	Who
	// Every makes it happen to one member after the other, this far apart, each for Length. 0: to
	// all at once.
	Every Duration `json:"every,omitzero"`
	// Repeat makes it happen this many times in all, to the same members, with a pause of Gap.
	Repeat int      `json:"repeat,omitzero"`
	Gap    Duration `json:"gap,omitzero"`

	// With Snapshot, a member that starts again after Length knows what its snapshot held;
	// otherwise it knows nothing. With Move, it starts at a new address.
	Snapshot bool `json:"snapshot,omitzero"`
	Move     bool `json:"move,omitzero"`
	// With WhenSending, a process is stopped when it next sends, as one that blocks in a write to
	// its socket. Until then its timers fire, but it reads nothing.
	WhenSending bool `json:"when_sending,omitzero"`

	// To limits a fault of the network to the traffic between Who and these. Nil means all others.
	To *Who `json:"to,omitempty"`
	// Way limits it to one direction, seen from Who: "out" or "in". "" means both.
	Way string `json:"way,omitempty"`
	// What is wrong with the network, in addition to Scenario.Network.
	Delay     netsim.Dist      `json:"delay,omitzero"`
	Loss      netsim.Chance    `json:"loss,omitzero"`
	Duplicate netsim.Chance    `json:"duplicate,omitzero"`
	Reorder   netsim.Chance    `json:"reorder,omitzero"`
	HoldBack  netsim.Dist      `json:"hold_back,omitzero"`
	Bandwidth netsim.Bandwidth `json:"bandwidth,omitzero"`

	// Rates of churn per minute. Joins start members that aren't running.
	Joins   float64 `json:"joins,omitzero"`
	Leaves  float64 `json:"leaves,omitzero"`
	Crashes float64 `json:"crashes,omitzero"`
}

// network reports whether f is a fault of the network.
func (f *Fault) network() bool {
	return f.Kind == FaultPartition || f.Kind == FaultBlockUDP || f.Kind == FaultNAT ||
		f.Kind == FaultNetwork
}

// lasts reports whether f goes on until it ends. A crash, leave or join is over at once.
func (f *Fault) lasts() bool {
	return f.network() || f.Kind == FaultPause || f.Kind == FaultChurn
}

// The kinds of faults.
const (
	FaultCrash     = "crash"
	FaultLeave     = "leave"
	FaultJoin      = "join"
	FaultPause     = "pause"
	FaultChurn     = "churn"
	FaultPartition = "partition"
	FaultBlockUDP  = "block-udp"
	FaultNAT       = "nat"
	FaultNetwork   = "network"
)

// FaultKinds lists the kinds of faults.
func FaultKinds() []KindInfo { return slices.Clone(faultKinds) }

var faultKinds = []KindInfo{
	{FaultCrash, "nodes stop without a word; with length they start again after it",
		slices.Concat(whoKeys, oftenKeys, returnKeys), whoKeys},
	{FaultLeave, "nodes leave; with length they start again after it",
		slices.Concat(whoKeys, oftenKeys, returnKeys), whoKeys},
	{FaultJoin, "nodes that aren't running start",
		slices.Concat(whoKeys, []string{"every", "snapshot", "move"}), whoKeys},
	{FaultPause, "processes are stopped, and run on after length; " +
		"with when_sending each stops when it next sends a packet",
		slices.Concat(whoKeys, oftenKeys, []string{"length", "when_sending"}), whoKeys},
	{FaultChurn, "nodes come and go at random: joins, leaves, crashes a minute",
		slices.Concat(churnKeys, []string{"length", "region", "members", "snapshot", "move"}),
		churnKeys},
	{FaultPartition, "nodes are cut off from the others, UDP and TCP",
		slices.Concat(whoKeys, oftenKeys, wayKeys), whoKeys},
	{FaultBlockUDP, "no packet passes; TCP works",
		slices.Concat(whoKeys, oftenKeys, wayKeys), whoKeys},
	{FaultNAT, "a NAT forwards nothing to the nodes: " +
		"they get answers on TCP connections that they opened, and no packet",
		slices.Concat(whoKeys, oftenKeys, []string{"length"}), whoKeys},
	{FaultNetwork, "the network is worse: delay, loss, duplicate, reorder, hold_back, bandwidth",
		slices.Concat(whoKeys, oftenKeys, wayKeys, wrongKeys), wrongKeys},
}

// String describes f in one line.
func (f Fault) String() string {
	text := f.Who.String()
	if f.Kind == FaultChurn {
		text = fmt.Sprintf("%v joins, %v leaves, %v crashes a minute", f.Joins, f.Leaves, f.Crashes)
		if !f.all() {
			text += fmt.Sprintf(" among %v", f.Who)
		}
	}
	text += withSet(", delay %v", f.Delay, ", loss %v", f.Loss, ", duplicates %v", f.Duplicate,
		", reordered %v", f.Reorder, ", by %v", f.HoldBack, ", bandwidth %v", f.Bandwidth,
		", %s only", f.Way, ", with %v", f.To) +
		fmt.Sprintf(" at %v", f.Start) + withSet(", one every %v", f.Every)
	switch {
	case f.Length == 0 && f.lasts():
		text += " to the end"
	case f.Length == 0:
	case f.Kind == FaultCrash || f.Kind == FaultLeave:
		text += fmt.Sprintf(", back after %v", f.Length)
	default:
		text += fmt.Sprintf(" for %v", f.Length)
	}
	if f.Snapshot {
		text += " with a snapshot"
	}
	if f.WhenSending {
		text += ", each when it next sends"
	}
	if f.Move {
		text += " at another address"
	}
	if f.Repeat > 1 {
		text += fmt.Sprintf(", %d times with %v between", f.Repeat, f.Gap)
	}
	return text
}
