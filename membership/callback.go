package membership

import (
	"reflect"
	"runtime"
)

// report calls a function of Config that reports, ask one that is asked. Methods that wait look for
// them among their callers: whoever is called by the node can't wait for it.
func report(f func()) { f() }

func ask(f func()) { f() }

var reportName, askName = nameOf(report), nameOf(ask)

func nameOf(f func(func())) string {
	return runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
}

// reported tells whether a function that reports is among the callers, asked the same of those that
// are asked. They may be those of another node in this process; then the method doesn't wait
// either.
func reported() bool { return calledBy(reportName) }
func asked() bool    { return calledBy(askName) }

// callersMax bounds how many callers are looked at.
const callersMax = 256

func calledBy(name string) bool {
	var pcs [64]uintptr
	for skip := 3; skip < callersMax; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		frames := runtime.CallersFrames(pcs[:n])
		for more := n > 0; more; {
			var f runtime.Frame
			if f, more = frames.Next(); f.Function == name {
				return true
			}
		}
		if n < len(pcs) {
			break
		}
	}
	return false
}
