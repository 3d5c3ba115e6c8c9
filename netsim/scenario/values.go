package scenario

import "serf/internal/timing"

// Duration is a time.Duration that is written as "10s" or "1m30s".
type Duration = timing.Duration

// Timing replaces single timings of the profile. Agents have the same ones in their configuration.
type Timing = timing.Timing
