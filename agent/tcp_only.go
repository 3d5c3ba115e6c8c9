package agent

import (
	"cmp"
	"sort"
	"time"

	"serf/swim"
	"serf/swim/history"
)

// tcpOnlyMax is how many answers over TCP are remembered, at 16 bytes: an hour of one a second.
const tcpOnlyMax = 3600

// tcpOnly remembers which members answered probes over TCP but not over UDP. Nobody accuses them,
// so their packets may get lost for long before anything else shows it.
type tcpOnly struct {
	answers []tcpAnswer // a ring once it is full
	next    int
}

type tcpAnswer struct {
	member swim.MemberID
	at     swim.Time
}

// add remembers an answer, instead of the oldest if there are too many.
func (t *tcpOnly) add(member swim.MemberID, at swim.Time) {
	a := tcpAnswer{member, at}
	if len(t.answers) < tcpOnlyMax {
		t.answers = append(t.answers, a)
		return
	}
	t.answers[t.next] = a
	t.next = (t.next + 1) % tcpOnlyMax
}

// since counts the answers from a time on by member, the most often first.
func (t *tcpOnly) since(from swim.Time, name func(swim.MemberID) string) (list []history.TCPOnly) {
	counts := make(map[swim.MemberID]history.TCPOnly)
	for _, a := range t.answers {
		if a.at < from {
			continue
		}
		c := counts[a.member]
		c.Times, c.At = c.Times+1, max(c.At, time.Duration(a.at))
		counts[a.member] = c
	}
	for id, c := range counts { // order-free: sorted below
		if c.Name = name(id); c.Name != "" {
			list = append(list, c)
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.Name, b.Name)) < 0
	})
	return list[:min(len(list), history.FlapsMax)]
}
