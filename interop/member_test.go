package interop

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// kind is an implementation of members.
type kind string

const (
	ours     kind = "ours"
	original kind = "original"
)

// options configure a member. The zero value of each but name is the default.
type options struct {
	name       string
	ip         netip.Addr // default: a new one
	port       uint16     // default: 7946
	tags       map[string]string
	keys       [][]byte // primary first
	lenient    bool     // with keys: sends and accepts plain text
	label      string
	compress   bool
	coalesce   bool // user events
	protocol   uint8
	reconnects bool // to failed members, soon
	exchanges  bool // push/pull now and then; off, it can't hide mistakes of gossip
	patient    bool // queries, those about keys too, have four times the timeout, and gossip is slower

	began func(pid int) // called when the process of an agent runs
}

// The timing of all members here: fast, with room for a busy machine.
const (
	probeInterval     = 300 * time.Millisecond
	probeTimeout      = 120 * time.Millisecond
	gossipInterval    = 20 * time.Millisecond
	suspicionMult     = 3
	retransmitMult    = 12 // with fewer, one in a hundred messages misses some member of five
	streamTimeout     = 2 * time.Second
	reconnectInterval = 500 * time.Millisecond
	exchangeInterval  = time.Second
	broadcastTimeout  = 2 * time.Second
	leaveDelay        = 200 * time.Millisecond
	coalescePeriod    = 3 * time.Second
	quiescentPeriod   = 700 * time.Millisecond
	queryTimeout      = 3 * time.Second
)

// member is a running member of either implementation.
type member interface {
	name() string
	addr() netip.AddrPort
	// join contacts the others, and fails if none answers.
	join(replay bool, others ...member) error
	// members returns what it knows of all members, itself included.
	members() map[string]seen
	setTags(tags map[string]string) error
	event(name string, payload []byte, coalesce bool) error
	query(q question) (answers, error)
	forceLeave(name string, prune bool) error
	leave() error // and stop
	kill()        // without a leave
	keys(op, key string) (keyReport, error)
	// events returns what it delivered, in order: "member-join NAME", "user NAME PAYLOAD", "query
	// NAME PAYLOAD".
	events() []string
}

// seen is what one member knows of another.
type seen struct {
	Addr   netip.AddrPort
	Status string
	Tags   string // k=v,k=v sorted
}

// question is a query.
type question struct {
	name    string
	payload string
	nodes   []string
	tags    map[string]string
	ack     bool
	relay   uint8
	// acks and responses to wait for; fewer end the query at its timeout.
	acks, responses int
	timeout         time.Duration // 0: queryTimeout
}

// answers are the results of a query.
type answers struct {
	Acks      []string          // sorted
	Responses map[string]string // by member
}

// keyReport is what the members answered to a key operation.
type keyReport struct {
	Nodes, Answers, Errors int
	Keys                   map[string]int
	Messages               map[string]string
}

// gossip is the gossip interval. A query's default timeout is a multiple of it, and with the
// shortest interval a busy machine can pause for longer than that.
func (o *options) gossip() time.Duration {
	if o.patient {
		return 4 * gossipInterval
	}
	return gossipInterval
}

// bind is where the member listens.
func (o *options) bind() netip.AddrPort {
	if o.port == 0 {
		return netip.AddrPortFrom(o.ip, gossipPort)
	}
	return netip.AddrPortFrom(o.ip, o.port)
}

// start starts a member and stops it with the test.
func (k kind) start(t *testing.T, o options) member {
	t.Helper()
	if !o.ip.IsValid() {
		o.ip = ownIP(t)
	}
	starter := startOriginal
	if k == ours {
		starter = startOwn
	}
	var m member
	// A process that another test is starting can hold a socket for a moment after it was closed
	// here: it inherits all sockets, and closes them when its program begins.
	eventually(t, patience, "a start of "+o.name, func() (err error) {
		m, err = starter(t, o)
		if err != nil && !strings.Contains(err.Error(), "in use") {
			t.Fatal(err)
		}
		return err
	})
	return m
}

// reply is what every member answers to a query named "echo". Nobody answers others.
func reply(name string, payload []byte) string { return name + " heard " + string(payload) }

const echoQuery = "echo"

// recorder keeps what a member delivered.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) addf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *recorder) events() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

// transcript keeps a member's log, and shows it if the test fails.
type transcript struct {
	mu sync.Mutex
	b  strings.Builder
}

func newTranscript(t *testing.T, name string) *transcript {
	l := new(transcript)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, l.String())
		}
	})
	return l
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const (
	gossipPort = 7946
	rpcPort    = 7373
)

// lastIP numbers addresses of this process.
var lastIP atomic.Uint32

