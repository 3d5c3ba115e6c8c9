package serf

import (
	"errors"
	"testing"
)

// A member is admitted by what this layer knows of it: its tags.
func TestMembersAreAdmittedByTheirTags(t *testing.T) {
	var asked []Member
	tn := converseWith(t, func(c *Config) {
		c.Admit = func(m Member) error {
			asked = append(asked, m)
			if m.Tags["dc"] != "east" {
				return errors.New("another data centre")
			}
			return nil
		}
	})
	tn.member("b", aliveWith("b", 1, addrOf("b"), map[string]string{"dc": "east"}))
	tn.wantStatus("admitted", "b", StatusAlive)
	tn.member("c", aliveWith("c", 1, addrOf("c"), map[string]string{"dc": "west"}))
	tn.wantStatus("not admitted", "c", StatusNone)
	if len(asked) != 2 || asked[0].Name != "b" || asked[0].Addr != addrOf("b") ||
		asked[0].Status != StatusAlive || asked[0].Versions != modern {
		t.Errorf("asked about %+v", asked)
	}
}
