package netsim

import (
	"fmt"
	"net/netip"

	"serf/internal/invariant"
	"serf/swim"
)

// Factory makes the machine of a host that starts or restarts. The machine's first effects go to
// out.
type Factory func(now swim.Time, out *swim.Output) (swim.Machine, error)

// Config has the parameters of a simulation.
type Config struct {
	Seed uint64 // of the network; machines have seeds of their own
	Link Link   // between any two hosts
	// TimersFirst has a host that resumes after a pause run its overdue timers before it reads what
	// waits for it. Otherwise the seed decides which comes first.
	TimersFirst bool
	// Workers is how many processors may share the work, up to MaxWorkers; 0 means 1. The outcome
	// doesn't depend on it. Machines of different workers run at the same time and must not share
	// mutable state, see [Sim.Worker].
	Workers int
}

// MaxWorkers bounds the workers of a simulation: each has a mailbox for each other one.
const MaxWorkers = 64

// New returns an empty simulation at time zero.
func New(c Config) *Sim {
	s := &Sim{seed: c.Seed, timersFirst: c.TimersFirst, link: c.Link}
	workers := min(max(c.Workers, 1), MaxWorkers)
	for id := range workers {
		s.workers = append(s.workers, newWorker(s, id, workers))
	}
	return s
}

// Observe adds an observer. They are called in the order in which they were added.
func (s *Sim) Observe(o Observer) { s.observers = append(s.observers, o) }

// Worker is the number, from 0, of the worker that simulates host h. Machines of one worker never
// run at the same time, and may share memory.
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

// TraceHash is a digest of all deliveries and events so far. It is equal for two runs of one seed,
// and differs as soon as the runs do.
func (s *Sim) TraceHash() uint64 {
	all := newTrace(s.seed, uint64(len(s.hosts)))
	for h := range s.hosts {
		all.add(uint64(s.hosts[h].trace))
	}
	return uint64(all)
}

// Running reports whether host h runs. A paused host doesn't, one that is throttled does.
func (s *Sim) Running(h int) bool { return s.hosts[h].state.runs() }

// Down reports whether host h has not been started, or has crashed since.
func (s *Sim) Down(h int) bool { return s.hosts[h].state == down }

// Addr is where host h is, or was when it crashed.
func (s *Sim) Addr(h int) netip.AddrPort {
	if at := s.hosts[h].place; at != nowhere {
		return s.places.addrs[at]
	}
	return netip.AddrPort{}
}

// Machine is the machine on host h, nil when the host is down. It is for reading: calls that change
// it go through Do.
func (s *Sim) Machine(h int) swim.Machine {
	m := s.hosts[h].machine
	if c, ok := m.(*clocked); ok {
		return c.Machine
	}
	return m
}

// Sent returns how many packets and bytes host h has sent.
func (s *Sim) Sent(h int) (packets, bytes uint64) { return s.sent[h].packets, s.sent[h].bytes }

// Add adds a host, which is down until it is started, and returns its number, from 0.
func (s *Sim) Add() int {
	h := len(s.hosts)
	trace := newTrace(s.seed, uint64(h))
	s.hosts = append(s.hosts, host{trace: trace, armed: swim.Never, place: nowhere})
	s.sent = append(s.sent, traffic{})
	s.cold = append(s.cold, coldHost{})
	return h
}

// enter prepares the worker of host h for a call from outside the event loop.
func (s *Sim) enter(h int) *worker {
	invariant.Check(!s.observing, "netsim: an observer changes something: use At")
	w := s.worker(int32(h))
	w.now = s.now
	return w
}

// mark adds what is done to host h from outside to its trace.
func (s *Sim) mark(h int, what uint64) { s.hosts[h].trace.add(what, uint64(s.now)) }

// Start runs a new machine on host h at addr. A host that still runs crashes first. It fails if the
// address is taken or f fails.
func (s *Sim) Start(h int, addr netip.AddrPort, f Factory) error {
	s.Crash(h)
	if other := s.places.host(addr); other != none {
		return fmt.Errorf("netsim: address %v is taken by host %d", addr, other)
	}
	w := s.enter(h)
	w.enter()
	m, err := f(s.Clock(h), &w.out)
	if err != nil {
		w.busy = false
		w.out.Reset()
		return fmt.Errorf("netsim: starting host %d: %w", h, err)
	}
	p, cold := &s.hosts[h], &s.cold[h]
	p.place, p.machine, p.state = s.places.add(addr), s.clocked(h, m), running
	s.places.hosts[p.place] = int32(h)
	s.moveFlows(int32(h))
	cold.sealer, _ = m.(sealerOf)
	cold.starts++
	s.mark(h, traceStart)
	w.leave(int32(h))
	s.notifyObservers()
	return nil
}

// Replace has host h, which isn't down, go on with another machine, whose next deadline is the same:
// one that was restored from the state of its own.
func (s *Sim) Replace(h int, m swim.Machine) {
	s.hosts[h].machine = s.clocked(h, m)
	s.cold[h].sealer, _ = m.(sealerOf)
}

// Crash stops host h at once: its state is lost, packets to it vanish, streams to it are refused.
// What it sent before still arrives.
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

// Pause stops host h as SIGSTOP would: its timers don't fire, and packets and streams wait for it,
// packets up to a socket buffer's worth.
func (s *Sim) Pause(h int) {
	if p := &s.hosts[h]; p.state.runs() {
		p.state = paused
		s.mark(h, tracePause)
	}
}

// Stall pauses host h when it next sends a packet, like a process that blocks in a write to its
// socket. Until then its timers fire, but it reads nothing.
func (s *Sim) Stall(h int) {
	if p := &s.hosts[h]; p.state.runs() {
		p.state = stalling
		s.mark(h, tracePause)
	}
}

// First is what a host does first when it runs on.
type First uint8

const (
	Either      First = iota // as the seed decides
	TimersFirst              // its overdue timers run
	ReadsFirst               // it reads what waits for it
)

// Resume continues a paused host. Its timers are overdue and packets wait for it; the seed decides
// which it handles first, as a scheduler would.
func (s *Sim) Resume(h int) { s.ResumeWith(h, Either) }

// ResumeWith is Resume for a host of which it is known what comes first.
func (s *Sim) ResumeWith(h int, first First) {
	p := &s.hosts[h]
	if !p.state.notReading() {
		return
	}
	p.state = running
	s.mark(h, traceResume)
	w := s.enter(h)
	w.sendStalled(int32(h))
	d, _ := w.draw(int32(h))
	if timers := d.Next()&1 == 0 || s.timersFirst; timers && first == Either || first == TimersFirst {
		w.tick(int32(h))
	}
	if s.cold[h].readTime > 0 {
		w.releaseSlowly(int32(h))
	} else {
		w.release(int32(h))
	}
	w.rearm(int32(h))
	s.notifyObservers()
}

// Do calls fn with the machine of host h, as its user would, and carries out the effects. It
// reports false, and does nothing, if the host isn't running.
func (s *Sim) Do(h int, fn func(m swim.Machine, now swim.Time, out *swim.Output)) bool {
	if !s.hosts[h].state.runs() {
		return false
	}
	w := s.enter(h)
	w.enter()
	fn(s.Machine(h), s.Clock(h), &w.out)
	w.leave(int32(h))
	s.notifyObservers()
	return true
}
