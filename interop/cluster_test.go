package interop

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"serf/swim/serf/coord"
)

func TestJoin(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		a := actor.start(t, options{name: "joiner", tags: map[string]string{"role": "web", "dc": "east"}})
		b := other.start(t, options{name: "seed"})
		must(t, a.join(false, b))
		wantAgreement(t, a, b)
		wantEvent(t, "member-join seed", a)
		wantEvent(t, "member-join joiner", b)
	})
}

// TestMixedClusterAgrees has six members that each join the one before, not the first.
func TestMixedClusterAgrees(t *testing.T) {
	t.Parallel()
	var all []member
	for i, k := range []kind{ours, original, original, ours, ours, original} {
		m := k.start(t, options{name: fmt.Sprintf("member-%d", i), tags: map[string]string{"number": fmt.Sprint(i)}})
		if i > 0 {
			must(t, m.join(false, all[i-1]))
		}
		all = append(all, m)
	}
	wantAgreement(t, all...)
}

// TestManyMembers has 24 members of both implementations, so that there is more gossip than fits a
// packet.
func TestManyMembers(t *testing.T) {
	t.Parallel()
	var all []member
	for i := range 24 {
		k := ours
		if i%2 == 1 {
			k = original
		}
		m := k.start(t, options{name: fmt.Sprintf("member-%d", i), tags: map[string]string{"filler": strings.Repeat("x", 200)}, compress: i%3 == 0})
		if i > 0 {
			must(t, m.join(false, all[i/2]))
		}
		all = append(all, m)
	}
	wantAgreement(t, all...)
	must(t, all[7].event("from-7", nil, false))
	wantEvent(t, "user from-7 ", all...)
	got, err := all[10].query(question{name: echoQuery, ack: true, acks: 24, responses: 24})
	must(t, err)
	wantAnswers(t, got, all, all, "")
}

// TestIPv6 has members of both implementations on one IPv6 address.
func TestIPv6(t *testing.T) {
	t.Parallel()
	const ownPort, originalPort = 7951, 7952
	ip := netip.IPv6Loopback()
	if err := tryAddr(netip.AddrPortFrom(ip, ownPort)); err != nil {
		t.Skipf("this system has no IPv6 loopback: %v", err)
	}
	a := ours.start(t, options{name: "ours", ip: ip, port: ownPort})
	b := original.start(t, options{name: "original", ip: ip, port: originalPort})
	must(t, a.join(false, b))
	wantAgreement(t, a, b)
	for _, m := range []member{a, b} {
		got, err := m.query(question{name: echoQuery, payload: "hi", ack: true, relay: 1, acks: 2, responses: 2})
		must(t, err)
		wantAnswers(t, got, []member{a, b}, []member{a, b}, "hi")
	}
}

// TestCoordinates waits until both implementations estimate a short round trip to each other.
func TestCoordinates(t *testing.T) {
	t.Parallel()
	all := cluster(t, options{}, ours, original)
	a, b := all[0].(*own), all[1].(*originalMember)
	const far = 500 * time.Millisecond // nothing on one host is that far
	eventually(t, patience, "ours to place the original", func() error {
		at, ok, err := a.agent.Coordinate(t.Context(), b.name())
		here, _, _ := a.agent.Coordinate(t.Context(), a.name())
		if d := coord.Distance(&here, &at); err != nil || !ok || d > far {
			return fmt.Errorf("known: %t, %v away, %v", ok, d, err)
		}
		return nil
	})
	eventually(t, patience, "the original to place ours", func() error {
		at, ok := b.serf.GetCachedCoordinate(a.name())
		here, err := b.serf.GetCoordinate()
		if !ok || err != nil || here.DistanceTo(at) > far {
			return fmt.Errorf("known: %t, %v", ok, err)
		}
		return nil
	})
}

// TestClustersMerge merges two clusters by a single join.
func TestClustersMerge(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		a := cluster(t, options{}, actor, actor)
		b := other.start(t, options{name: "lone"})
		c := other.start(t, options{name: "mate"})
		must(t, c.join(false, b))
		must(t, a[1].join(false, c))
		wantAgreement(t, a[0], a[1], b, c)
	})
}

// TestExchangesAgree lets push/pulls between the implementations happen for a while: they change
// nothing that is settled, and tell a newcomer everything.
func TestExchangesAgree(t *testing.T) {
	t.Parallel()
	all := cluster(t, options{exchanges: true}, ours, original, ours, original)
	must(t, all[0].event("before", nil, false))
	all[1].kill()
	rest := []member{all[0], all[2], all[3]}
	wantStatus(t, all[1].name(), "failed", rest...)
	must(t, all[2].forceLeave(all[1].name(), false))
	wantStatus(t, all[1].name(), "left", rest...)
	newcomer := original.start(t, options{name: "newcomer", exchanges: true})
	must(t, newcomer.join(true, all[2]))
	wantEvent(t, "user before ", newcomer)
	wantStatus(t, newcomer.name(), "alive", rest...)
	wantStatus(t, all[1].name(), "left", rest...)
}

// TestJoinReplay checks that a join replays past events if asked to, and only then.
func TestJoinReplay(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		seed := other.start(t, options{name: "seed"})
		must(t, seed.event("past", []byte("1"), false))
		curious := actor.start(t, options{name: "curious"})
		must(t, curious.join(true, seed))
		indifferent := actor.start(t, options{name: "indifferent"})
		must(t, indifferent.join(false, seed))
		wantEvent(t, "user past 1", curious)
		must(t, seed.event("present", nil, false))
		wantEvent(t, "user present ", curious, indifferent)
		if n := heard(indifferent, "user past 1"); n != 0 {
			t.Errorf("a join without replay brought an event of the past")
		}
	})
}

