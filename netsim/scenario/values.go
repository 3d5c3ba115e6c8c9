package scenario

import "serf/internal/timing"

// Duration is a time.Duration that is written as "10s" or "1m30s".
type Duration = timing.Duration

// Timing overrides single timings of the profile. They have the same names as in an agent's
// configuration.
type Timing = timing.Timing
