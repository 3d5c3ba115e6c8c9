package netsim

import (
	"fmt"
	"net/netip"

	"serf/internal/invariant"
	"serf/swim"
)

// Factory makes the machine of a host when the host starts or restarts. Its
// first effects go to out.
type Factory func(now swim.Time, out *swim.Output) (swim.Machine, error)

// Config is what a simulation is made of.
type Config struct {
	Seed uint64 // of the network; nodes have seeds of their own
	Link Link   // between any two hosts
	// TimersFirst: a host that runs on after a pause finds that its timers are overdue
	// before it finds what waits for it. Otherwise the seed says what comes first.
	TimersFirst bool
	// Workers is how many processors may share the work, up to MaxWorkers; 0 means 1. What
	// happens doesn't depend on it. Machines on hosts of different workers run at the same
	// time and must not share anything that changes, see Sim.Worker.
	Workers int
}

// MaxWorkers bounds the workers of a simulation. Each exchanges with each other.
const MaxWorkers = 64

// New returns an empty simulation at time zero.
func New(c Config) *Sim {
	s := &Sim{seed: c.Seed, timersFirst: c.TimersFirst, link: c.Link, cuts: make(map[pair]struct{})}
	workers := min(max(c.Workers, 1), MaxWorkers)
	for id := range workers {
		s.workers = append(s.workers, newWorker(s, id, workers))
	}
	return s
}

// Observe adds an observer. They are called in the order in which they were added.
func (s *Sim) Observe(o Observer) { s.observers = append(s.observers, o) }

// Worker is the number of the worker, from 0 upwards, that simulates host h. Machines of one
// worker never run at the same time, and may share memory.
func (s *Sim) Worker(h int) int { return s.worker(int32(h)).id }

// Workers is how many workers there are.
func (s *Sim) Workers() int { return len(s.workers) }

// Now is the virtual time.
func (s *Sim) Now() swim.Time { return s.now }

// Stats returns the counts so far.
func (s *Sim) Stats() Stats {
	var sum Stats
	for _, w := range s.workers {
		sum = sum.plus(w.stats)
	}
	return sum
}

// TraceHash is a digest of all that was delivered and all that was told until
// now: equal for two runs of one seed, and different as soon as they differ.
func (s *Sim) TraceHash() uint64 {
	all := newTrace(s.seed, uint64(len(s.hosts)))
	for h := range s.hosts {
		all.add(uint64(s.hosts[h].trace))
	}
	return uint64(all)
}

// Hosts is how many hosts were added, running or not.
func (s *Sim) Hosts() int { return len(s.hosts) }

// Running reports whether host h runs, which it doesn't while paused.
func (s *Sim) Running(h int) bool { return s.hosts[h].state == running }

// Down reports whether host h has crashed and not restarted.
func (s *Sim) Down(h int) bool { return s.hosts[h].state == down }

// Addr is where host h is, or was when it crashed.
func (s *Sim) Addr(h int) netip.AddrPort {
	if at := s.hosts[h].place; at != nowhere {
		return s.places.addrs[at]
	}
	return netip.AddrPort{}
}

// Machine is what runs on host h, nil when it is down. For reading only: calls
// that change it go through Do.
func (s *Sim) Machine(h int) swim.Machine { return s.hosts[h].machine }

// Sent returns how many packets and bytes host h has sent.
func (s *Sim) Sent(h int) (packets, bytes uint64) { return s.sent[h].packets, s.sent[h].bytes }

// Add makes room for one more host and returns its number, from 0 upwards. It
// is down until it is started.
func (s *Sim) Add() int {
	h := len(s.hosts)
	s.hosts = append(s.hosts, host{trace: newTrace(s.seed, uint64(h)), armed: swim.Never, place: nowhere})
	s.sent = append(s.sent, traffic{})
	s.cold = append(s.cold, coldHost{})
	return h
}

// enter readies the worker of host h for calls from outside.
func (s *Sim) enter(h int) *worker {
	invariant.Check(!s.observing, "netsim: an observer changes something: use At")
	w := s.worker(int32(h))
	w.now = s.now
	return w
}

// mark notes in the trace what is done to host h from outside.
func (s *Sim) mark(h int, what uint64) { s.hosts[h].trace.add(what, uint64(s.now)) }

// Start runs a new machine, which knows nothing, on host h at addr. A host that
// still runs crashes first.
func (s *Sim) Start(h int, addr netip.AddrPort, f Factory) error {
	s.Crash(h)
	if other := s.places.host(addr); other != none {
		return fmt.Errorf("netsim: address %v is taken by host %d", addr, other)
	}
	w := s.enter(h)
	w.enter()
	m, err := f(s.now, &w.out)
	if err != nil {
		w.busy = false
		w.out.Reset()
		return fmt.Errorf("netsim: starting host %d: %w", h, err)
	}
	p, cold := &s.hosts[h], &s.cold[h]
	p.place, p.machine, p.state = s.places.add(addr), m, running
	s.places.hosts[p.place] = int32(h)
	cold.sealer, _ = m.(sealerOf)
	cold.starts++
	s.mark(h, traceStart)
	w.leave(int32(h))
	s.notifyObservers()
	return nil
}

// Crash stops host h at once and for good: what it knew is lost, packets to it
// vanish, streams to it are refused. What it sent before is still on its way.
func (s *Sim) Crash(h int) {
	p := &s.hosts[h]
	if p.state == down {
		return
	}
	s.enter(h).dropHeld(int32(h))
	s.places.hosts[p.place] = none
	p.machine, s.cold[h].sealer, p.state = nil, nil, down
	s.mark(h, traceCrash)
}

// Pause stops host h as SIGSTOP would: its timers don't fire, and packets and
// streams wait for it, packets up to a socket buffer's worth.
func (s *Sim) Pause(h int) {
	if p := &s.hosts[h]; p.state == running {
		p.state = paused
		s.mark(h, tracePause)
	}
}

// Stall stops host h like Pause, but not before it sends a packet: as a process that blocks when it
// writes to its socket. Until then its timers fire, and nothing is read.
func (s *Sim) Stall(h int) {
	if p := &s.hosts[h]; p.state == running {
		p.state = stalling
		s.mark(h, tracePause)
	}
}

// Resume lets a paused host run on. It finds its timers overdue and its
// packets waiting; which of them it looks at first is for the seed to say, as
// it is for the scheduler in a real process.
func (s *Sim) Resume(h int) {
	p := &s.hosts[h]
	if !p.state.notReading() {
		return
	}
	p.state = running
	s.mark(h, traceResume)
	w := s.enter(h)
	w.sendStalled(int32(h))
	d, _ := w.draw(int32(h))
	if timersFirst := d.Next()&1 == 0 || s.timersFirst; timersFirst {
		w.tick(int32(h))
	}
	w.release(int32(h))
	w.rearm(int32(h))
	s.notifyObservers()
}

// Do calls into the machine of host h, as its user would, and carries out what
// comes of it. It reports false, and does nothing, if the host isn't running.
func (s *Sim) Do(h int, fn func(m swim.Machine, now swim.Time, out *swim.Output)) bool {
	p := &s.hosts[h]
	if p.state != running {
		return false
	}
	w := s.enter(h)
	w.enter()
	fn(p.machine, s.now, &w.out)
	w.leave(int32(h))
	s.notifyObservers()
	return true
}