func TestTags(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, actor, other kind) {
		all := cluster(t, options{tags: map[string]string{"role": "web"}}, actor, other, other)
		for _, tags := range []map[string]string{
			{"role": "db", "ünïcode": "ja\tb\n", "empty": ""},
			{"full": strings.Repeat("x", 500)}, // 512 bytes when encoded are the limit
			{},
		} {
			must(t, all[0].setTags(tags))
			wantAgreement(t, all...)
		}
		wantEvent(t, "member-update "+all[0].name(), all[1], all[2])
	})
}

// TestTagsLimit checks that both implementations have the same limit.
func TestTagsLimit(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{ours, original} {
		m := k.start(t, options{name: string(k)})
		longest := 0
		for n := 480; n <= 520; n++ {
			if m.setTags(map[string]string{"full": strings.Repeat("x", n)}) == nil {
				longest = n
			}
		}
		if want := 512 - len("\xff\x81\xa4full\xda\x00\x00"); longest != want {
			t.Errorf("%s: the longest tag has %d bytes, want %d", k, longest, want)
		}
	}
}

func TestProtocolVersions(t *testing.T) {
	t.Parallel()
	for version := uint8(2); version <= 5; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			all := cluster(t, options{protocol: version, tags: map[string]string{"role": "web"}}, ours, original)
			must(t, all[0].event("from-ours", nil, true))
			must(t, all[1].event("from-original", nil, true))
			wantEvent(t, "user from-original ", all[0])
			wantEvent(t, "user from-ours ", all[1])
		})
	}
}

// TestLayers runs clusters with every layer that can surround a message.
func TestLayers(t *testing.T) {
	t.Parallel()
	key16, key24, key32 := []byte(strings.Repeat("a", 16)), []byte(strings.Repeat("b", 24)), []byte(strings.Repeat("c", 32))
	for name, o := range map[string]struct{ ours, original options }{
		"compressed by both":       {options{compress: true}, options{compress: true}},
		"compressed by ours":       {options{compress: true}, options{}},
		"compressed by original":   {options{}, options{compress: true}},
		"AES-128":                  {options{keys: [][]byte{key16}}, options{keys: [][]byte{key16}}},
		"AES-192":                  {options{keys: [][]byte{key24}}, options{keys: [][]byte{key24}}},
		"AES-256":                  {options{keys: [][]byte{key32}}, options{keys: [][]byte{key32}}},
		"other primary keys":       {options{keys: [][]byte{key16, key32}}, options{keys: [][]byte{key32, key16}}},
		"ours turns keys on":       {options{keys: [][]byte{key16}, lenient: true}, options{}},
		"original turns keys on":   {options{}, options{keys: [][]byte{key16}, lenient: true}},
		"label":                    {options{label: "blue"}, options{label: "blue"}},
		"label, AES-256, compress": {options{label: "blue", keys: [][]byte{key32}, compress: true}, options{label: "blue", keys: [][]byte{key32}, compress: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Repetitive tags, so that compression has something to do.
			o.ours.name, o.ours.tags = "ours", map[string]string{"long": strings.Repeat("ours ", 60)}
			o.original.name, o.original.tags = "original", map[string]string{"long": strings.Repeat("original ", 40)}
			a, b := ours.start(t, o.ours), original.start(t, o.original)
			o.ours.name, o.original.name = "ours too", "original too"
			c, d := ours.start(t, o.ours), original.start(t, o.original)
			must(t, b.join(false, a))
			must(t, c.join(false, b))
			must(t, d.join(false, c))
			wantAgreement(t, a, b, c, d)
			payload := strings.Repeat("payload ", 50)
			must(t, a.event("from-ours", []byte(payload), false))
			must(t, b.event("from-original", []byte(payload), false))
			wantEvent(t, "user from-original "+payload, a, c, d)
			wantEvent(t, "user from-ours "+payload, b, c, d)
			got, err := b.query(question{name: echoQuery, payload: "hi", ack: true, acks: 4, responses: 4})
			must(t, err)
			wantAnswers(t, got, []member{a, b, c, d}, []member{a, b, c, d}, "hi")
		})
	}
}

// TestStrangersStayOut checks that members with another key or label can't join, and aren't listed.
func TestStrangersStayOut(t *testing.T) {
	t.Parallel()
	key, otherKey := []byte(strings.Repeat("a", 16)), []byte(strings.Repeat("b", 16))
	for name, o := range map[string]struct{ inside, outside options }{
		"plain to encrypted": {options{keys: [][]byte{key}}, options{}},
		"encrypted to plain": {options{}, options{keys: [][]byte{key}}},
		"another key":        {options{keys: [][]byte{key}}, options{keys: [][]byte{otherKey}}},
		"another label":      {options{label: "blue"}, options{label: "green"}},
		"no label":           {options{label: "blue"}, options{}},
		"a label":            {options{}, options{label: "green"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothWays(t, func(t *testing.T, actor, other kind) {
				o.inside.name, o.outside.name = "inside", "outside"
				inside, outside := other.start(t, o.inside), actor.start(t, o.outside)
				if err := outside.join(false, inside); err == nil {
					t.Error("the join succeeded")
				}
				for _, m := range []member{inside, outside} {
					if view := m.members(); len(view) != 1 {
						t.Errorf("%s has %v", m.name(), view)
					}
				}
			})
		})
	}
}
