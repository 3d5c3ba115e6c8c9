package cluster

// clockCheck: the Lamport clocks of a member never go back between its start and its end.
type clockCheck struct {
	passive
	last [][3]uint64 // member, event and query time
}

func newClockCheck(p passive) *clockCheck { return &clockCheck{p, make([][3]uint64, p.c.Len())} }

func (k *clockCheck) restarted(i int) { k.last[i] = [3]uint64{} }

func (k *clockCheck) sweep() {
	for i := range k.c.members {
		n := k.c.Node(i)
		if n == nil {
			continue
		}
		s := n.Stats()
		now := [3]uint64{s.MemberTime, s.EventTime, s.QueryTime}
		for c, what := range [3]string{"member", "event", "query"} {
			if now[c] < k.last[i][c] {
				k.c.Violate("clock", "%s clock of %s went from %d to %d", what, k.c.Name(i),
					k.last[i][c], now[c])
			}
		}
		k.last[i] = now
	}
}
