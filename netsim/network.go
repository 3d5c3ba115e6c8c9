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

// SetFaults replaces the faults of host h; the zero value ends them.
func (s *Sim) SetFaults(h int, f HostFaults) {
	p := &s.cold[h]
	if p.faults.Any() {
		s.faulty--
	}
	if p.faults = f; f.Any() {
		s.faulty++
	}
}

// Cut stops all traffic from one host to another, in that direction only. Streams need both
// directions.
func (s *Sim) Cut(from, to int) { s.cuts[pair{int32(from), int32(to)}] = struct{}{} }

// Mend undoes Cut.
func (s *Sim) Mend(from, to int) { delete(s.cuts, pair{int32(from), int32(to)}) }

// Partition splits the network: a host reaches the hosts of its own group only. Hosts that aren't
// named are in group 0, as all hosts are at first.
func (s *Sim) Partition(group map[int]int) {
	for h := range s.hosts {
		s.setGroup(h, group[h])
	}
}

// setGroup moves one host to another group of the partition.
func (s *Sim) setGroup(h, group int) {
	s.cold[h].group = int32(group)
	s.split = s.split || group != 0
}

// Heal ends all partitions, cuts, impairments and host faults. Paused and crashed hosts stay so,
// and the link stays as it is.
func (s *Sim) Heal() {
	clear(s.cuts)
	for h := range s.cold {
		p := &s.cold[h]
		p.group, p.faults, p.out, p.in = 0, HostFaults{}, nil, nil
	}
	s.split, s.faulty, s.impairments = false, 0, 0
}

// Reaches reports whether a packet from one host can reach the other, apart from random loss.
func (s *Sim) Reaches(from, to int) bool {
	f, t := int32(from), int32(to)
	return s.reaches(f, t) &&
		(s.faulty == 0 || !s.cold[from].faults.BlockOut && !s.cold[to].faults.BlockIn) &&
		(s.impairments == 0 || !s.rules(f, t, func(r *rule) bool { return r.BlockUDP })) &&
		!s.behindNAT(t)
}

// reaches reports whether anything, packet or stream, can get from one host to the other.
func (s *Sim) reaches(from, to int32) bool {
	if s.split && s.cold[from].group != s.cold[to].group {
		return false
	}
	if s.impairments > 0 && s.rules(from, to, func(r *rule) bool { return r.Cut }) {
		return false
	}
	if len(s.cuts) == 0 {
		return true
	}
	_, cut := s.cuts[pair{from, to}]
	return !cut
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

// lost draws whether a packet is lost, on the link or at either end.
func (s *Sim) lost(d *Draws, from, to int32) bool {
	lost := d.hits(s.linkOf(from, to).Loss)
	if s.faulty == 0 {
		d.skip(2)
	} else {
		lost = d.hits(s.cold[from].faults.Loss) || lost
		lost = d.hits(s.cold[to].faults.Loss) || lost
	}
	if s.impairments > 0 {
		s.rules(from, to, func(r *rule) bool {
			lost = r.Loss > 0 && d.hits(r.Loss) || lost
			return false
		})
	}
	return lost
}

// twice draws whether a packet arrives twice.
func (s *Sim) twice(d *Draws, from, to int32) bool {
	twice := d.hits(s.linkOf(from, to).Duplicate)
	if s.impairments > 0 {
		s.rules(from, to, func(r *rule) bool {
			twice = r.Duplicate > 0 && d.hits(r.Duplicate) || twice
			return false
		})
	}
	return twice
}

// delay draws how long a packet travels.
func (s *Sim) delay(d *Draws, from, to int32) time.Duration {
	link := s.linkOf(from, to)
	t := link.Latency.Draw(d.Next())
	if s.faulty == 0 {
		d.skip(2)
	} else {
		t += s.cold[from].faults.Delay.Draw(d.Next()) + s.cold[to].faults.Delay.Draw(d.Next())
	}
	if d.hits(link.Reorder) {
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
			if r.Reorder > 0 && d.hits(r.Reorder) {
				t += r.HoldBack.Draw(d.Next())
			}
			return false
		})
	}
	return t
}
