package netsim

import (
	"fmt"
	"net/netip"
	"time"

	"serf/swim"
	"serf/wire"
)

// Observer sees every event of every host at the moment it happens. It may
// look at machines but not call into them: e and what it points to are
// borrowed. What an observer wants done goes through [Sim.At].
type Observer interface {
	Event(now swim.Time, host int, e *swim.Event)
}

// Factory makes the machine of a host when the host starts or restarts. Its
// first effects go to out.
type Factory func(now swim.Time, out *swim.Output) (swim.Machine, error)

// Config is what a simulation is made of.
type Config struct {
	Seed      uint64     // of the network; nodes have seeds of their own
	Link      Link       // between any two hosts
	Observers []Observer // called in this order
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
	Streams           uint64 // exchanges begun
	StreamBytes       uint64 // in both directions
	StreamsFailed     uint64 // that ended with StreamFailed
	StreamsUnreadable uint64 // blocks that couldn't be opened
	Ticks             uint64
	Events            uint64
}

// since returns what was counted after earlier.
func (s Stats) since(earlier Stats) Stats {
	s.Sent -= earlier.Sent
	s.SentBytes -= earlier.SentBytes
	s.Delivered -= earlier.Delivered
	s.Lost -= earlier.Lost
	s.Cut -= earlier.Cut
	s.Duplicated -= earlier.Duplicated
	s.Nobody -= earlier.Nobody
	s.Overflowed -= earlier.Overflowed
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
)

// host is one machine and where it is.
type host struct {
	addr     netip.AddrPort
	machine  swim.Machine
	sealer   sealerOf // machine, if it can say its sealer
	state    hostState
	lives    uint32 // starts so far: what was meant for an earlier life is dropped
	seq      uint64 // of what this host gave to the network
	accepted uint64 // streams, for their IDs
	faults   HostFaults
	group    int32   // partition: only equal groups reach each other
	held     []event // arrived while paused, in order of arrival
	heldSize int     // bytes of socket buffer that held packets take
	sent     uint64
	bytes    uint64
}

// sealerOf is a machine whose streams are sealed.
type sealerOf interface{ Sealer() *wire.Sealer }

// Sim is a simulation. It belongs to one goroutine.
type Sim struct {
	now    swim.Time
	seed   uint64
	link   Link
	hosts  []host
	byAddr map[netip.AddrPort]int32
	cuts   map[pair]struct{} // one-way

	queue   eventQueue
	timers  timerQueue
	flights pool[flight]
	calls   pool[call]
	actions pool[func()]
	world   uint64 // sequence of actions

	out       swim.Output
	busy      bool  // a machine is being called
	answering int32 // the call whose request is being handled, or none
	observers []Observer
	trace     trace
	stats     Stats
	spin      spinGuard
}

// none is no slot of a pool.
const none int32 = -1

// worldHost is the sender and receiver of scripted actions. It sorts before every
// host, so that an action at t happens before anything else at t.
const worldHost int32 = -1

// New returns an empty simulation at time zero.
func New(c Config) *Sim {
	return &Sim{
		seed:      c.Seed,
		link:      c.Link,
		byAddr:    make(map[netip.AddrPort]int32),
		cuts:      make(map[pair]struct{}),
		answering: none,
		observers: c.Observers,
		trace:     newTrace(c.Seed),
	}
}

// Now is the virtual time.
func (s *Sim) Now() swim.Time { return s.now }

// Stats returns the counts so far.
func (s *Sim) Stats() Stats { return s.stats }

// TraceHash is a digest of all that was delivered and all that was told until
// now: equal for two runs of one seed, and different as soon as they differ.
func (s *Sim) TraceHash() uint64 { return uint64(s.trace) }

// Hosts is how many hosts were added, running or not.
func (s *Sim) Hosts() int { return len(s.hosts) }

// Running reports whether host h runs, which it doesn't while paused.
func (s *Sim) Running(h int) bool { return s.hosts[h].state == running }

// Down reports whether host h has crashed and not restarted.
func (s *Sim) Down(h int) bool { return s.hosts[h].state == down }

// Addr is where host h is, or was when it crashed.
func (s *Sim) Addr(h int) netip.AddrPort { return s.hosts[h].addr }

// Machine is what runs on host h, nil when it is down. For reading only: calls
// that change it go through Do.
func (s *Sim) Machine(h int) swim.Machine { return s.hosts[h].machine }

// Sent returns how many packets and bytes host h has sent.
func (s *Sim) Sent(h int) (packets, bytes uint64) { return s.hosts[h].sent, s.hosts[h].bytes }

// Add makes room for one more host and returns its number, from 0 upwards. It
// is down until it is started.
func (s *Sim) Add() int {
	s.hosts = append(s.hosts, host{})
	s.timers.grow(len(s.hosts))
	return len(s.hosts) - 1
}

// Start runs a new machine, which knows nothing, on host h at addr. A host that
// still runs crashes first.
func (s *Sim) Start(h int, addr netip.AddrPort, f Factory) error {
	s.Crash(h)
	if other, taken := s.byAddr[addr]; taken {
		return fmt.Errorf("netsim: address %v is taken by host %d", addr, other)
	}
	s.enter()
	m, err := f(s.now, &s.out)
	if err != nil {
		s.busy = false
		s.out.Reset()
		return fmt.Errorf("netsim: starting host %d: %w", h, err)
	}
	p := &s.hosts[h]
	p.addr, p.machine, p.state = addr, m, running
	p.sealer, _ = m.(sealerOf)
	p.lives++
	s.byAddr[addr] = int32(h)
	s.trace.add(traceStart, uint64(s.now), uint64(uint32(h)))
	s.leave(int32(h))
	return nil
}

