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
	Spread Spread    // among those who took it for alive
}

// FalseFailures counts reports that a member failed that runs, or whose process stands still. Healthy is who, for as
// long as a suspicion and its gossip may take, has run and had no fault of its connection;
// what the network is like for all is no fault.
type FalseFailures struct {
	All       uint64 `json:"all"`
	AtHealthy uint64 `json:"at_healthy"` // reported by healthy members
	OfHealthy uint64 `json:"of_healthy"` // by healthy ones about healthy ones
	// AcrossFaults aren't among All: a fault of the network (a partition, blocked UDP, loss, delay and so on) is between
	// the two members, or was so shortly before, and may have kept one from reaching the other.
	AcrossFaults uint64 `json:"across_faults"`
}

func (f FalseFailures) Since(earlier FalseFailures) FalseFailures {
	return FalseFailures{f.All - earlier.All, f.AtHealthy - earlier.AtHealthy, f.OfHealthy - earlier.OfHealthy, f.AcrossFaults - earlier.AcrossFaults}
}
