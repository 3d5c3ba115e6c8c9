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
	if e.Kind != serf.EventMemberFailed || !k.c.sound() {
		return
	}
	lag := k.c.lag()
	for _, id := range e.Members {
		s, ok := k.c.Index(id)
		if ok && k.c.Alive(s) && k.c.found(host, s) && !k.c.faultBetween(host, s, lag) &&
			k.c.undisturbed(host, lag) && k.c.undisturbed(s, lag) {
			k.c.Violate("healthy", "%s calls %s failed: both have run and been connected for %v",
				k.c.Name(host), k.c.Name(s), lag)
		}
	}
}
