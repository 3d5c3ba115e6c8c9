package agent

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"serf/swim"
	"serf/swim/serf"
)

// Two clusters that must not become one don't, whoever of them joins.
func TestMergeCanBeRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		agents := make([]*Agent, 2)
		var asked [2][]serf.Member
		for i := range agents {
			c := memConfig(n, string(rune('a'+i)), i+1)
			c.Tags = map[string]string{"dc": string(rune('x' + i))}
			c.AdmitMerge = func(members []serf.Member) error {
				asked[i] = members
				return fmt.Errorf("data centre %s", members[0].Tags["dc"])
			}
			agents[i] = begin(t, c)
		}
		_, err := agents[0].Join(background, []string{agents[1].Addr().String()}, false)
		if !errors.Is(err, swim.ErrMergeRefused) || !strings.Contains(err.Error(), "data centre y") {
			t.Errorf("joining ended with %v, want what refused it", err)
		}
		for i, a := range agents {
			if got := a.Members(); len(got) != 1 || len(asked[i]) != 1 {
				t.Errorf("%s has members %v, was asked about %v", a.conf.Name, got, asked[i])
			}
		}
	})
}
