package cluster

import "serf/swim"

// returnSteps is how many updates a member that returns elsewhere sends about its old address,
// besides the one about itself.
const returnSteps = 2

// limitCheck: queues are bounded, those of membership updates by the number of members, and empty
// when nothing is left to happen.
type limitCheck struct{ passive }

func (k *limitCheck) sweep() {
	for i := range k.c.members {
		n := k.c.Node(i)
		if n == nil {
			continue
		}
		s := n.Stats()
		k.bound(i, "membership queue", n.Swim().Queued(), k.c.Len()+returnSteps)
		k.bound(i, "intent queue", s.IntentQueue, 2*k.c.Len()) // a join and a leave of each
		k.bound(i, "event queue", s.EventQueue, swim.QueueMax)
		k.bound(i, "query queue", s.QueryQueue, swim.QueueMax)
		k.bound(i, "table of members", n.Swim().Len(), k.c.Len())
		k.bound(i, "health score", n.Swim().Health(), k.c.cfg.Profile.Timing.AwarenessMax-1)
	}
}

func (k *limitCheck) quiet() {
	for i := range k.c.members {
		if n := k.c.Node(i); n != nil {
			s := n.Stats()
			k.bound(i, "news that nobody was told",
				n.Swim().Queued()+s.IntentQueue+s.EventQueue+s.QueryQueue, 0)
		}
	}
}

func (k *limitCheck) bound(i int, what string, n, limit int) {
	if n > limit {
		k.c.Violate("limit", "%s of %s: %d, limit %d", what, k.c.Name(i), n, limit)
	}
}
