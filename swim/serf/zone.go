package serf

import (
	"serf/swim"
	"serf/wire"
)

// Zones divides the members by a tag, so that gossip stays mostly within each part: see swim.Zones.
// The zero Zones doesn't divide them.
type Zones struct {
	// Tag is the key of a tag. Members with the same value are in the same zone; those without a
	// value are in none. "" means that all are in none.
	Tag string
	// Share and Probes are those of swim.Zones.
	Share  int
	Probes bool
}

func (z *Zones) membership() swim.Zones {
	return swim.Zones{Of: zonesByTag(z.Tag), Share: z.Share, Probes: z.Probes}
}

// zonesByTag returns the swim.Zones.Of by which members with equal values of a tag share a zone;
// those without a value are in none. It is nil without a tag.
func zonesByTag(tag string) func(name, meta []byte) uint64 {
	if tag == "" {
		return nil
	}
	return func(_, meta []byte) uint64 { return zoneOf(tag, meta) }
}

// zoneOf is the zone that the value of a tag names.
func zoneOf(tag string, meta []byte) uint64 {
	tags, err := wire.ParseTags(meta)
	if err != nil {
		return 0
	}
	zone := uint64(0)
	for it := tags.Iter(); it.Next(); {
		if string(it.Key) == tag {
			zone = swim.ZoneKey(it.Value)
		}
	}
	return zone
}

// SetZones changes how members are divided, from now on. The error is that of Config.Validate.
func (n *Node) SetZones(z Zones) error {
	if err := n.swim.SetZones(z.membership()); err != nil {
		return err
	}
	n.cfg.Zones, n.gossip.rebroadcasts.FreshFirst = z, z.Tag != ""
	return nil
}