// Crash stops host h at once and for good: what it knew is lost, packets to it
// vanish, streams to it are refused. What it sent before is still on its way.
func (s *Sim) Crash(h int) {
	p := &s.hosts[h]
	if p.state == down {
		return
	}
	s.dropHeld(p)
	delete(s.byAddr, p.addr)
	s.timers.set(int32(h), swim.Never)
	p.machine, p.sealer, p.state = nil, nil, down
	s.trace.add(traceCrash, uint64(s.now), uint64(uint32(h)))
}

// Pause stops host h as SIGSTOP would: its timers don't fire, and packets and
// streams wait for it, packets up to a socket buffer's worth.
func (s *Sim) Pause(h int) {
	p := &s.hosts[h]
	if p.state != running {
		return
	}
	p.state = paused
	s.timers.set(int32(h), swim.Never)
	s.trace.add(tracePause, uint64(s.now), uint64(uint32(h)))
}

// Resume lets a paused host run on. It finds its timers overdue and its
// packets waiting; which of them it looks at first is for the seed to say, as
// it is for the scheduler in a real process.
func (s *Sim) Resume(h int) {
	p := &s.hosts[h]
	if p.state != paused {
		return
	}
	p.state = running
	s.trace.add(traceResume, uint64(s.now), uint64(uint32(h)))
	d := s.draw(int32(h))
	if timersFirst := d.next()&1 == 0; timersFirst {
		s.tick(int32(h))
	}
	held := p.held
	p.held, p.heldSize = nil, 0
	for i := range held {
		s.deliver(&held[i])
	}
	s.rearm(int32(h))
}

// At runs fn at time t, before anything else that happens then. Actions for
// the same time run in the order in which they were given.
func (s *Sim) At(t swim.Time, fn func()) {
	s.world++
	i := s.actions.take()
	s.actions.slots[i] = fn
	s.queue.push(event{at: max(t, s.now), to: worldHost, from: worldHost, seq: s.world, kind: kindAction, ref: i})
}

// After runs fn when d has passed.
func (s *Sim) After(d time.Duration, fn func()) { s.At(s.now.Add(d), fn) }

// Do calls into the machine of host h, as its user would, and carries out what
// comes of it. It reports false, and does nothing, if the host isn't running.
func (s *Sim) Do(h int, fn func(m swim.Machine, now swim.Time, out *swim.Output)) bool {
	p := &s.hosts[h]
	if p.state != running {
		return false
	}
	s.enter()
	fn(p.machine, s.now, &s.out)
	s.leave(int32(h))
	return true
}

// Run lets everything happen that is due before or at until.
func (s *Sim) Run(until swim.Time) {
	for s.step(until) {
	}
	s.now = max(s.now, until)
}

// step does the next thing if it is due by until. What the network delivers at
// an instant comes before the timers of that instant: an ack that is just in
// time counts.
func (s *Sim) step(until swim.Time) bool {
	at, due := s.queue.next(), s.timers.next()
	if min(at, due) > until {
		return false
	}
	if at <= due {
		e := s.queue.pop()
		s.now = e.at
		s.deliver(&e)
		return true
	}
	invariant(due >= s.now, "timer in the past")
	s.now = due
	h := s.timers.host()
	s.spin.check(h, due)
	s.tick(h)
	return true
}

func (s *Sim) deliver(e *event) {
	switch e.kind {
	case kindAction:
		fn := s.actions.slots[e.ref]
		s.actions.slots[e.ref] = nil
		s.actions.drop(e.ref)
		fn()
	case kindPacket:
		s.deliverPacket(e)
	default:
		s.deliverStream(e)
	}
}

func (s *Sim) tick(h int32) {
	s.stats.Ticks++
	s.enter()
	s.hosts[h].machine.Tick(s.now, &s.out)
	s.leave(h)
}

// enter and leave bracket every call into a machine: they share one Output,
// so that a call from within an observer would mix up two machines' effects.
func (s *Sim) enter() {
	invariant(!s.busy, "call into a machine from within another: use At")
	s.busy = true
}

// leave carries out the effects of a call into host h's machine.
func (s *Sim) leave(h int32) {
	for i := range s.out.Events {
		e := &s.out.Events[i]
		s.stats.Events++
		s.trace.event(s.now, h, e)
		for _, o := range s.observers {
			o.Event(s.now, int(h), e)
		}
	}
	for i := range s.out.Packets {
		s.send(h, &s.out.Packets[i])
	}
	for i := range s.out.Streams {
		s.open(h, &s.out.Streams[i])
	}
	s.out.Reset()
	s.busy = false
	s.rearm(h)
}

func (s *Sim) rearm(h int32) {
	if p := &s.hosts[h]; p.state == running {
		s.timers.set(h, max(p.machine.Deadline(), s.now))
	}
}

// spinGuard finds a machine that is due again and again without time passing.
type spinGuard struct {
	at    swim.Time
	host  int32
	ticks int
}

// maxSpin is far more ticks than a machine has duties that can fall due at one
// instant. Without a limit a machine that forgets to re-arm hangs the run.
const maxSpin = 10_000

func (g *spinGuard) check(h int32, at swim.Time) {
	if g.host != h || g.at != at {
		*g = spinGuard{at: at, host: h}
	}
	g.ticks++
	if g.ticks > maxSpin {
		panic(fmt.Sprintf("BUG: host %d ticked %d times at %v and is still due", h, maxSpin, time.Duration(at)))
	}
}

func invariant(ok bool, what string) {
	if !ok {
		panic("BUG: netsim: " + what)
	}
}
