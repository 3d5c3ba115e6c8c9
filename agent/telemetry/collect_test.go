package telemetry

import (
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"serf/agent"
	"serf/agent/handler"
	"serf/driver"
	"serf/internal/histogram"
	"serf/swim"
	"serf/swim/serf"
	"serf/swim/serf/coord"
)

// fakeSource has the metrics that a test sets.
type fakeSource struct {
	mu      sync.Mutex
	metrics agent.Metrics
	stopped bool
}

func (f *fakeSource) set(change func(*agent.Metrics)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.metrics)
}

func (f *fakeSource) Metrics() (agent.Metrics, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.metrics, !f.stopped
}

func noIPC() (accepted, commands uint64) { return 0, 0 }

// newTestCollector returns a collector without a goroutine.
func newTestCollector(t *testing.T, source *fakeSource, ipc IPC) *Collector {
	return &Collector{to: newTestMetrics(t, Options{}), source: nowhere{source}, ipc: ipc}
}

// nowhere is a fakeSource without events.
type nowhere struct{ *fakeSource }

func (nowhere) Subscribe(int, func(agent.Event) bool) *agent.Subscription {
	panic("the test has no goroutine that wants events")
}

// values are the lines of a dump without times and runtime metrics.
func values(m *Metrics) []string {
	text := regexp.MustCompile(`(?m)^\[.*?\]| LastUpdated: .*$`).ReplaceAllString(string(m.Dump()), "")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, ".runtime.") })
}

