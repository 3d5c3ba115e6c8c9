package cluster

// deliveryCheck: each user event is delivered at most once in a member's life,
// which the ledger sees, and, once all is healed and quiet, exactly once to
// each member that has been running since it was fired.
type deliveryCheck struct{ passive }

func (k *deliveryCheck) quiet() {
	for _, text := range k.missing() {
		k.Violate("delivery", "%s", text)
	}
}
