// Package lazygc has tests collect garbage less often: import it for its effect. Tests make much
// garbage and hold little, so the collector, which lets the heap double, would run all the time. It
// takes a third of the time of some packages' tests.
package lazygc

import (
	"os"
	"runtime/debug"
)

const (
	// percent is how much the heap may grow, in percent of what is in use.
	percent = 400
	// enough is the memory, in bytes, beyond which the collector runs as often as it has to: a few
	// tests hold a hundred megabytes.
	enough = 256 << 20
)

func init() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(enough)
	}
}
