package scenario

import (
	"fmt"
	"strings"

	"serf/internal/jsonfile"
	"serf/netsim"
	"serf/swim"
)

// Disabled is the mechanisms that all members do without, so that a sweep can show what each is
// worth: "none", "ours" (what this program adds to Lifeguard), "all" (that and Lifeguard: plain
// SWIM is left), or names of single ones joined by "+".
type Disabled swim.Mechanism

// disabledSets are the names of several mechanisms together.
var disabledSets = []struct {
	name string
	set  swim.Mechanism
}{{"none", 0}, {"ours", swim.WithoutOurs}, {"all", swim.WithoutAny}}

// MechanismNames lists the single mechanisms.
func MechanismNames() []string {
	var names []string
	for m := swim.Mechanism(1); m != 0; m <<= 1 {
		if m&swim.WithoutAny != 0 {
			names = append(names, m.String())
		}
	}
	return names
}

func (d Disabled) String() string {
	var names []string
	for _, x := range disabledSets {
		if swim.Mechanism(d) == x.set {
			return x.name
		}
	}
	for m := swim.Mechanism(1); m != 0; m <<= 1 {
		if m&swim.Mechanism(d) != 0 {
			names = append(names, m.String())
		}
	}
	return strings.Join(names, "+")
}

// Want names what is wanted where a Disabled is.
func (Disabled) Want() string { return `names of mechanisms such as "correction+relay"` }

// MarshalText implements encoding.TextMarshaler.
func (d Disabled) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what String writes; older names of mechanisms are accepted, too.
func (d *Disabled) UnmarshalText(text []byte) error {
	var sum swim.Mechanism
	for name := range strings.SplitSeq(string(text), "+") {
		set := swim.ParseMechanism(name)
		known := set != 0
		for _, x := range disabledSets {
			if name == x.name {
				set, known = x.set, true
			}
		}
		if !known {
			return fmt.Errorf("no mechanism %q; %s", name,
				jsonfile.Advice(name, append([]string{"none", "ours", "all"}, MechanismNames()...)))
		}
		sum |= set
	}
	*d = Disabled(sum)
	return nil
}

const disableStream = 1 << 44

// disables tells whether a member does without what is disabled.
func (s *Scenario) disables(member int) bool {
	if s.DisableMembers == 0 {
		return true
	}
	d := netsim.NewDraws(s.Seed, disableStream, uint64(member))
	return d.Hits(s.DisableMembers)
}

// disabledAt says which members do without what is disabled, if these aren't all.
func (s *Scenario) disabledAt() string {
	if s.DisableMembers == 0 {
		return ""
	}
	return fmt.Sprintf(", at %v of the nodes", s.DisableMembers)
}
