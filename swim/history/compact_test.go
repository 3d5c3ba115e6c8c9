package history

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawChange(t *rapid.T, at time.Duration) Change {
	name := func() string {
		return rapid.SampledFrom([]string{"", "a", "bb", "node-3", strings.Repeat("x", 255)}).Draw(t, "name")
	}
	small := func(most int) int { return rapid.IntRange(0, most).Draw(t, "number") }
	names := func(most int) (list []string) {
		for range small(most) {
			list = append(list, "n"+name())
		}
		for i, s := range list {
			list[i] = s[:min(len(s), 255)]
		}
		return list
	}
	c := Change{
		At: at, From: State(small(6)), To: State(small(6)), Cause: Cause(small(13)), Learned: Learned(small(3)),
		Incarnation: rapid.Uint32().Draw(t, "inc"), Via: name(), Health: small(8), LastPing: small(1) == 1, Refute: int64(small(1 << 20)),
	}
	c.splitPause()
	if c.Cause.addressed() {
		c.Addr = name()
	} else {
		c.Accuser = name()
	}
	if small(1) == 1 {
		c.Probe = &Steps{Relays: names(relaysMax), Nacks: small(15), NacksHoped: small(15), TCP: TCP(small(4))}
	}
	if c.Hoped = small(4); c.Hoped > 0 {
		c.Confirmations, c.Confirmers = small(15), names(confirmersMax)
	}
	return c
}

func TestCompactFormGoesBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Member{Dropped: rapid.IntRange(0, 1000).Draw(t, "dropped")}
		now := time.Hour
		for i := range rapid.IntRange(0, MemberMax).Draw(t, "changes") {
			m.Changes = append(m.Changes, drawChange(t, time.Duration(i)*time.Second))
		}
		limit := rapid.IntRange(16, 4096).Draw(t, "limit")
		prefix := []byte("prefix")
		b := m.AppendCompact(slices.Clone(prefix), now, limit)
		if len(b)-len(prefix) > limit {
			t.Fatalf("%d bytes, limit %d", len(b)-len(prefix), limit)
		}
		got, dropped, err := ParseCompact(b[len(prefix):])
		if err != nil {
			t.Fatal(err)
		}
		if len(got)+dropped != len(m.Changes)+m.Dropped {
			t.Fatalf("%d changes and %d dropped, sent %d and %d", len(got), dropped, len(m.Changes), m.Dropped)
		}
		newest := m.Changes[len(m.Changes)-len(got):]
		for i := range got {
			got[i].At += now
			if !reflect.DeepEqual(got[i], newest[i]) {
				t.Fatalf("change %d: %+v, sent %+v", i, got[i], newest[i])
			}
		}
	})
}

// An answer to a query has room for some 1,000 bytes: that holds what led to a failure, and much
// more.
func TestCompactFormIsCompact(t *testing.T) {
	var m Member
	for range 16 {
		m.Changes = append(m.Changes,
			Change{From: Alive, To: Suspect, Cause: Probe, Accuser: "web-eu-01", Refute: 12000, Hoped: 2, Probe: &Steps{
				Relays: []string{"web-eu-02", "web-eu-03", "web-eu-04"}, Nacks: 2, NacksHoped: 3, TCP: TCPRefused}},
			Change{From: Suspect, To: Failed, Cause: Timeout, Accuser: "web-eu-01", Refute: 12000, Confirmations: 2, Hoped: 2, Confirmers: []string{"web-eu-02", "web-eu-05"}},
			Change{From: Failed, To: Alive, Cause: Join, Learned: ByGossip, Via: "web-eu-06", Incarnation: 3})
	}
	got, _, err := ParseCompact(m.AppendCompact(nil, time.Hour, 1000))
	if err != nil || len(got) < 48 {
		t.Errorf("%d changes in 1,000 bytes, %v", len(got), err)
	}
}

func TestCompactFormIsRefused(t *testing.T) {
	m := Member{Changes: []Change{
		{From: Alive, To: Suspect, Cause: Probe, Accuser: "a", Via: "b", Hoped: 1, Confirmations: 1, Confirmers: []string{"c"}, Refute: 1, Probe: &Steps{Relays: []string{"d"}}},
	}}
	whole := m.AppendCompact(nil, 0, 1000)
	for n := range whole {
		if list, _, err := ParseCompact(whole[:n]); err == nil && len(list) > 0 {
			t.Errorf("cut to %d bytes: %+v", n, list)
		}
	}
	many := Member{Changes: make([]Change, MemberMax)}
	if list, _, err := ParseCompact(many.AppendCompact(nil, 0, 4096)); err != nil || len(list) != MemberMax {
		t.Errorf("at the limit: %d changes, %v", len(list), err)
	}
	many.Changes = make([]Change, MemberMax+1)
	if _, _, err := ParseCompact(many.AppendCompact(nil, 0, 4096)); err == nil {
		t.Error("more changes than an agent keeps are accepted")
	}
	for what, b := range map[string][]byte{
		"nothing": nil, "another version": {2, 0}, "a name that wasn't told": {1, 0, 0x12, 0x10, 0, 0, 0, 0, 2, 0},
		"too many relays": {1, 0, 0x12, 0x10, partProbe, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0},
	} {
		if _, _, err := ParseCompact(b); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

func FuzzParseCompact(f *testing.F) {
	m := Member{Changes: sentences()}
	f.Add(m.AppendCompact(nil, 0, 4096))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _, err := ParseCompact(b)
		if err != nil {
			return
		}
		for i := range list {
			list[i].Words("b", "a")
		}
	})
}
