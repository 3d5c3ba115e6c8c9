package netsim

import (
	"net/netip"
	"time"

	"serf/swim"
	"serf/wire"
)

// All state of a simulation. The other files have what happens to it.

// Sim is a simulation. It is used by one goroutine.
type Sim struct {
	now         swim.Time
	seed        uint64
	timersFirst bool // Config.TimersFirst
	link        Link
	region      []uint8 // of each host, if there are regions
	paths       []Link  // between regions, if they differ
	hosts       []host
	cold        []coldHost // by host
	sent        []traffic  // by host
	places      places

	regions         int  // paths, if there are any, has regions*regions
	impairments     int  // in force
	impairmentsEver int  // so far, for their IDs
	uplinks         bool // some host's uplink is limited, or has been
	tables          int  // tables of flows in force

	workers       []*worker
	pool          *workerPool // while several workers are at work
	parallel      bool        // they are at this moment
	side          int         // of the outboxes that were filled last
	eventsAverage int         // moving average of the events of a window, see pass

	actions     eventHeap
	actionFuncs pool[func()]
	actionSeq   uint64 // sequence of actions

	observers []Observer
	observing bool // they are being told
	merged    []*loggedEvent
}

// hostState says whether a host's program runs.
type hostState uint8

const (
	down hostState = iota
	running
	paused
	stalling  // runs but reads nothing; pauses when it sends
	throttled // its share of processor time is used up for now
	reading   // runs, and takes its time to read the packets that wait
)

// notReading reports whether packets and streams wait for the host.
func (s hostState) notReading() bool { return s == paused || s == stalling || s == throttled }

// host is one machine and its address: what every packet needs, in one cache line. Only the host's
// worker writes to it.
type host struct {
	machine swim.Machine
	trace   trace
	seq     uint64    // of the packets and messages that the host has sent
	due     swim.Time // when the machine wants to be ticked
	armed   swim.Time // when the earliest timer in the queue fires, or Never
	place   place
	state   hostState
	_       [8]byte // to 64 bytes
}

// traffic counts the packets that a host has sent.
type traffic struct{ packets, bytes uint64 }

// coldHost is the rest of a host.
type coldHost struct {
	sealer   sealerOf // the machine, if its streams are sealed
	starts   uint32   // what was meant for the process before a restart is dropped
	accepted uint64   // streams, for their IDs
	out, in  []*rule  // impairments of what this host sends, and of what is sent to it
	uplink   uplink
	held     []held        // arrived while paused, in order of arrival
	heldSize int           // bytes of socket buffer that held packets take
	unsent   []swim.Packet // the packets in whose sending it stalled
	readTime time.Duration // of a packet that waited; 0: none
	readNext swim.Time     // when the first of held has been read, if the host is reading
	clock    *clock        // nil: as the simulation's
	flows    []*flowTable  // before this host
}

// sealerOf is implemented by machines whose streams are sealed.
type sealerOf interface{ Sealer() *wire.Sealer }

// worker simulates some of the hosts. Its queue has what happens to them. Between the exchanges of
// windows.go it touches no state of other workers, and shared state doesn't change.
type worker struct {
	sim      *Sim
	id       int
	now      swim.Time
	queue    eventQueue
	inFlight packetsInFlight
	calls    pool[call]
	messages pool[streamMessage]
	out      swim.Output
	busy     bool     // a machine is being called
	serving  *serving // the request that is being handled, or nil
	stats    Stats
	between  []Traffic // by region of the sender and of the receiver
	steps    uint64
	spin     spinGuard
	loaded   uint64      // see preload
	log      eventLog    // for the observers
	outbox   [2][]outbox // by receiving worker; one is filled while the other is emptied
}

// worker returns the worker that simulates host h.
func (s *Sim) worker(h int32) *worker {
	if len(s.workers) == 1 {
		return s.workers[0]
	}
	return s.workers[uint32(h)%uint32(len(s.workers))]
}

// held is something that arrived at a paused host.
type held struct {
	event
	from place
	data []byte // of a packet
}

// spinGuard detects a machine that is due again and again while time stands still.
type spinGuard struct {
	at    swim.Time
	host  int32
	ticks int
}

// call is one exchange as the caller sees it, from its beginning to its deadline.
type call struct {
	id       swim.StreamID
	kind     swim.StreamKind
	caller   int32
	start    uint32 // of the caller, which may have restarted since
	seq      uint64 // distinguishes it from other calls in the same slot
	to       netip.AddrPort
	block    sealedBlock // until it is sent
	sealer   *wire.Sealer
	deadline swim.Time
	due      swim.Time // deadline by the caller's clock
	report   bool      // see swim.StreamOut
	sent     bool      // the block is on its way
	silent   bool      // it is connected, but the block goes nowhere
	done     bool      // the caller knows the outcome
}

// streamMessage travels on a stream: a request, a reply, or a refusal. It names its call, since the
// two ends may be simulated by different workers.
type streamMessage struct {
	call   uint32
	seq    uint64
	id     swim.StreamID
	kind   swim.StreamKind
	caller int32
	from   place // of the caller
	to     place // of the server
	block  sealedBlock
	err    error // with kindRefused
}

// serving is the request that a machine is handling.
type serving struct {
	request  *streamMessage
	server   int32
	id       swim.StreamID // the server's name for it
	answerer *wire.Sealer
	answered bool
}

// sealedBlock is a sealed message as a stream carries it: data, followed by more if it was sent in
// pieces and needed no sealing.
type sealedBlock struct {
	data []byte
	more [][]byte
}

// outbox has what one worker sends to another within a window.
type outbox struct {
	first    swim.Time // the earliest
	events   []event
	inFlight packetsInFlight
	messages []streamMessage
}

// rule is an impairment in force. It is attached to the hosts that it is about, and doesn't change.
type rule struct {
	Impairment
	id    int
	way   Way
	hosts hostSet // whom it is about
	peers hostSet // the other ends; nil: all
}

// uplink limits what a host can send.
type uplink struct {
	bandwidth Bandwidth     // 0: no limit
	queue     time.Duration // how long a packet may wait
	free      swim.Time     // when everything handed to it so far has been sent
}
