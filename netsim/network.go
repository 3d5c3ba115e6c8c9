package netsim

import (
	"fmt"
	"time"

	"serf/swim"
)

// Link says how packets travel from one host to another.
type Link struct {
	Latency   Dist   // one way
	Loss      Chance // a packet vanishes
	Duplicate Chance // a packet arrives twice, the second time with a latency of its own
	Reorder   Chance // a packet is held back by HoldBack, so that later ones overtake it
	HoldBack  Dist
}

// String describes l in one line.
func (l Link) String() string {
	return fmt.Sprintf("latency %v, loss %v, duplicates %v, reordered %v by %v",
		l.Latency, l.Loss, l.Duplicate, l.Reorder, l.HoldBack)
}

// HostFaults are what is wrong with one host's connection, on top of the link.
type HostFaults struct {
	Loss     Chance // of packets in either direction
	Delay    Dist   // added in either direction
	BlockIn  bool   // no packet gets in; streams work
	BlockOut bool   // no packet gets out; streams work
}

// pair is a direction.
type pair struct{ from, to int32 }

// SetLink changes how packets travel from now on.
func (s *Sim) SetLink(l Link) { s.link = l }

// SetFaults replaces the faults of host h; the zero value mends it.
func (s *Sim) SetFaults(h int, f HostFaults) { s.hosts[h].faults = f }

// Cut stops everything from one host to another, in that direction only.
// Streams need both.
func (s *Sim) Cut(from, to int) { s.cuts[pair{int32(from), int32(to)}] = struct{}{} }

// Mend undoes Cut.
func (s *Sim) Mend(from, to int) { delete(s.cuts, pair{int32(from), int32(to)}) }

// Partition splits the network: hosts reach those of their own group only.
// Hosts that aren't named are in group 0, and so is every host at first.
func (s *Sim) Partition(group map[int]int) {
	for h := range s.hosts {
		s.hosts[h].group = int32(group[h])
	}
}

// SetGroup moves one host to another side of the partition.
func (s *Sim) SetGroup(h, group int) { s.hosts[h].group = int32(group) }

// Heal ends partitions and cuts and mends every host's connection. Paused and
// crashed hosts stay so, and the link stays as it is.
func (s *Sim) Heal() {
	clear(s.cuts)
	for h := range s.hosts {
		s.hosts[h].group, s.hosts[h].faults = 0, HostFaults{}
	}
}

// Reaches reports whether a packet from one host could get to the other, loss aside.
func (s *Sim) Reaches(from, to int) bool {
	return s.reaches(int32(from), int32(to)) && !s.hosts[from].faults.BlockOut && !s.hosts[to].faults.BlockIn
}

func (s *Sim) reaches(from, to int32) bool {
	if s.hosts[from].group != s.hosts[to].group {
		return false
	}
	if len(s.cuts) == 0 {
		return true
	}
	_, cut := s.cuts[pair{from, to}]
	return !cut
}

// draw returns the random numbers for the next thing that host h sends.
func (s *Sim) draw(h int32) draws {
	p := &s.hosts[h]
	p.seq++
	return newDraws(s.seed, uint64(h), p.seq)
}

// send gives one packet of host h to the network.
func (s *Sim) send(h int32, p *swim.Packet) {
	from := &s.hosts[h]
	from.sent++
	from.bytes += uint64(len(p.Data))
	s.stats.Sent++
	s.stats.SentBytes += uint64(len(p.Data))
	d := s.draw(h)
	seq := from.seq
	to, known := s.byAddr[p.To]
	switch {
	case !known:
		s.stats.Nobody++
		return
	case !s.Reaches(int(h), int(to)):
		s.stats.Cut++
		return
	case s.lost(&d, h, to):
		s.stats.Lost++
		return
	}
	s.launch(&d, h, to, seq, p)
	if s.link.Duplicate.hits(d.next()) {
		s.stats.Duplicated++
		from.seq++
		s.launch(&d, h, to, from.seq, p)
	}
}

// launch puts one copy of a packet on its way.
func (s *Sim) launch(d *draws, from, to int32, seq uint64, p *swim.Packet) {
	i := s.flights.take()
	s.flights.slots[i].set(s.hosts[from].addr, p.To, p.Data)
	s.queue.push(event{at: s.now.Add(s.delay(d, from, to)), to: to, from: from, seq: seq, kind: kindPacket, ref: i})
}

// lost decides whether chance takes a packet, on the link or at either end.
func (s *Sim) lost(d *draws, from, to int32) bool {
	return s.link.Loss.hits(d.next()) ||
		s.hosts[from].faults.Loss.hits(d.next()) || s.hosts[to].faults.Loss.hits(d.next())
}

// delay draws how long a packet travels.
func (s *Sim) delay(d *draws, from, to int32) time.Duration {
	t := s.link.Latency.draw(d.next()) + s.hosts[from].faults.Delay.draw(d.next()) + s.hosts[to].faults.Delay.draw(d.next())
	if s.link.Reorder.hits(d.next()) {
		t += s.link.HoldBack.draw(d.next())
	}
	return t
}

// deliverPacket hands a packet to the machine that lives at its address now.
func (s *Sim) deliverPacket(e *event) {
	p := &s.hosts[e.to]
	f := &s.flights.slots[e.ref]
	switch {
	case p.state == down || p.addr != f.to:
		s.stats.Nobody++
		s.flights.drop(e.ref)
		return
	case p.state == paused:
		s.hold(p, e)
		return
	}
	s.stats.Delivered++
	s.trace.packet(e, s.now, f.data)
	s.enter()
	p.machine.Packet(s.now, f.from, f.data, &s.out)
	s.flights.drop(e.ref)
	s.leave(e.to)
}

const (
	// socketBuffer is what Linux grants a UDP socket by default
	// (net.core.rmem_default), and packetOverhead about what it charges for each
	// packet besides its bytes.
	socketBuffer   = 212_992
	packetOverhead = 768
)

// hold keeps a packet for a paused host as its socket would.
func (s *Sim) hold(p *host, e *event) {
	size := len(s.flights.slots[e.ref].data) + packetOverhead
	if p.heldSize+size > socketBuffer {
		s.stats.Overflowed++
		s.flights.drop(e.ref)
		return
	}
	p.heldSize += size
	p.held = append(p.held, *e)
}

// dropHeld forgets what waited for a host that won't resume.
func (s *Sim) dropHeld(p *host) {
	for i := range p.held {
		if e := &p.held[i]; e.kind == kindPacket {
			s.flights.drop(e.ref)
		} else {
			s.release(e.ref)
		}
	}
	p.held, p.heldSize = nil, 0
}
