package report

import (
	"time"

	"serf/swim"
)

// Detection is how the others learned of one crash.
type Detection struct {
	Member int
	Name   string    // of the member
	At     swim.Time // of the crash
	First  swim.Time // when the first member said so, or Never
	All    swim.Time // when the last one did, or Never
	Void   bool      // the member was back before that, so All has no meaning
	Spread Spread    // among the members that considered it alive
}

// Pause is how long the process of a member had been stopped when another member considered it
// failed. Only members without a fault count, see [FalseFailures].
type Pause struct {
	First time.Duration // until the first of them
	All   time.Duration // until the last of them; 0: not all did before the member ran on
}

// TimesNoticed sums up First and All of pauses; All of those only that all noticed.
func TimesNoticed(pauses []Pause) (first, all Durations) {
	var f, a []time.Duration
	for _, p := range pauses {
		f = append(f, p.First)
		if p.All > 0 {
			a = append(a, p.All)
		}
	}
	return QuantilesOf(f), QuantilesOf(a)
}

// FalseFailures counts reports of the failure of a member that runs, or whose process is paused. A
// member is healthy if it has run, and its connection had no fault, for as long as a suspicion and
// its gossip may take; what the network is like for all members is no fault.
type FalseFailures struct {
	All       uint64 `json:"all"`
	AtHealthy uint64 `json:"at_healthy"` // reported by healthy members
	OfHealthy uint64 `json:"of_healthy"` // by healthy members about healthy members
	// AcrossFaults aren't part of All: a fault of the network (a partition, blocked UDP, loss,
	// delay and so on) was between the two members, then or shortly before, and may have kept them
	// from reaching each other.
	AcrossFaults uint64 `json:"across_faults"`
	// OfFaultless is the part of All about members without a fault since they first started: they
	// neither stopped nor were paused, and their connection had no fault. AmongFaultless is the
	// part of these that members without a fault reported.
	OfFaultless    uint64 `json:"of_faultless"`
	AmongFaultless uint64 `json:"among_faultless"`
}

// Since returns what was counted after earlier.
func (f FalseFailures) Since(earlier FalseFailures) FalseFailures {
	return FalseFailures{
		All: f.All - earlier.All, AtHealthy: f.AtHealthy - earlier.AtHealthy,
		OfHealthy:      f.OfHealthy - earlier.OfHealthy,
		AcrossFaults:   f.AcrossFaults - earlier.AcrossFaults,
		OfFaultless:    f.OfFaultless - earlier.OfFaultless,
		AmongFaultless: f.AmongFaultless - earlier.AmongFaultless,
	}
}
