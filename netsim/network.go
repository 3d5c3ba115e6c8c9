package netsim

import (
	"slices"
	"time"

	"serf/internal/invariant"
)

// SetLink changes how packets travel from now on, where SetRegions doesn't say otherwise.
func (s *Sim) SetLink(l Link) { s.link = l }

// SetRegions divides the hosts into regions, by number, so that Between counts what passes from one
// to another. paths says how packets travel from region a to b by paths[a*n+b], where n is one more
// than the greatest number; nil means as SetLink says. The hosts must have been added. Both slices
// are kept.
func (s *Sim) SetRegions(region []uint8, paths []Link) {
	invariant.Check(len(region) == len(s.hosts), "netsim: regions of other hosts")
	s.region, s.paths, s.regions = region, paths, int(slices.Max(region))+1
	invariant.Check(paths == nil || len(paths) == s.regions*s.regions,
		"netsim: paths of other regions")
	for _, w := range s.workers {
		w.between = make([]Traffic, s.regions*s.regions)
	}
}

// Between returns what hosts of one region have sent to those of another since SetRegions.
func (s *Sim) Between(from, to int) Traffic {
	var sum Traffic
	for _, w := range s.workers {
		t := w.between[from*s.regions+to]
		sum.Packets += t.Packets
		sum.PacketBytes += t.PacketBytes
		sum.StreamBytes += t.StreamBytes
	}
	return sum
}

// countPacket and countStream count what a host sends to another by their regions.
func (w *worker) countPacket(from, to int32, bytes int) {
	if t := w.trafficBetween(from, to); t != nil {
		t.Packets++
		t.PacketBytes += uint64(bytes)
	}
}

func (w *worker) countStream(from, to int32, bytes int) {
	w.stats.StreamBytes += uint64(bytes)
	if t := w.trafficBetween(from, to); t != nil {
		t.StreamBytes += uint64(bytes)
	}
}

func (w *worker) trafficBetween(from, to int32) *Traffic {
	s := w.sim
	if s.regions == 0 || to == none {
		return nil
	}
	return &w.between[int(s.region[from])*s.regions+int(s.region[to])]
}

// linkOf is how packets travel from one host to another.
func (s *Sim) linkOf(from, to int32) *Link {
	if len(s.paths) == 0 {
		return &s.link
	}
	return &s.paths[int(s.region[from])*s.regions+int(s.region[to])]
}

// Heal ends all impairments. Paused and crashed hosts stay so, and the link stays as it is.
func (s *Sim) Heal() {
	for h := range s.cold {
		s.removeFlows(int32(h), func(*flowTable) bool { return true })
		s.cold[h].out, s.cold[h].in = nil, nil
	}
	s.impairments = 0
}

// Reaches reports whether a packet from one host can reach the other, apart from random loss.
func (s *Sim) Reaches(from, to int) bool {
	f, t := int32(from), int32(to)
	return s.reaches(f, t) && !s.behindNAT(t) &&
		(s.impairments == 0 || !s.rules(f, t, func(r *rule) bool { return r.BlockUDP }))
}

// rejects reports whether what one host sends to the other is refused with an error.
func (s *Sim) rejects(from, to int32) bool {
	return s.impairments > 0 && s.rules(from, to, func(r *rule) bool { return r.Reject })
}

// fits reports whether a packet of so many bytes, with its headers, passes.
func (s *Sim) fits(from, to int32, size int) bool {
	return s.impairments == 0 ||
		!s.rules(from, to, func(r *rule) bool { return r.tooLarge(size) })
}

// streamFault is the worst that is wrong with streams that one host opens to the other.
func (s *Sim) streamFault(from, to int32) (worst StreamFault) {
	if s.impairments > 0 {
		s.rules(from, to, func(r *rule) bool {
			worst = max(worst, r.Streams)
			return false
		})
	}
	return worst
}

// reaches reports whether anything, packet or stream, can get from one host to the other.
func (s *Sim) reaches(from, to int32) bool {
	return s.impairments == 0 ||
		!s.rules(from, to, func(r *rule) bool { return r.Cut || r.Reject })
}

// quickest is the least time that any packet takes. The length of windows depends on it.
func (s *Sim) quickest() time.Duration {
	least := s.link.Latency.Min()
	for i := range s.paths {
		least = min(least, s.paths[i].Latency.Min())
	}
	return least
}

// MaxLoss is the greatest chance of loss on any link, apart from faults.
func (s *Sim) MaxLoss() Chance {
	if len(s.paths) == 0 {
		return s.link.Loss
	}
	most := Chance(0)
	for i := range s.paths {
		most = max(most, s.paths[i].Loss)
	}
	return most
}

// Choking reports whether any host's uplink is limited, or has been.
func (s *Sim) Choking() bool { return s.uplinks }

// unusedDraws are skipped for each packet, twice: without them all seeds would mean other runs.
const unusedDraws = 2

// lost draws whether a packet is lost.
func (s *Sim) lost(d *Draws, from, to int32) bool {
	lost := d.Hits(s.linkOf(from, to).Loss)
	d.skip(unusedDraws)
	if s.impairments > 0 {
		s.rules(from, to, func(r *rule) bool {
			lost = r.Loss > 0 && d.Hits(r.Loss) || lost
			return false
		})
	}
	return lost
}

// twice draws whether a packet arrives twice.
func (s *Sim) twice(d *Draws, from, to int32) bool {
	twice := d.Hits(s.linkOf(from, to).Duplicate)
	if s.impairments > 0 {
		s.rules(from, to, func(r *rule) bool {
			twice = r.Duplicate > 0 && d.Hits(r.Duplicate) || twice
			return false
		})
	}
	return twice
}

// delay draws how long a packet travels.
func (s *Sim) delay(d *Draws, from, to int32) time.Duration {
	link := s.linkOf(from, to)
	t := link.Latency.Draw(d.Next())
	d.skip(unusedDraws)
	if d.Hits(link.Reorder) {
		t += link.HoldBack.Draw(d.Next())
	}
	if !link.Jitter.IsZero() {
		t += link.Jitter.Draw(d.Next())
	}
	if s.impairments > 0 {
		s.rules(from, to, func(r *rule) bool {
			if !r.Delay.IsZero() {
				t += r.Delay.Draw(d.Next())
			}
			if r.Reorder > 0 && d.Hits(r.Reorder) {
				t += r.HoldBack.Draw(d.Next())
			}
			return false
		})
	}
	return t
}
