package serf

import (
	"strings"
	"testing"

	"serf/swim"
)

func TestZoneIsTheValueOfATag(t *testing.T) {
	meta := func(protocol uint8, tags ...string) []byte {
		set := map[string]string{}
		for i := 0; i < len(tags); i += 2 {
			set[tags[i]] = tags[i+1]
		}
		b, err := encodeTags(protocol, set)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	zone := zonesByTag("az")
	eu := zone(nil, meta(5, "az", "eu", "role", "web"))
	if eu == 0 || zone([]byte("other"), meta(4, "a", "us", "az", "eu", "z", "us")) != eu {
		t.Error("the same value is another zone")
	}
	for what, m := range map[string][]byte{
		"no tags":         nil,
		"other tags":      meta(5, "zone", "eu", "a", "z"),
		"an empty value":  meta(5, "az", ""),
		"an old protocol": meta(2, "az", "eu", "role", "eu"),
		"cut off":         meta(5, "az", "eu", "role", "web")[:9],
		"malformed":       {255, 0xc1},
	} {
		if zone(nil, m) != 0 {
			t.Errorf("%s: is in a zone", what)
		}
	}
	if got := zone(nil, meta(5, "az", "us")); got == eu || got == 0 {
		t.Error("another value is the same zone, or none")
	}
	if zonesByTag("role")(nil, meta(2, "role", "eu")) != eu {
		t.Error("the role of an old member isn't its zone")
	}
	if zonesByTag("") != nil {
		t.Error("zones without a tag")
	}
	long := meta(5, "az", strings.Repeat("x", 200))
	if got := testing.AllocsPerRun(100, func() { zone(nil, long) }); got != 0 {
		t.Errorf("%.0f allocations, want none", got)
	}
}

func TestZonesFollowTheTags(t *testing.T) {
	tn := converseWith(t, func(c *Config) { c.Tags, c.Zones.Tag = map[string]string{"az": "1"}, "az" }, "b")
	n := tn.n
	counts := func(why string, zones, mates int) {
		t.Helper()
		if s := n.Stats(); s.Zones != zones || s.ZoneMates != mates {
			t.Errorf("%s: %d zones and %d members in the own, want %d and %d", why, s.Zones, s.ZoneMates, zones, mates)
		}
	}
	counts("b has no zone", 1, 1)
	if err := n.SetTags(tn.now, map[string]string{"az": "2"}, &tn.out); err != nil {
		t.Fatal(err)
	}
	counts("another", 1, 1)
	if err := n.SetTags(tn.now, nil, &tn.out); err != nil {
		t.Fatal(err)
	}
	counts("no tag any more", 0, 0)
	if err := n.SetZones(Zones{Tag: "role"}); err != nil || n.Stats().ZoneTag != "role" {
		t.Error(err)
	}
	if err := n.SetZones(Zones{Tag: "az", Share: 101}); err == nil || n.Stats().ZoneTag != "role" {
		t.Error("a share of 101 is taken")
	}
	if err := n.SetZones(Zones{}); err != nil || n.Stats().ZoneTag != "" {
		t.Error(err)
	}
	c := testConfig("c")
	c.Zones.Share = -1
	if _, err := New(0, c, new(swim.Output)); err == nil || !strings.Contains(err.Error(), "zone share") {
		t.Errorf("share of -1: %v", err)
	}
}
