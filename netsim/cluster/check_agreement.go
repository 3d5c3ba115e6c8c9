package cluster

import (
	"fmt"
	"slices"
	"strings"

	"serf/internal/std"
	"serf/swim/serf"
)

// agreementCheck: when nothing is left to happen, all members list the same living members with the
// same addresses and tags, and the list is the truth. Their digests are equal, too.
type agreementCheck struct{ passive }

func (k *agreementCheck) quiet() {
	first, want, digest := -1, "", serf.Digest(0)
	for i := range k.c.members {
		if k.c.Node(i) == nil {
			continue
		}
		got := k.listAlive(i)
		if first < 0 {
			first, want, digest = i, got, k.c.Node(i).Digest()
			k.compareToTruth(i)
		} else if got != want {
			k.c.Violate("agreement", "%s sees %s, but %s sees %s", k.c.Name(i), got,
				k.c.Name(first), want)
		} else if d := k.c.Node(i).Digest(); d != digest {
			k.c.Violate("agreement", "%s has digest %v, but %s has %v", k.c.Name(i), d,
				k.c.Name(first), digest)
		}
	}
}

func (k *agreementCheck) compareToTruth(i int) {
	var got, want []string
	for _, m := range k.c.Node(i).Members(nil) {
		if m.Status == serf.StatusAlive {
			got = append(got, fmt.Sprintf("%s %v", m.Name, m.Addr))
		}
	}
	for s := range k.c.members {
		if k.c.Alive(s) {
			want = append(want, fmt.Sprintf("%s %v", k.c.Name(s), k.c.sim.Addr(s)))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		k.c.Violate("agreement", "%s lists %q as alive, the truth is %q", k.c.Name(i), got, want)
	}
}

// listAlive is what member i says of those that it considers alive.
func (k *agreementCheck) listAlive(i int) string {
	var b strings.Builder
	for _, m := range k.c.Node(i).Members(nil) {
		if m.Status == serf.StatusAlive {
			fmt.Fprintf(&b, "[%s %v %s]", m.Name, m.Addr, tagText(m.Tags))
		}
	}
	return b.String()
}

// tagText writes tags in key order.
func tagText(tags map[string]string) string {
	var parts []string
	for _, k := range std.SortedKeys(tags) {
		parts = append(parts, k+"="+tags[k])
	}
	return strings.Join(parts, ",")
}
