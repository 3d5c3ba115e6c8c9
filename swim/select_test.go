package swim

import (
	"slices"
	"testing"
)

// selecting returns the member a, of which gossip and exchanges go only to those in selected, and to
// first, and whom it was asked about.
func selecting(t *testing.T, selected []string, first string) (tn *conversation, asked *[]string) {
	asked = new([]string)
	var n *Node // nil while it is made
	tn = converseWith(t, func(c *Config) {
		c.GossipNodes, c.PushPullNodes = 2, 2
		c.Select = func(candidates []MemberID) ([]MemberID, MemberID) {
			if n == nil {
				return candidates, NoMember
			}
			*asked = nil
			for _, id := range candidates {
				*asked = append(*asked, n.roster.Name(id))
			}
			slices.Sort(*asked)
			kept := candidates[:0]
			for _, name := range selected {
				kept = append(kept, n.roster.Lookup([]byte(name)))
			}
			if first == "" {
				return kept, NoMember
			}
			return kept, n.roster.Lookup([]byte(first))
		}
	}, "b", "c", "d", "e", "f")
	n = tn.n
	return tn, asked
}

// drawn counts who gets gossip, and with whom states are exchanged, in many rounds.
func drawn(tn *conversation) (gossip, exchanges map[string]int) {
	gossip, exchanges = make(map[string]int), make(map[string]int)
	var buf [maxPick]MemberID
	for range 200 {
		to, _ := tn.n.pickGossip(buf[:0], tn.now)
		for _, id := range to {
			gossip[tn.n.roster.Name(id)]++
		}
		for _, id := range tn.n.RandomNear(buf[:0], 2, nil) {
			exchanges[tn.n.roster.Name(id)]++
		}
	}
	return gossip, exchanges
}

func TestOnlySelectedMembersAreDrawn(t *testing.T) {
	for _, c := range []struct {
		reason   string
		selected []string
		first    string
		rare     []string // drawn sometimes
		always   []string
	}{
		{"three are selected", []string{"b", "c", "d"}, "", []string{"b", "c", "d"}, nil},
		{"one is taken in any case", []string{"b", "c"}, "c", []string{"b"}, []string{"c"}},
		{"it needn't be selected", []string{"b", "c"}, "f", []string{"b", "c"}, []string{"f"}},
		{"fewer than a round has", []string{"b"}, "", nil, []string{"b"}},
		{"nobody", nil, "", nil, nil},
		{"the node itself", []string{"a"}, "a", nil, nil},
	} {
		tn, asked := selecting(t, c.selected, c.first)
		gossip, exchanges := drawn(tn)
		for what, got := range map[string]map[string]int{"gossip": gossip, "exchanges": exchanges} {
			if len(got) != len(c.rare)+len(c.always) {
				t.Errorf("%s: %s go to %v", c.reason, what, got)
			}
			for _, name := range c.always {
				if got[name] != 200 {
					t.Errorf("%s: %s go to %v, want %s always", c.reason, what, got, name)
				}
			}
			for _, name := range c.rare {
				if n := got[name]; n == 0 || n == 200 && len(c.rare) > 1 {
					t.Errorf("%s: %s go to %v, want %s sometimes", c.reason, what, got, name)
				}
			}
		}
		if want := []string{"b", "c", "d", "e", "f"}; !slices.Equal(*asked, want) {
			t.Errorf("%s: asked about %v", c.reason, *asked)
		}
	}
}

func TestStatesAreExchangedWithSeveral(t *testing.T) {
	tn, _ := selecting(t, []string{"b", "c"}, "")
	tn.n.tickPushPull(tn.now, &tn.out)
	tn.collect()
	tn.want("each interval with two", "b: stream push/pull", "c: stream push/pull")
}
