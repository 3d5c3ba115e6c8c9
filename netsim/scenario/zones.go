package scenario

import (
	"cmp"
	"fmt"

	"serf/netsim"
	"serf/swim"
	"serf/swim/serf"
)

// Zones has members gossip, and exchange states, mostly within their region: see swim.Zones. Each
// has the tag zoneTag with the name of its region.
type Zones struct {
	// Members is the share of members that do so, with others that don't. 0 means none.
	Members netsim.Chance `json:"nodes,omitzero"`
	// Share is what leaves a large region, in percent. 0 means the default of the members.
	Share int `json:"share,omitzero"`
	// Probes has probes stay within regions, too.
	Probes bool `json:"probes,omitzero"`
}

// String describes z as part of a sentence.
func (z Zones) String() string {
	share := cmp.Or(z.Share, swim.ZoneShareDefault)
	text := fmt.Sprintf("%v of the nodes keep gossip in their region, but for %d%%", z.Members, share)
	if z.Probes {
		text += ", and probes"
	}
	return text
}

// zoneTag is the tag that names a member's region, if there are zones.
const zoneTag = "zone"

const zoneStream = 1 << 43

// zoneTag is the tag by which members are divided into zones, "" if they aren't.
func (s *Scenario) zoneTag() string {
	if s.Zones.Members == 0 {
		return ""
	}
	return zoneTag
}

// tuneZone gives member i the tag of its region, and has it tell zones apart if it is one that
// does.
func (run *scenarioRun) tuneZone(i int, cfg *serf.Config) {
	z := &run.s.Zones
	if z.Members == 0 {
		return
	}
	cfg.Tags = map[string]string{zoneTag: run.s.Regions[run.regionOf[i]].Name}
	if d := netsim.NewDraws(run.s.Seed, zoneStream, uint64(i)); !d.Hits(z.Members) {
		return
	}
	cfg.Zones = serf.Zones{Tag: zoneTag, Share: z.Share, Probes: z.Probes}
}
