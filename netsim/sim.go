package netsim

import (
	"fmt"
	"net/netip"
	"time"

	"serf/internal/invariant"
	"serf/swim"
	"serf/wire"
)

// Observer sees every event of every host, in the order of time and of hosts. It may
// look at machines, which are up to the time of the quickest packet ahead of the event, but
// not call into them: e and what it points to are borrowed. What an observer wants done goes through [Sim.At].
type Observer interface {
	Event(now swim.Time, host int, e *swim.Event)
}

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

// Stats counts what the network did since the start.
type Stats struct {
	Sent, SentBytes   uint64 // packets handed to the network
	Delivered         uint64 // packets that reached a machine, copies included
	Lost              uint64 // by chance
	Cut               uint64 // by a partition, a cut or blocked UDP
	Duplicated        uint64
	Nobody            uint64 // sent where no host runs
	Overflowed        uint64 // by the full socket buffer of a paused host
	Choked            uint64 // that the sender's bandwidth had no room for
	Streams           uint64 // exchanges begun
	StreamBytes       uint64 // in both directions
	StreamsFailed     uint64 // that ended with StreamFailed
	StreamsUnreadable uint64 // blocks that couldn't be opened
	Ticks             uint64
	Events            uint64
}

// plus returns the sums of s and t.
func (s Stats) plus(t Stats) Stats { return s.Since(Stats{}.Since(t)) }

// since returns what was counted after earlier.
func (s Stats) Since(earlier Stats) Stats {
	s.Sent -= earlier.Sent
	s.SentBytes -= earlier.SentBytes
	s.Delivered -= earlier.Delivered
	s.Lost -= earlier.Lost
	s.Cut -= earlier.Cut
	s.Duplicated -= earlier.Duplicated
	s.Nobody -= earlier.Nobody
	s.Overflowed -= earlier.Overflowed
	s.Choked -= earlier.Choked
	s.Streams -= earlier.Streams
	s.StreamBytes -= earlier.StreamBytes
	s.StreamsFailed -= earlier.StreamsFailed
	s.StreamsUnreadable -= earlier.StreamsUnreadable
	s.Ticks -= earlier.Ticks
	s.Events -= earlier.Events
	return s
}

// hostState says whether a host's program runs.
type hostState uint8

const (
	down hostState = iota
	running
	paused
	stalling // runs, reads nothing, and is paused when it sends
)

// deaf reports whether what reaches a host waits.
func (s hostState) deaf() bool { return s == paused || s == stalling }

// host is one machine and where it is: what every packet needs, in one cache line. A
// worker writes to its own hosts only.
type host struct {
	machine swim.Machine
	trace   trace
	seq     uint64    // of what this host gave to the network
	due     swim.Time // when the machine wants to be ticked
	armed   swim.Time // of the earliest timer in the queue, or Never
	place   place
	state   hostState
}

// traffic is what a host has sent in packets.
type traffic struct{ packets, bytes uint64 }

// coldHost is the rest of a host.
type coldHost struct {
	sealer   sealerOf // the machine, if it can say its sealer
	lives    uint32   // starts so far: what was meant for an earlier life is dropped
	accepted uint64   // streams, for their IDs
	faults   HostFaults
	group    int32   // partition: only equal groups reach each other
	out, in  []*rule // impairments of what this host sends, and of what is sent to it
	uplink   uplink
	held     []held        // arrived while paused, in order of arrival
	heldSize int           // bytes of socket buffer that held packets take
	unsent   []swim.Packet // those in which it stalled
}

// sealerOf is a machine whose streams are sealed.
type sealerOf interface{ Sealer() *wire.Sealer }

// Sim is a simulation. It is used by one goroutine.
type Sim struct {
	now    swim.Time
	seed   uint64
	hasty  bool // Config.TimersFirst
	link   Link
	region []uint8 // of each host, if there are paths
	paths  []Link  // between regions
	hosts  []host
	cold   []coldHost // by host
	sent   []traffic  // by host
	places places
	cuts   map[pair]struct{} // one-way
	split  bool              // some host is in another group than 0
	faulty int               // hosts with faults

	regions     int  // paths has regions*regions
	impairments int  // in force
	impaired    int  // so far, for their IDs
	uplinks     bool // some host has a limited one

	workers  []*worker
	gang     *gang // while several workers are at work
	together bool  // they are at this moment
	side     int   // of the outboxes that were filled last
	crowd    int   // average of the events in a window, see pass

	actions eventHeap
	fns     pool[func()]
	world   uint64 // sequence of actions

	observers []Observer
	observing bool // they are being told
	telling   []*toldEvent
}

// none is no host.
const none int32 = -1

// MaxWorkers bounds the workers of a simulation. Each exchanges with each other.
const MaxWorkers = 64

// New returns an empty simulation at time zero.
func New(c Config) *Sim {
	s := &Sim{seed: c.Seed, hasty: c.TimersFirst, link: c.Link, cuts: make(map[pair]struct{})}
	workers := min(max(c.Workers, 1), MaxWorkers)
	for id := range workers {
		s.workers = append(s.workers, newWorker(s, id, workers))
	}
	return s
}

// Observe adds an observer. They are called in the order in which they were added.
func (s *Sim) Observe(o Observer) { s.observers = append(s.observers, o) }

// worker simulates host h.
func (s *Sim) worker(h int32) *worker {
	if len(s.workers) == 1 {
		return s.workers[0]
	}
	return s.workers[uint32(h)%uint32(len(s.workers))]
}

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
	cold.lives++
	s.mark(h, traceStart)
	w.leave(int32(h))
	s.tellObservers()
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
	if !p.state.deaf() {
		return
	}
	p.state = running
	s.mark(h, traceResume)
	w := s.enter(h)
	w.sendStalled(int32(h))
	d, _ := w.draw(int32(h))
	if timersFirst := d.Next()&1 == 0 || s.hasty; timersFirst {
		w.tick(int32(h))
	}
	w.release(int32(h))
	w.rearm(int32(h))
	s.tellObservers()
}

// At runs fn at time t, before anything else that happens then. Actions for
// the same time run in the order in which they were given. An observer's actions run as
// long after what it is being told as the quickest packet travels, at least.
func (s *Sim) At(t swim.Time, fn func()) {
	soonest := s.now
	if s.observing {
		soonest = s.now.Add(s.window())
	}
	s.world++
	s.actions.push(event{at: max(t, soonest), seq: s.world, ref: s.fns.put(fn)})
}

// After runs fn when d has passed.
func (s *Sim) After(d time.Duration, fn func()) { s.At(s.now.Add(d), fn) }

// nextAction is the time of the first action, or Never.
func (s *Sim) nextAction() swim.Time {
	if len(s.actions) == 0 {
		return swim.Never
	}
	return s.actions[0].at
}

// act runs the first action.
func (s *Sim) act() {
	e := s.actions.pop()
	s.now = e.at
	s.fns.take(e.ref)()
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
	s.tellObservers()
	return true
}

// Run lets everything happen that is due before or at until.
func (s *Sim) Run(until swim.Time) { s.RunUntil(until, func() bool { return false }) }

// RunUntil is Run that stops when done says so. It is asked whenever an action was run or
// observers were told something. RunUntil reports whether it stopped for that.
func (s *Sim) RunUntil(until swim.Time, done func() bool) bool {
	defer s.dismiss()
	for s.advance(until) {
		if done() {
			return true
		}
	}
	return false
}

// dismiss sends the goroutines of the workers home.
func (s *Sim) dismiss() {
	if s.gang != nil {
		s.gang.dismiss()
		s.gang = nil
	}
}
