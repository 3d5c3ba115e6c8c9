package survey

import "time"

// RoundTrips is what the agents of a cluster measured, as one of them was told.
type RoundTrips struct {
	AsSeenBy string
	Answered int      // agents, this one included
	Missing  []string // agents that are there, and didn't answer
	Trips    []RoundTrip
}

// RoundTrip is how long a probe and its ack took.
type RoundTrip struct {
	From, To string
	Took     time.Duration
}

// RoundTripsMax bounds RoundTrips.Trips: as many as 2,000 agents tell of, some 8 MB on RPC.
const RoundTripsMax = 200_000
