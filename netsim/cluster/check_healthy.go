package cluster

import (
	"serf/swim"
	"serf/swim/serf"
)

// healthyCheck: no member calls another failed while both have been running without a fault, and
// without one between them, for as long as news may lag behind, whatever has happened to others. One
// that knows an address where the other lived before may call that one failed.
type healthyCheck struct{ passive }

func (k *healthyCheck) event(_ swim.Time, host int, e *swim.Event) {
	if e.Kind != serf.EventMemberFailed || !k.sound() {
		return
	}
	lag := k.lag()
	for _, id := range e.Members {
		s, ok := k.Index(id)
		if ok && k.Alive(s) && k.found(host, s) && !k.faultBetween(host, s, lag) &&
			k.undisturbed(host, lag) && k.undisturbed(s, lag) {
			k.Violate("healthy", "%s calls %s failed: both have run and been connected for %v",
				k.Name(host), k.Name(s), lag)
		}
	}
}
