package netsim

import (
	"cmp"
	"slices"
	"time"

	"serf/internal/invariant"
)

func (r *rule) with(h int32) bool { return r.peers == nil || r.peers.has(h) }

// behindNAT reports whether nothing reaches host h except answers on streams that it opened.
func (s *Sim) behindNAT(h int32) bool {
	return s.impairments > 0 &&
		slices.ContainsFunc(s.cold[h].in, func(r *rule) bool { return r.NAT })
}

func (s *Sim) setOf(hosts []int) hostSet {
	set := make(hostSet, (len(s.hosts)+63)/64)
	for _, h := range hosts {
		set[h/64] |= 1 << (h % 64)
	}
	return set
}

// Impair applies an impairment to what passes between hosts and peers, in the given direction. Nil
// peers means all hosts. It returns the ID that Repair takes.
func (s *Sim) Impair(hosts, peers []int, way Way, what Impairment) (id int) {
	s.impairments++
	s.impairmentsEver++
	r := &rule{Impairment: what, id: s.impairmentsEver, way: way, hosts: s.setOf(hosts)}
	if peers != nil {
		r.peers = s.setOf(peers)
	}
	for _, h := range hosts {
		p := &s.cold[h]
		if way != WayIn {
			p.out = append(p.out, r)
		}
		if way != WayOut {
			p.in = append(p.in, r)
		}
		s.addFlows(int32(h), r)
	}
	return r.id
}

// Repair ends the impairment, which must be in force.
func (s *Sim) Repair(id int) {
	s.impairments--
	invariant.Check(s.impairments >= 0, "netsim: more impairments ended than there were")
	ended := func(r *rule) bool { return r.id == id }
	for h := range s.cold {
		p := &s.cold[h]
		p.out, p.in = slices.DeleteFunc(p.out, ended), slices.DeleteFunc(p.in, ended)
		s.removeFlows(int32(h), func(t *flowTable) bool { return t.rule == id })
	}
}

// rules calls fn with each impairment of what passes from one host to another, until fn returns
// true. It reports whether fn did.
func (s *Sim) rules(from, to int32, fn func(r *rule) bool) bool {
	for _, r := range s.cold[from].out {
		if r.with(to) && fn(r) {
			return true
		}
	}
	for _, r := range s.cold[to].in {
		// A rule about both ends applies once.
		again := r.way == BothWays && r.hosts.has(from) && r.with(to)
		if !again && r.with(from) && fn(r) {
			return true
		}
	}
	return false
}

// DefaultQueue is how much common interfaces and routers buffer.
const DefaultQueue = 100 * time.Millisecond

// SetUplink limits what host h can send. Packets that would have to wait for longer than queue are
// dropped; streams wait. A bandwidth of 0 removes the limit; queue then applies to impairments that
// limit the bandwidth. A queue of 0 means DefaultQueue.
func (s *Sim) SetUplink(h int, w Bandwidth, queue time.Duration) {
	s.uplinks = s.uplinks || w > 0
	s.cold[h].uplink.bandwidth, s.cold[h].uplink.queue = w, queue
}

// bandwidth is the narrowest limit on what the host sends.
func (p *coldHost) bandwidth() Bandwidth {
	w := p.uplink.bandwidth
	for _, r := range p.out {
		if r.Bandwidth > 0 && (w == 0 || r.Bandwidth < w) {
			w = r.Bandwidth
		}
	}
	return w
}

// buffer is how many bytes of packets wait for the host while it doesn't read.
func (p *coldHost) buffer() int {
	least := socketBuffer
	for _, r := range p.in {
		if r.Buffer > 0 {
			least = min(least, r.Buffer)
		}
	}
	return least
}

// transmit returns how long it takes until host h has sent size bytes, including what waits before
// them. If they would have to wait for longer than most, it sends nothing and reports false.
func (w *worker) transmit(h int32, size int, most time.Duration) (time.Duration, bool) {
	if s := w.sim; !s.uplinks && s.impairments == 0 {
		return 0, true
	}
	p := &w.sim.cold[h]
	speed := p.bandwidth()
	if speed == 0 {
		return 0, true
	}
	begin := max(p.uplink.free, w.now)
	if begin.Sub(w.now) > cmp.Or(most, p.uplink.queue, DefaultQueue) {
		return 0, false
	}
	p.uplink.free = begin.Add(speed.time(size + ipHeader))
	return p.uplink.free.Sub(w.now), true
}

// ipHeader is what IPv4 and UDP add to a packet, in bytes.
const ipHeader = 28