func TestCollectsAllFigures(t *testing.T) {
	source := new(fakeSource)
	accepted, commands := uint64(1), uint64(5)
	c := newTestCollector(t, source, func() (uint64, uint64) { return accepted, commands })
	figures := agent.Metrics{
		Membership: swim.Counters{AliveUpdates: 1, SuspectUpdates: 2, DeadUpdates: 3, PacketsOut: 4, BytesOut: 400, PacketsIn: 5, BytesIn: 500, Probes: 6, ProbesEnded: 5, ProbeTime: 15 * time.Millisecond, FailuresUnconfirmed: 18},
		Above: serf.Counters{
			Joins: 7, Leaves: 8, Failures: 9, Updates: 10, Events: 11, Queries: 12, Acks: 19, Responses: 20, AckDuplicates: 21, ResponseDuplicates: 22,
			CoordinatesRefused: 23, ZeroRTTs: 24, MessagesIn: 2, MessageBytesIn: 50,
		},
		Node:   serf.Stats{Health: 2, IntentQueue: 13, EventQueue: 14, QueryQueue: 15, MessagesOut: 3, MessageBytesOut: 90},
		States: [...]int{31, 32, 33, 34}, Queued: 35,
		Handlers: handler.Stats{Waiting: 41, Running: 42, Total: handler.Counts{Runs: 43, Failed: 44, TimedOut: 45, Killed: 46, Dropped: 47, Lost: 48, Coalesced: 49}},
		Traffic: agent.Traffic{Counters: driver.Counters{
			StreamBytesOut: 1000, StreamsAccepted: 16, StreamsDialled: 17,
			Rounds: driver.Durations{N: 10, Took: 20 * time.Millisecond}, PushPulls: histogram.Histogram{Counts: [...]uint64{2, 14: 0}, Sum: 8 * time.Millisecond},
			StateOut: 5000, StatesIn: 2, StateBytesIn: 7000,
		}},
		Coordinate: coord.Coordinate{Height: 0.001},
	}
	source.set(func(m *agent.Metrics) { *m = figures })
	if !c.read() {
		t.Fatal("not read")
	}
	want := strings.Split(`[G] 'serf-agent.agent.handlers.running': 42.000
[G] 'serf-agent.agent.handlers.waiting': 41.000
[G] 'serf-agent.memberlist.health.score': 2.000
[G] 'serf-agent.memberlist.node.instances.alive': 31.000
[G] 'serf-agent.memberlist.node.instances.dead': 33.000
[G] 'serf-agent.memberlist.node.instances.left': 34.000
[G] 'serf-agent.memberlist.node.instances.suspect': 32.000
[G] 'serf-agent.memberlist.size.local': 5000.000
[C] 'serf-agent.agent.handlers.dropped': Count: 47 Sum: 47.000
[C] 'serf-agent.agent.handlers.failed': Count: 44 Sum: 44.000
[C] 'serf-agent.agent.handlers.killed': Count: 46 Sum: 46.000
[C] 'serf-agent.agent.handlers.lost': Count: 48 Sum: 48.000
[C] 'serf-agent.agent.handlers.merged': Count: 49 Sum: 49.000
[C] 'serf-agent.agent.handlers.runs': Count: 43 Sum: 43.000
[C] 'serf-agent.agent.handlers.timed_out': Count: 45 Sum: 45.000
[C] 'serf-agent.agent.ipc.accept': Count: 1 Sum: 1.000
[C] 'serf-agent.agent.ipc.command': Count: 5 Sum: 5.000
[C] 'serf-agent.memberlist.degraded.probe': Count: 6 Sum: 6.000
[C] 'serf-agent.memberlist.degraded.timeout': Count: 18 Sum: 18.000
[C] 'serf-agent.memberlist.msg.alive': Count: 1 Sum: 1.000
[C] 'serf-agent.memberlist.msg.dead': Count: 3 Sum: 3.000
[C] 'serf-agent.memberlist.msg.suspect': Count: 2 Sum: 2.000
[C] 'serf-agent.memberlist.tcp.accept': Count: 16 Sum: 16.000
[C] 'serf-agent.memberlist.tcp.connect': Count: 17 Sum: 17.000
[C] 'serf-agent.memberlist.tcp.sent': Count: 17 Sum: 1000.000
[C] 'serf-agent.memberlist.udp.received': Count: 5 Sum: 500.000
[C] 'serf-agent.memberlist.udp.sent': Count: 4 Sum: 400.000
[C] 'serf-agent.serf.coordinate.rejected': Count: 23 Sum: 23.000
[C] 'serf-agent.serf.coordinate.zero-rtt': Count: 24 Sum: 24.000
[C] 'serf-agent.serf.events': Count: 11 Sum: 11.000
[C] 'serf-agent.serf.member.failed': Count: 9 Sum: 9.000
[C] 'serf-agent.serf.member.join': Count: 7 Sum: 7.000
[C] 'serf-agent.serf.member.left': Count: 8 Sum: 8.000
[C] 'serf-agent.serf.member.update': Count: 10 Sum: 10.000
[C] 'serf-agent.serf.queries': Count: 12 Sum: 12.000
[C] 'serf-agent.serf.query_acks': Count: 19 Sum: 19.000
[C] 'serf-agent.serf.query_duplicate_acks': Count: 21 Sum: 21.000
[C] 'serf-agent.serf.query_duplicate_responses': Count: 22 Sum: 22.000
[C] 'serf-agent.serf.query_responses': Count: 20 Sum: 20.000
[S] 'serf-agent.memberlist.gossip': Count: 10 Sum: 20.000
[S] 'serf-agent.memberlist.probeNode': Count: 5 Sum: 15.000
[S] 'serf-agent.memberlist.pushPullNode': Count: 2 Sum: 8.000
[S] 'serf-agent.memberlist.queue.broadcasts': Count: 1 Sum: 35.000
[S] 'serf-agent.memberlist.size.remote': Count: 2 Sum: 7000.000
[S] 'serf-agent.serf.msgs.received': Count: 2 Sum: 50.000
[S] 'serf-agent.serf.msgs.sent': Count: 3 Sum: 90.000
[S] 'serf-agent.serf.queue.Event': Count: 1 Sum: 14.000
[S] 'serf-agent.serf.queue.Intent': Count: 1 Sum: 13.000
[S] 'serf-agent.serf.queue.Query': Count: 1 Sum: 15.000`, "\n")
	if d := cmp.Diff(want, values(c.to)); d != "" {
		t.Error("-want +got:\n", d)
	}
}

