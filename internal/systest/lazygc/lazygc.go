// Package lazygc has tests collect garbage less often: import it for its effect. Tests make much
// garbage and hold little, so the collector, which lets the heap double, would run all the time. It
// takes a third of the time of some packages' tests.
package lazygc

import (
	"os"
	"runtime/debug"
)

// percent is how much the heap may grow, in percent of what is in use.
const percent = 400

func init() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
