package swimtest

import (
	"fmt"
	"slices"
	"testing"

	"serf/swim/history"
)

// WantStory checks the changes of a member, as member a saw them, beginning with the first after
// its join.
func WantStory(t *testing.T, log *history.Log, name string, want ...string) {
	t.Helper()
	changes, _ := log.Member(name)
	var got []string
	for i := range changes {
		c := &changes[i]
		got = append(got, fmt.Sprintf("%v > %v: %s", c.From, c.To, c.Words(name, "a")))
	}
	if len(got) > 0 {
		got = got[1:]
	}
	if !slices.Equal(got, want) {
		t.Errorf("history of %s:\n", name)
		for _, s := range got {
			t.Errorf("  got  %q,\n", s)
		}
		for _, s := range want {
			t.Errorf("  want %q,\n", s)
		}
	}
}