func TestCollectsDifferences(t *testing.T) {
	source := new(fakeSource)
	c := newTestCollector(t, source, noIPC)
	source.set(func(m *agent.Metrics) {
		m.Membership.AliveUpdates, m.Membership.Probes = 100, 50
		m.Coordinate = coord.Coordinate{Height: 0.001}
	})
	c.read()
	c.to = newTestMetrics(t, Options{})
	source.set(func(m *agent.Metrics) {
		m.Membership.AliveUpdates, m.Membership.Probes = 103, 51
		m.Coordinate = coord.Coordinate{Height: 0.002}
		m.Traffic.StreamBytesOut = 99
	})
	c.read()
	text := strings.Join(values(c.to), "\n")
	for _, want := range []string{
		"[C] 'serf-agent.memberlist.msg.alive': Count: 3 Sum: 3.000",
		"[C] 'serf-agent.memberlist.tcp.sent': Count: 1 Sum: 99.000",          // no stream was dialled
		"[S] 'serf-agent.serf.coordinate.adjustment-ms': Count: 1 Sum: 3.000", // the original adds both heights, too
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	for _, name := range []string{"degraded.probe", "msg.dead"} {
		if strings.Contains(text, name) {
			t.Errorf("%s, though there was nothing:\n%s", name, text)
		}
	}
}

// The handlers' losses at the end of the agent come after its last reading.
func TestCollectsTheEndOfHandlers(t *testing.T) {
	source := new(fakeSource)
	c := newTestCollector(t, source, noIPC)
	source.set(func(m *agent.Metrics) {
		m.Membership.AliveUpdates, m.Handlers.Total = 1, handler.Counts{Runs: 5, Failed: 1}
	})
	c.read()
	c.to = newTestMetrics(t, Options{})
	c.CloseHandlers(handler.Stats{Total: handler.Counts{Runs: 6, Failed: 2, Killed: 1, Lost: 3}})
	want := strings.Split(`[C] 'serf-agent.agent.handlers.failed': Count: 1 Sum: 1.000
[C] 'serf-agent.agent.handlers.killed': Count: 1 Sum: 1.000
[C] 'serf-agent.agent.handlers.lost': Count: 3 Sum: 3.000
[C] 'serf-agent.agent.handlers.runs': Count: 1 Sum: 1.000`, "\n")
	if d := cmp.Diff(want, values(c.to)); d != "" {
		t.Error("-want +got:\n", d)
	}
}

func TestCollectsRuntime(t *testing.T) {
	c := newTestCollector(t, new(fakeSource), noIPC)
	c.read()
	text := string(c.to.Dump())
	for _, name := range []string{"num_goroutines", "alloc_bytes", "sys_bytes", "malloc_count", "free_count", "heap_objects", "total_gc_pause_ns", "total_gc_runs"} {
		if !strings.Contains(text, "[G] 'serf-agent.runtime."+name+"': ") {
			t.Errorf("no %s", name)
		}
	}
}

func TestEventsByName(t *testing.T) {
	c := newTestCollector(t, new(fakeSource), noIPC)
	c.observe(agent.UserEvent{Name: "deploy"})
	c.observe(agent.UserEvent{Name: "deploy"})
	c.observe(agent.QueryEvent{Name: "load"})
	want := []string{"[C] 'serf-agent.serf.events.deploy': Count: 2 Sum: 2.000", "[C] 'serf-agent.serf.queries.load': Count: 1 Sum: 1.000"}
	if d := cmp.Diff(want, values(c.to)); d != "" {
		t.Error(d)
	}
}

// The collector counts queries but doesn't answer them: no asker waits for it.
func TestCollectorAnswersNoQueries(t *testing.T) {
	for _, tc := range []struct {
		event agent.Event
		want  bool
	}{
		{agent.QueryEvent{Name: "load", ID: 1}, true},
		{agent.QueryEvent{Name: "load"}, false},
		{agent.UserEvent{Name: "deploy"}, true},
		{agent.MemberEvent{Type: agent.MemberJoin}, false},
	} {
		if got := listensOnly(tc.event); got != tc.want {
			t.Errorf("%+v: %v", tc.event, got)
		}
	}
}

// realAgent starts an agent on loopback.
func realAgent(t *testing.T) *agent.Agent {
	t.Helper()
	conf := agent.Config{Name: "a", Logger: slog.New(slog.DiscardHandler), Timing: agent.Local(), Bind: netip.MustParseAddrPort("127.0.0.1:0")}
	a, err := agent.Start(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func TestCollectorReadsAtOnceAndAtItsEnd(t *testing.T) {
	m := newTestMetrics(t, Options{})
	a := realAgent(t)
	c := Collect(m, a, noIPC)
	if text := string(m.Dump()); !strings.Contains(text, "[C] 'serf-agent.serf.member.join': Count: 1 ") {
		t.Errorf("the agent itself joined:\n%s", text)
	}
	if err := a.UserEvent(t.Context(), "x", nil, false); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if text := string(m.Dump()); !strings.Contains(text, "[C] 'serf-agent.serf.events': Count: 1 ") {
		t.Errorf("an event was fired:\n%s", text)
	}
}

// subscriptions returns those of a stopped agent, which have ended.
type subscriptions struct {
	*fakeSource
	stopped *agent.Agent
	handed  int
}

func (s *subscriptions) Subscribe(capacity int, filter func(agent.Event) bool) *agent.Subscription {
	s.handed++
	return s.stopped.Subscribe(capacity, filter)
}

func TestCollectorSubscribesAgainInItsTurn(t *testing.T) {
	stopped := realAgent(t)
	stopped.Close()
	synctest.Test(t, func(t *testing.T) {
		source := &subscriptions{fakeSource: new(fakeSource), stopped: stopped}
		c := Collect(newTestMetrics(t, Options{}), source, noIPC)
		time.Sleep(3*keptEvery + keptEvery/2)
		c.Close()
		if source.handed != 4 {
			t.Errorf("%d subscriptions, want one at first and one per reading", source.handed)
		}
	})
}

// countedSource counts the readings, and has no events.
type countedSource struct {
	*subscriptions
	readings int
}

func (s *countedSource) Metrics() (agent.Metrics, bool) {
	s.readings++
	return s.subscriptions.Metrics()
}

func TestCollectorReadsOftenOnlyToSend(t *testing.T) {
	stopped := realAgent(t)
	stopped.Close()
	for _, tc := range []struct {
		name  string
		sinks []*sink
		want  int // at first, in the time, at the end
	}{
		{"kept", nil, 1 + 2 + 1},
		{"sent", []*sink{newSink("statsd", "udp", "", nil)}, 1 + 25 + 1}, // nobody runs it: its lines wait
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &countedSource{subscriptions: &subscriptions{fakeSource: new(fakeSource), stopped: stopped}}
				m := newTestMetrics(t, Options{})
				m.sinks = tc.sinks
				c := Collect(m, source, noIPC)
				time.Sleep(25*time.Second + time.Second/2)
				c.Close()
				if source.readings != tc.want {
					t.Errorf("%d readings in 25 s, want %d", source.readings, tc.want)
				}
			})
		})
	}
}

func TestReadOnDemand(t *testing.T) {
	stopped := realAgent(t)
	stopped.Close()
	synctest.Test(t, func(t *testing.T) {
		source := &subscriptions{fakeSource: new(fakeSource), stopped: stopped}
		m := newTestMetrics(t, Options{})
		c := Collect(m, source, noIPC)
		source.set(func(m *agent.Metrics) { m.Membership.AliveUpdates = 7 })
		c.Read()
		if text := string(m.Dump()); !strings.Contains(text, "memberlist.msg.alive': Count: 7 ") {
			t.Errorf("not read:\n%s", text)
		}
		c.Close()
		c.Read() // returns
	})
}

func TestCollectorEndsWithTheAgent(t *testing.T) {
	stopped := realAgent(t)
	stopped.Close()
	synctest.Test(t, func(t *testing.T) {
		c := Collect(newTestMetrics(t, Options{}), &subscriptions{fakeSource: &fakeSource{stopped: true}, stopped: stopped}, noIPC)
		c.wg.Wait() // without Close
	})
}
