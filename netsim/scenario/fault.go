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
	// ReadTime is how long a process that runs on takes to read each packet that waits for it: what
	// isn't read by the next stop waits on. Up to MaxReadTime.
	ReadTime Duration `json:"read_time,omitzero"`

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

	// MTU is the largest packet that passes, in bytes with its headers.
	MTU int `json:"mtu,omitzero"`
	// TCP is how connections fail: "silent" means that they are accepted and nobody answers, "hang"
	// that attempts get no answer. "" means silent.
	TCP string `json:"tcp,omitempty"`
	// Error is what senders are told: "unreachable", or "refused" for a closed port. "" means
	// unreachable.
	Error string `json:"error,omitempty"`
	// Entries is how many flows a table of connections holds, and Idle for how long an unused flow
	// is known. 0 means defaultIdle; for ports of a NAT, which change with each packet then, none.
	Entries int      `json:"entries,omitzero"`
	Idle    Duration `json:"idle,omitzero"`
	// Buffer is how many bytes of packets wait for a member that doesn't read.
	Buffer int `json:"buffer,omitzero"`

	// Rate is how fast a clock runs, 1 being right. Jump is how far it leaps ahead at Start; a
	// monotonic clock can't be set back, and stands still for as long instead.
	Rate float64  `json:"rate,omitzero"`
	Jump Duration `json:"jump,omitzero"`
	// ClockStops has the clock of a suspended machine stand still; otherwise it leaps. First is
	// what the member does first when it runs on: "timers" or "reads". "" means that the seed decides.
	ClockStops bool   `json:"clock_stops,omitzero"`
	First      string `json:"first,omitempty"`
	// Quota is for how long of each Period a member runs. A Period of 0 means defaultPeriod.
	Quota  Duration `json:"quota,omitzero"`
	Period Duration `json:"period,omitzero"`

	// Rates of churn per minute. Joins start members that aren't running.
	Joins   float64 `json:"joins,omitzero"`
	Leaves  float64 `json:"leaves,omitzero"`
	Crashes float64 `json:"crashes,omitzero"`
}

// network reports whether f is a fault of the network.
func (f *Fault) network() bool {
	switch f.Kind {
	case FaultPartition, FaultBlockUDP, FaultNAT, FaultNetwork, FaultMTU, FaultHalfOpen,
		FaultReject, FaultConntrack, FaultNATPorts, FaultReceiveBuffer:
		return true
	}
	return false
}

// lasts reports whether f goes on until it ends. A crash, leave or join is over at once.
func (f *Fault) lasts() bool {
	switch f.Kind {
	case FaultCrash, FaultLeave, FaultJoin:
		return false
	case FaultClock:
		return f.Rate != 0
	}
	return true
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

	FaultMTU           = "mtu"
	FaultHalfOpen      = "half-open"
	FaultReject        = "reject"
	FaultConntrack     = "conntrack"
	FaultNATPorts      = "nat-ports"
	FaultReceiveBuffer = "receive-buffer"
	FaultClock         = "clock"
	FaultSuspend       = "suspend"
	FaultThrottle      = "throttle"
	FaultOwnName       = "own-name"
)

// FaultKinds lists the kinds of faults.
func FaultKinds() []KindInfo { return slices.Clone(faultKinds) }

var faultKinds = kinds([]kind{
	{FaultCrash, "nodes stop without a word; with length they start again after it",
		whoKeys + oftenKeys + returnKeys, whoKeys},
	{FaultLeave, "nodes leave; with length they start again after it",
		whoKeys + oftenKeys + returnKeys, whoKeys},
	{FaultJoin, "nodes that aren't running start",
		whoKeys + "every snapshot move", whoKeys},
	{FaultPause, "processes are stopped, and run on after length; " +
		"with when_sending each stops when it next sends a packet; " +
		"read_time is what each packet that waited takes then",
		whoKeys + oftenKeys + "length when_sending read_time", whoKeys},
	{FaultChurn, "nodes come and go at random: joins, leaves, crashes a minute",
		churnKeys + "length region members snapshot move",
		churnKeys},
	{FaultPartition, "nodes are cut off from the others, UDP and TCP",
		whoKeys + oftenKeys + wayKeys, whoKeys},
	{FaultBlockUDP, "no packet passes; TCP works",
		whoKeys + oftenKeys + wayKeys, whoKeys},
	{FaultNAT, "a NAT forwards nothing to the nodes: " +
		"they get answers on TCP connections that they opened, and no packet",
		whoKeys + oftenKeys + "length", whoKeys},
	{FaultNetwork, "the network is worse: delay, loss, duplicate, reorder, hold_back, bandwidth",
		whoKeys + oftenKeys + wayKeys + wrongKeys, wrongKeys},
	{FaultMTU, "packets of more than mtu bytes, headers included, vanish; " +
		"TCP stalls on larger messages",
		whoKeys + oftenKeys + wayKeys + "mtu", "mtu"},
	{FaultHalfOpen, "TCP connections are accepted, and nobody answers; " +
		"with tcp=hang nobody accepts them; UDP works",
		whoKeys + oftenKeys + wayKeys + "tcp", whoKeys},
	{FaultReject, "as a partition, but senders are notified (ICMP): TCP fails at once, " +
		"with error=refused as if nobody listened",
		whoKeys + oftenKeys + wayKeys + "error", whoKeys},
	{FaultConntrack, "a firewall of each node tracks at most entries flows, and drops " +
		"all others; unused flows are forgotten after idle, by default 30s",
		whoKeys + oftenKeys + "length entries idle",
		"entries"},
	{FaultNATPorts, "a NAT changes its ports, for flows that were unused for idle, " +
		"by default with each packet, and drops answers to old ones",
		whoKeys + oftenKeys + "length idle", whoKeys},
	{FaultReceiveBuffer, "sockets hold at most buffer bytes while their process is paused " +
		"or throttled, and drop the rest",
		whoKeys + oftenKeys + "length buffer", "buffer"},
	{FaultClock, "monotonic clocks run at rate, 1 being right, or leap by jump; " +
		"for a negative jump they stand still for as long",
		whoKeys + oftenKeys + "length rate jump",
		"rate jump"},
	{FaultSuspend, "machines are suspended: packets beyond buffer bytes are lost, nothing connects; " +
		"their clocks leap, or with clock_stops stand still; first is " +
		"what comes first after it, timers or reads",
		whoKeys + oftenKeys + "length buffer clock_stops first",
		whoKeys},
	{FaultThrottle, "processes run for quota of each period, by default 100ms",
		whoKeys + oftenKeys + "length quota period", "quota"},
	{FaultOwnName, "the names of other nodes lead to the nodes themselves, which join at once, " +
		"and again every 30s",
		whoKeys + oftenKeys + "length", whoKeys},
})

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
		", mtu %d bytes", f.MTU, ", tcp %s", f.TCP, ", error %s", f.Error,
		", entries %d", f.Entries, ", idle %v", f.Idle, ", buffer %d bytes", f.Buffer, ", rate %v", f.Rate,
		", jump %v", f.Jump, ", %v of each", f.Quota, " %v", f.period(), ", %s first", f.First,
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
	if f.ClockStops {
		text += ", clocks stand still"
	}
	if f.WhenSending {
		text += ", each when it next sends"
	}
	text += withSet(", then %v for each packet that waited", f.ReadTime)
	if f.Move {
		text += " at another address"
	}
	if f.Repeat > 1 {
		text += fmt.Sprintf(", %d times with %v between", f.Repeat, f.Gap)
	}
	return text
}
