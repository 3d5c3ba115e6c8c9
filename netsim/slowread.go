package netsim

import "time"

// SetReadTime sets how long it takes host h, when it runs on after a stop, to read each packet that
// waits for it. Those that arrive meanwhile wait behind the others, and what isn't read by the next
// stop waits on. 0, the default, is for a process that has a processor to itself, and few packets.
// Streams are read at once, as by threads of their own.
func (s *Sim) SetReadTime(h int, d time.Duration) { s.cold[h].readTime = d }

// releaseSlowly delivers the streams that waited for a host that resumes, and begins to read the
// packets.
func (w *worker) releaseSlowly(h int32) {
	p := &w.sim.cold[h]
	waiting := p.held
	p.held = nil
	for i := range waiting {
		if x := &waiting[i]; x.kind == kindPacket {
			p.held = append(p.held, *x)
		} else {
			w.deliver(&x.event)
		}
	}
	w.readOn(h)
}

// readOn begins to read the next packet that waits for host h.
func (w *worker) readOn(h int32) {
	p, cold := &w.sim.hosts[h], &w.sim.cold[h]
	if len(cold.held) == 0 {
		cold.held, p.state = nil, running
		return
	}
	p.state, cold.readNext = reading, w.now.Add(cold.readTime)
	w.queue.push(event{at: cold.readNext, order: lastOfInstant | orderOf(h, 0), seq: 1,
		kind: kindRead})
}

// readOne hands over the packet that host h has read, unless the host has stopped since.
func (w *worker) readOne(h int32) {
	p, cold := &w.sim.hosts[h], &w.sim.cold[h]
	if p.state != reading || cold.readNext != w.now {
		return
	}
	x := cold.held[0]
	cold.held = cold.held[1:]
	cold.heldSize -= len(x.data) + packetOverhead
	w.receive(h, &x.event, x.from, x.data)
	if p.state == reading {
		w.readOn(h)
	}
}
