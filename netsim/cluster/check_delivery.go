package cluster

// deliveryCheck: no member delivers a user event twice between its start and its end, which
// deliveries notices; and when all is healed and quiet, each event has been delivered to every
// member that has been running since it was sent.
type deliveryCheck struct{ passive }

func (k *deliveryCheck) quiet() {
	for _, text := range k.c.missing() {
		k.c.Violate("delivery", "%s", text)
	}
}

// Delivered reports whether each event has reached all that have to get it.
func (c *Cluster) Delivered() bool { return len(c.missing()) == 0 }
