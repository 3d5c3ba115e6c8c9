package report

import "serf/swim"

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
}

// Since returns what was counted after earlier.
func (f FalseFailures) Since(earlier FalseFailures) FalseFailures {
	return FalseFailures{f.All - earlier.All, f.AtHealthy - earlier.AtHealthy, f.OfHealthy - earlier.OfHealthy, f.AcrossFaults - earlier.AcrossFaults}
}