// ownIP returns an address of 127.0.0.0/8 that nothing else uses.
func ownIP(t *testing.T) netip.Addr {
	t.Helper()
	for range 200 {
		n := lastIP.Add(1) + uint32(os.Getpid()%64)*250
		ip := netip.AddrFrom4([4]byte{127, 0, byte(100 + n/250), byte(1 + n%250)})
		err := tryAddr(netip.AddrPortFrom(ip, gossipPort))
		switch {
		case err == nil:
			return ip
		case strings.Contains(err.Error(), "cannot assign"):
			t.Skipf("this system has no loopback addresses but 127.0.0.1: %v", err)
		}
	}
	t.Fatal("no free loopback address found")
	return netip.Addr{}
}

// tryAddr reports whether a member could listen there. No program is started meanwhile: it would
// hold copies of the sockets until it runs, and the address would still be taken after this has
// returned.
func tryAddr(addr netip.AddrPort) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	tcp, err := net.Listen("tcp", addr.String())
	if err != nil {
		return err
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", addr.String())
	if err != nil {
		return err
	}
	return udp.Close()
}

// patience bounds how long tests wait for the other side. It is reached only if something is wrong.
const patience = 20 * time.Second

// eventually waits until check returns nil. The other side is a real program with a clock of its
// own: what it shows is all there is to wait for.
func eventually(t *testing.T, within time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, within, err)
		}
		<-tick.C
	}
}

// wantStatus waits until all of who list the named member with that status; "gone" means that it
// isn't listed.
func wantStatus(t *testing.T, name, status string, who ...member) {
	t.Helper()
	wantStatusWithin(t, patience, name, status, who...)
}

func wantStatusWithin(t *testing.T, within time.Duration, name, status string, who ...member) {
	t.Helper()
	for _, m := range who {
		eventually(t, within, name+" is "+status+" to "+m.name(), func() error {
			s, ok := m.members()[name]
			if !ok {
				s.Status = "gone"
			}
			if s.Status != status {
				return fmt.Errorf("it is %s", s.Status)
			}
			return nil
		})
	}
}

// wantDeparture waits until all of who have registered the leave of a member. The original's own
// leave can show as a failure: a push/pull while it leaves carries the Lamport time of its leave as
// that of a join, and then the leave itself is outdated.
func wantDeparture(t *testing.T, leaver *running, who ...member) {
	t.Helper()
	if leaver.program.name == ownProgram.name {
		wantStatus(t, leaver.name(), "left", who...)
		return
	}
	for _, m := range who {
		eventually(t, patience, leaver.name()+" has gone to "+m.name(), func() error {
			if s := m.members()[leaver.name()].Status; s != "left" && s != "failed" {
				return fmt.Errorf("it is %s", s)
			}
			return nil
		})
	}
}

// wantAgreement waits until all know each other, and nobody else, alive at the right address and
// with the same tags.
func wantAgreement(t *testing.T, all ...member) {
	t.Helper()
	wantAgreementWithin(t, patience, all...)
}

func wantAgreementWithin(t *testing.T, within time.Duration, all ...member) {
	t.Helper()
	for _, m := range all {
		eventually(t, within, "agreement of "+m.name(), func() error {
			view := m.members()
			for _, other := range all {
				truth := other.members()[other.name()]
				if truth.Addr != other.addr() || truth.Status != "alive" {
					return fmt.Errorf("%s knows itself as %v", other.name(), truth)
				}
				if view[other.name()] != truth {
					return fmt.Errorf("%s is %v, want %v", other.name(), view[other.name()], truth)
				}
			}
			if len(view) != len(all) {
				return fmt.Errorf("knows %d members, want %d: %v", len(view), len(all), view)
			}
			return nil
		})
	}
}

// wantEvent waits until all of who have delivered line.
func wantEvent(t *testing.T, line string, who ...member) {
	t.Helper()
	for _, m := range who {
		eventually(t, patience, m.name()+" hears "+line, func() error {
			if events := m.events(); !slices.Contains(events, line) {
				return fmt.Errorf("it heard %q", events)
			}
			return nil
		})
	}
}

// heard counts how often m delivered line.
func heard(m member, line string) int {
	n := 0
	for _, l := range m.events() {
		if l == line {
			n++
		}
	}
	return n
}

// tagText formats tags as in seen.Tags.
func tagText(tags map[string]string) string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		pairs = append(pairs, k+"="+tags[k])
	}
	return strings.Join(pairs, ",")
}

// cluster starts a member of each given kind, named by kind and number, and joins it to the first.
func cluster(t *testing.T, o options, kinds ...kind) []member {
	t.Helper()
	var all []member
	for i, k := range kinds {
		o.name, o.ip = fmt.Sprintf("%s-%d", k, i+1), netip.Addr{}
		m := k.start(t, o)
		if i > 0 {
			must(t, m.join(false, all[0]))
		}
		all = append(all, m)
	}
	wantAgreement(t, all...)
	return all
}

// bothWays runs a test with each implementation as the one that acts.
func bothWays(t *testing.T, test func(t *testing.T, actor, other kind)) {
	for _, p := range [][2]kind{{ours, original}, {original, ours}} {
		t.Run(string(p[0])+" to "+string(p[1]), func(t *testing.T) {
			t.Parallel()
			test(t, p[0], p[1])
		})
	}
}
