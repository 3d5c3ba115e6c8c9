package netsim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"serf/swim"
	"serf/wire"
)

// toy is a machine that does as little as a machine can: it sends a numbered packet to each of its
// targets every so often, and writes down what it gets.
type toy struct {
	every   time.Duration
	due     swim.Time
	targets []netip.AddrPort
	sent    uint32
	mute    bool     // leaves requests unanswered
	log     []string // what arrived, nil to keep none
	count   int
	ticked  func() // may be nil
	data    [8]byte
}

func (m *toy) Packet(now swim.Time, from netip.AddrPort, p []byte, out *swim.Output) {
	m.count++
	if m.log != nil {
		m.note(now, "packet %d from %v", binary.BigEndian.Uint32(p), from)
	}
}

func (m *toy) Stream(now swim.Time, in swim.StreamIn, out *swim.Output) {
	switch in.Kind {
	case swim.StreamRequest:
		m.note(now, "request %q", text(in.Data))
		if !m.mute {
			out.Streams = append(out.Streams, swim.StreamOut{ID: in.ID, Kind: swim.StreamAnswer, Data: block("re: " + text(in.Data))})
		}
	case swim.StreamReply:
		m.note(now, "reply %d %q", in.ID, text(in.Data))
	case swim.StreamFailed:
		m.note(now, "failed %d: %v", in.ID, in.Err)
	case swim.StreamSent:
		m.note(now, "sent %d", in.ID)
	}
}

func (m *toy) Tick(now swim.Time, out *swim.Output) {
	if m.every == 0 || now < m.due {
		return
	}
	m.due = now.Add(m.every)
	m.sent++
	if m.ticked != nil {
		m.ticked()
	}
	binary.BigEndian.PutUint32(m.data[:], m.sent)
	for _, to := range m.targets {
		out.Packets = append(out.Packets, swim.Packet{To: to, Data: m.data[:]})
	}
}

func (m *toy) Deadline() swim.Time {
	if m.every == 0 {
		return swim.Never
	}
	return m.due
}

func (m *toy) note(now swim.Time, format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("%v ", time.Duration(now))+fmt.Sprintf(format, args...))
}

// block is a message that a stream may carry.
func block(s string) []byte { return (&wire.Err{Text: []byte(s)}).Append(nil) }

func text(block []byte) string {
	m, err := wire.ParseErr(block[1:])
	if err != nil {
		return err.Error()
	}
	return string(m.Text)
}

func toyAddr(h int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(h + 1)}), 7946)
}

// toys starts n quiet toys that keep a log.
func toys(t testing.TB, n int, c Config) (*Sim, []*toy) {
	t.Helper()
	s := New(c)
	var ms []*toy
	for h := range n {
		m := &toy{log: []string{}}
		ms = append(ms, m)
		addToy(t, s, toyAddr(h), m)
	}
	return s, ms
}

func addToy(t testing.TB, s *Sim, addr netip.AddrPort, m swim.Machine) {
	t.Helper()
	if err := s.Start(s.Add(), addr, func(swim.Time, *swim.Output) (swim.Machine, error) { return m, nil }); err != nil {
		t.Fatal(err)
	}
}

// say makes host from send packet number n to host to.
func say(s *Sim, from, to int, n uint32) {
	s.Do(from, func(_ swim.Machine, _ swim.Time, out *swim.Output) {
		out.Packets = append(out.Packets, swim.Packet{To: toyAddr(to), Data: binary.BigEndian.AppendUint32(nil, n)})
	})
}

// callToy makes host from call host to, with a deadline 10 s from now.
func callToy(s *Sim, from, to int, kind swim.StreamKind, msg string) {
	s.Do(from, func(_ swim.Machine, now swim.Time, out *swim.Output) {
		out.Streams = append(out.Streams, swim.StreamOut{
			ID: 1, Kind: kind, To: toyAddr(to), Data: block(msg), Deadline: now.Add(10 * time.Second),
		})
	})
}

func wantLog(t *testing.T, why string, m *toy, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, m.log, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", why, d)
	}
	m.log = []string{}
}

const tick = time.Millisecond

func fixed(d time.Duration) Config { return Config{Seed: 1, Link: Link{Latency: Constant(d)}} }

func at(d time.Duration) swim.Time { return swim.Time(d) }

func TestPacketTakesTheLatencyOfTheLink(t *testing.T) {
	s, ms := toys(t, 2, fixed(5*tick))
	say(s, 0, 1, 7)
	s.Run(at(5*tick - 1))
	if len(ms[1].log) != 0 {
		t.Fatalf("arrived early: %q", ms[1].log)
	}
	s.Run(at(5 * tick))
	wantLog(t, "due now", ms[1], "5ms packet 7 from 10.0.0.1:7946")
}

func TestSameInstantIsOrderedByReceiverSenderAndSequence(t *testing.T) {
	s, ms := toys(t, 3, fixed(tick))
	for n := range uint32(3) {
		say(s, 2, 0, n)
		say(s, 1, 0, n)
	}
	s.Run(at(tick))
	wantLog(t, "sender 1 before sender 2, each in the order of sending", ms[0],
		"1ms packet 0 from 10.0.0.2:7946", "1ms packet 1 from 10.0.0.2:7946", "1ms packet 2 from 10.0.0.2:7946",
		"1ms packet 0 from 10.0.0.3:7946", "1ms packet 1 from 10.0.0.3:7946", "1ms packet 2 from 10.0.0.3:7946")
}

func TestDeliveryComesBeforeATimerOfTheSameInstant(t *testing.T) {
	s, _ := toys(t, 1, fixed(tick))
	m := &toy{every: tick, due: at(tick), log: []string{}}
	addToy(t, s, toyAddr(1), m)
	say(s, 0, 1, 1)
	s.At(at(tick), func() {
		if m.sent != 0 || m.count != 0 {
			t.Error("actions come first")
		}
	})
	m.ticked = func() {
		if m.count == 0 {
			t.Fatal("timer fired before the packet of the same instant")
		}
	}
	s.Run(at(tick))
	if m.sent != 1 || m.count != 1 {
		t.Fatalf("%d ticks, %d packets, want one of each", m.sent, m.count)
	}
}

func TestActionsOfOneInstantRunInTheOrderGiven(t *testing.T) {
	s := New(fixed(tick))
	var got []int
	for i := range 5 {
		s.At(at(tick), func() { got = append(got, i) })
	}
	s.At(0, func() { got = append(got, -1) })
	s.Run(at(tick))
	if want := []int{-1, 0, 1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// chatter is a network with every fault, and machines that talk all the time.
func chatter(t testing.TB, seed uint64, hosts int) (*Sim, []*toy) {
	s := New(Config{Seed: seed, Link: Link{
		Latency: LogNormal(tick, 5*tick, 1), Loss: Probability(0.1), Duplicate: Probability(0.05),
		Reorder: Probability(0.1), HoldBack: Uniform(0, 50*tick),
	}})
	var ms []*toy
	for h := range hosts {
		m := &toy{every: time.Duration(h+3) * tick}
		for to := range hosts {
			if to != h {
				m.targets = append(m.targets, toyAddr(to))
			}
		}
		ms = append(ms, m)
		addToy(t, s, toyAddr(h), m)
	}
	return s, ms
}

func TestSameSeedSameTrace(t *testing.T) {
	run := func(seed uint64) uint64 {
		s, _ := chatter(t, seed, 5)
		s.At(at(100*tick), func() { s.Pause(1) })
		s.At(at(200*tick), func() { s.Resume(1) })
		s.Run(at(time.Second))
		return s.TraceHash()
	}
	if first, again := run(1), run(1); first != again {
		t.Error("two runs of one seed differ")
	}
	if run(1) == run(2) {
		t.Error("two seeds give the same run")
	}
}

func TestExtraPacketOfOneHostDoesNotChangeTheFateOfOthers(t *testing.T) {
	arrivals := func(extra bool) []string {
		s, ms := chatter(t, 1, 4)
		ms[0].targets = ms[0].targets[:0]
		ms[2].log = []string{}
		ms[1].targets, ms[3].targets = []netip.AddrPort{toyAddr(2)}, []netip.AddrPort{toyAddr(2)}
		if extra {
			for n := range uint32(10) {
				say(s, 0, 3, n)
			}
		}
		s.Run(at(time.Second))
		return ms[2].log
	}
	if d := cmp.Diff(arrivals(false), arrivals(true)); d != "" {
		t.Errorf("host 2 heard otherwise because host 0 spoke to host 3:\n%s", d)
	}
}

func TestChanceOfFaultsIsWhatWasAskedFor(t *testing.T) {
	tests := []struct {
		name  string
		link  Link
		count func(Stats) uint64
	}{
		{"loss", Link{Loss: Probability(0.2)}, func(s Stats) uint64 { return s.Lost }},
		{"duplicates", Link{Duplicate: Probability(0.2)}, func(s Stats) uint64 { return s.Duplicated }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := toys(t, 2, Config{Seed: 3, Link: tt.link})
			const packets = 10_000
			for n := range uint32(packets) {
				say(s, 0, 1, n)
			}
			s.Run(at(time.Second))
			// 0.2 +- 5 standard deviations.
			if got := tt.count(s.Stats()); got < 1800 || got > 2200 {
				t.Errorf("%d of %d packets, want about a fifth", got, packets)
			}
		})
	}
}

func TestReorderedPacketIsOvertaken(t *testing.T) {
	s, ms := toys(t, 2, Config{Seed: 1, Link: Link{Latency: Constant(tick), Reorder: Probability(0.5), HoldBack: Constant(tick / 2)}})
	for n := range uint32(8) {
		say(s, 0, 1, n)
	}
	s.Run(at(10 * tick))
	if len(ms[1].log) != 8 || slices.IsSorted(ms[1].log) && !slices.ContainsFunc(ms[1].log, func(l string) bool { return l[:3] == "1.5" }) {
		t.Errorf("nothing was held back: %q", ms[1].log)
	}
}

func TestWhatBlocksAPacketAndWhatDoesNot(t *testing.T) {
	tests := []struct {
		name          string
		fault         func(*Sim)
		there, back   bool // packets between hosts 0 and 1
		streams       bool // from 0 to 1
		thereAfterFix bool
	}{
		{"nothing", func(*Sim) {}, true, true, true, true},
		{"one-way cut", func(s *Sim) { cut(s, 0, 1) }, false, true, false, true},
		{"other way cut", func(s *Sim) { cut(s, 1, 0) }, true, false, false, true},
		{"cut and mended", func(s *Sim) { s.Repair(cut(s, 0, 1)) }, true, true, true, true},
		{"partition", func(s *Sim) { s.Impair([]int{1}, []int{0}, BothWays, Impairment{Cut: true}) }, false, false, false, true},
		{"cut and healed", func(s *Sim) { s.Impair([]int{0, 1}, nil, BothWays, Impairment{Cut: true}); s.Heal() }, true, true, true, true},
		{"UDP blocked in", func(s *Sim) { s.Impair([]int{1}, nil, WayIn, Impairment{BlockUDP: true}) }, false, true, true, true},
		{"UDP blocked out", func(s *Sim) { s.Impair([]int{1}, nil, WayOut, Impairment{BlockUDP: true}) }, true, false, true, true},
		{"all lost", func(s *Sim) { s.Impair([]int{0}, nil, BothWays, Impairment{Loss: Always}) }, false, false, false, true},
		{"receiver down", func(s *Sim) { s.Crash(1) }, false, false, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, ms := toys(t, 2, fixed(tick))
			got := func(h int) bool { defer func() { ms[h].log = []string{} }(); return len(ms[h].log) > 0 }
			tt.fault(s)
			say(s, 0, 1, 1)
			s.Run(s.Now().Add(10 * tick))
			if got(1) != tt.there {
				t.Errorf("packet there: %v, want %v", !tt.there, tt.there)
			}
			say(s, 1, 0, 1)
			s.Run(s.Now().Add(10 * tick))
			if got(0) != tt.back {
				t.Errorf("packet back: %v, want %v", !tt.back, tt.back)
			}
			callToy(s, 0, 1, swim.StreamCall, "x")
			s.Run(s.Now().Add(10 * tick))
			if got(1) != tt.streams {
				t.Errorf("stream: %v, want %v", !tt.streams, tt.streams)
			}
			s.Run(s.Now().Add(20 * time.Second))
			got(1)
			s.Heal()
			say(s, 0, 1, 2)
			s.Run(s.Now().Add(10 * tick))
			if got(1) != tt.thereAfterFix {
				t.Errorf("packet after healing: %v, want %v", !tt.thereAfterFix, tt.thereAfterFix)
			}
		})
	}
}

func TestPausedHostFindsItsPacketsAndItsTimersLate(t *testing.T) {
	s, _ := toys(t, 1, fixed(tick))
	m := &toy{every: 10 * tick, due: at(10 * tick), log: []string{}}
	addToy(t, s, toyAddr(1), m)
	s.Pause(1)
	say(s, 0, 1, 1)
	say(s, 0, 1, 2)
	s.Run(at(time.Second))
	if m.count != 0 || m.sent != 0 {
		t.Fatalf("a paused host got %d packets and %d ticks", m.count, m.sent)
	}
	if s.Do(1, func(swim.Machine, swim.Time, *swim.Output) { t.Error("called into a paused host") }) {
		t.Error("Do says that it did")
	}
	s.Resume(1)
	s.Run(at(time.Second))
	wantLog(t, "in order of arrival, at the time of resuming", m,
		"1s packet 1 from 10.0.0.1:7946", "1s packet 2 from 10.0.0.1:7946")
	if m.sent != 1 {
		t.Errorf("%d ticks on resuming, want 1", m.sent)
	}
}

// TestStallingHostStopsWhenItSends: in the middle, what it sends comes out when it runs on.
func TestStallingHostStopsWhenItSends(t *testing.T) {
	s, ms := toys(t, 1, fixed(tick))
	m := &toy{every: 10 * tick, due: at(10 * tick), targets: nil, log: []string{}}
	addToy(t, s, toyAddr(1), m)
	s.Stall(1)
	say(s, 0, 1, 1)
	s.Run(at(25 * tick))
	if m.count != 0 || m.sent != 2 {
		t.Fatalf("%d packets and %d ticks until it sends, want 0 and 2", m.count, m.sent)
	}
	m.targets = []netip.AddrPort{toyAddr(0)}
	s.Run(at(time.Second))
	if m.sent != 3 {
		t.Fatalf("%d ticks, want no more than the one in which it sends", m.sent)
	}
	wantLog(t, "and that doesn't come out", ms[0])
	m.targets = nil
	s.Resume(1)
	s.Run(at(time.Second + tick))
	wantLog(t, "now it does", ms[0], "1.001s packet 3 from 10.0.0.2:7946")
	wantLog(t, "and what waited is read", m, "1s packet 1 from 10.0.0.1:7946")
}

// TestTimersFirst: whatever the seed.
func TestTimersFirst(t *testing.T) {
	for seed := range uint64(16) {
		c := fixed(tick)
		c.Seed, c.TimersFirst = seed, true
		s, _ := toys(t, 1, c)
		m := &toy{every: 10 * tick, due: at(10 * tick), log: []string{}}
		m.ticked = func() { m.log = append(m.log, "tick") }
		addToy(t, s, toyAddr(1), m)
		s.Pause(1)
		say(s, 0, 1, 1)
		s.Run(at(15 * tick))
		s.Resume(1)
		wantLog(t, "on resuming", m, "tick", "15ms packet 1 from 10.0.0.1:7946")
	}
}

func TestPausedHostKeepsASocketBufferOfPackets(t *testing.T) {
	s, ms := toys(t, 2, fixed(0))
	s.Pause(1)
	const fit = socketBuffer / (4 + packetOverhead)
	for n := range uint32(fit + 1) {
		say(s, 0, 1, n)
	}
	s.Run(at(tick))
	s.Resume(1)
	if ms[1].count != fit || s.Stats().Overflowed != 1 {
		t.Errorf("%d packets kept and %d dropped, want %d and 1", ms[1].count, s.Stats().Overflowed, fit)
	}
}

func TestMovedHostStartsAfresh(t *testing.T) {
	s, ms := toys(t, 2, fixed(tick))
	say(s, 0, 1, 1)
	say(s, 1, 0, 2)
	callToy(s, 1, 0, swim.StreamCall, "from the first life")
	s.Run(at(tick / 2))
	s.Crash(1)
	heir := &toy{log: []string{}}
	if err := s.Start(1, toyAddr(9), func(swim.Time, *swim.Output) (swim.Machine, error) { return heir, nil }); err != nil {
		t.Fatal(err)
	}
	s.Run(at(time.Minute))
	wantLog(t, "what was on its way arrives, from where it was sent", ms[0],
		"1ms packet 2 from 10.0.0.2:7946", `3ms request "from the first life"`)
	if ms[1].count != 0 {
		t.Error("a crashed machine got a packet")
	}
	wantLog(t, "neither the packet to the old address nor the answer to the first life's call", heir)
}

func TestRestartAtTheSameAddressGetsWhatIsOnItsWay(t *testing.T) {
	s, _ := toys(t, 2, fixed(tick))
	say(s, 0, 1, 1)
	heir := &toy{log: []string{}}
	if err := s.Start(1, toyAddr(1), func(swim.Time, *swim.Output) (swim.Machine, error) { return heir, nil }); err != nil {
		t.Fatal(err)
	}
	s.Run(at(tick))
	wantLog(t, "the network knows addresses, not lives", heir, "1ms packet 1 from 10.0.0.1:7946")
}

func TestAddressTakenIsAnError(t *testing.T) {
	s, _ := toys(t, 1, fixed(0))
	if err := s.Start(s.Add(), toyAddr(0), func(swim.Time, *swim.Output) (swim.Machine, error) { return &toy{}, nil }); err == nil {
		t.Error("two hosts share an address")
	}
}

func TestStreamOutcomes(t *testing.T) {
	tests := []struct {
		name   string
		kind   swim.StreamKind
		fault  func(*Sim, []*toy)
		caller []string
		server []string
	}{
		{"answered: connect, request and reply are four passages", swim.StreamCall, func(*Sim, []*toy) {},
			[]string{`4ms reply 1 "re: hello"`}, []string{`3ms request "hello"`}},
		{"one way", swim.StreamSend, func(_ *Sim, ms []*toy) { ms[1].mute = true },
			nil, []string{`3ms request "hello"`}},
		{"left unanswered: closed", swim.StreamCall, func(_ *Sim, ms []*toy) { ms[1].mute = true },
			[]string{"4ms failed 1: " + io.EOF.Error()}, []string{`3ms request "hello"`}},
		{"server down: refused after a round trip", swim.StreamCall, func(s *Sim, _ []*toy) { s.Crash(1) },
			[]string{"2ms failed 1: connection refused"}, nil},
		{"server crashes before the request arrives", swim.StreamSend, func(s *Sim, _ []*toy) { s.At(at(2*tick), func() { s.Crash(1) }) },
			[]string{"4ms failed 1: connection refused"}, nil},
		{"cut: time-out", swim.StreamCall, func(s *Sim, _ []*toy) { cut(s, 0, 1) },
			[]string{"10s failed 1: i/o timeout"}, nil},
		{"cut and healed: the next attempt to connect works", swim.StreamCall, func(s *Sim, _ []*toy) {
			id := cut(s, 0, 1)
			s.At(at(1500*tick), func() { s.Repair(id) })
		}, []string{`2.004s reply 1 "re: hello"`}, []string{`2.003s request "hello"`}},
		{"cut while the answer is due: time-out", swim.StreamCall, func(s *Sim, _ []*toy) { s.At(at(2*tick), func() { cut(s, 1, 0) }) },
			[]string{"10s failed 1: i/o timeout"}, []string{`3ms request "hello"`}},
		{"server paused for a while: answered late", swim.StreamCall, func(s *Sim, _ []*toy) {
			s.Pause(1)
			s.At(at(time.Second), func() { s.Resume(1) })
		}, []string{`1.001s reply 1 "re: hello"`}, []string{`1s request "hello"`}},
		{"server paused for too long", swim.StreamCall, func(s *Sim, _ []*toy) { s.Pause(1) },
			[]string{"10s failed 1: i/o timeout"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, ms := toys(t, 2, fixed(tick))
			tt.fault(s, ms)
			callToy(s, 0, 1, tt.kind, "hello")
			s.Run(at(time.Minute))
			wantLog(t, "caller", ms[0], tt.caller...)
			wantLog(t, "server", ms[1], tt.server...)
			w := s.workers[0]
			if used, free := len(w.calls.slots), len(w.calls.free); used != free {
				t.Errorf("%d calls, %d freed", used, free)
			}
			if used, free := len(w.messages.slots), len(w.messages.free); used != free && len(s.cold[1].held) == 0 {
				t.Errorf("%d letters, %d freed", used, free)
			}
		})
	}
}

// A block counts as sent when the connection is there: nobody knows what becomes of it.
func TestReportedStreams(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(*Sim, []*toy)
		want  string
	}{
		"sent":           {func(*Sim, []*toy) {}, "2ms sent 1"},
		"server down":    {func(s *Sim, _ []*toy) { s.Crash(1) }, "2ms failed 1: connection refused"},
		"cut: time-out":  {func(s *Sim, _ []*toy) { cut(s, 0, 1) }, "10s failed 1: i/o timeout"},
		"crashes after":  {func(s *Sim, _ []*toy) { s.At(at(2*tick), func() { s.Crash(1) }) }, "2ms sent 1"},
		"caller crashes": {func(s *Sim, _ []*toy) { s.At(at(tick), func() { s.Crash(0) }) }, ""},
		"slow uplink":    {func(s *Sim, _ []*toy) { s.SetUplink(0, 1_000, time.Second) }, "10s failed 1: i/o timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			s, ms := toys(t, 2, fixed(tick))
			ms[1].mute = true
			tt.fault(s, ms)
			s.Do(0, func(_ swim.Machine, now swim.Time, out *swim.Output) {
				out.Streams = append(out.Streams, swim.StreamOut{
					ID: 1, Kind: swim.StreamSend, To: toyAddr(1), Data: block(strings.Repeat("x", 2000)), Deadline: now.Add(10 * time.Second), Report: true,
				})
			})
			s.Run(at(time.Minute))
			if tt.want == "" {
				wantLog(t, "caller", ms[0])
			} else {
				wantLog(t, "caller", ms[0], tt.want)
			}
			if w := s.workers[0]; len(w.calls.slots) != len(w.calls.free) {
				t.Errorf("%d calls, %d freed", len(w.calls.slots), len(w.calls.free))
			}
		})
	}
}

func TestLossDelaysStreamsButDoesNotBreakThem(t *testing.T) {
	s, ms := toys(t, 2, Config{Seed: 5, Link: Link{Latency: Constant(tick), Loss: Probability(0.5)}})
	callToy(s, 0, 1, swim.StreamCall, "x")
	s.Run(at(9 * time.Second))
	if len(ms[0].log) != 1 || ms[0].log[0][:4] == "4ms " {
		t.Errorf("want one late reply, got %q", ms[0].log)
	}
}

func TestMachineThatStaysDueIsABug(t *testing.T) {
	s := New(fixed(0))
	addToy(t, s, toyAddr(0), &toy{every: 1, due: -1 << 40})
	defer func() {
		if recover() == nil {
			t.Error("ran on for ever, or until the test's time-out")
		}
	}()
	s.hosts[0].machine = stuck{}
	s.workers[0].rearm(0)
	s.Run(at(time.Second))
}

// stuck never gets its work done.
type stuck struct{}

func (stuck) Packet(swim.Time, netip.AddrPort, []byte, *swim.Output) {}
func (stuck) Stream(swim.Time, swim.StreamIn, *swim.Output)          {}
func (stuck) Tick(swim.Time, *swim.Output)                           {}
func (stuck) Deadline() swim.Time                                    { return 0 }

func TestFailedFactoryLeavesTheHostDown(t *testing.T) {
	s := New(fixed(0))
	boom := errors.New("boom")
	h := s.Add()
	err := s.Start(h, toyAddr(0), func(swim.Time, *swim.Output) (swim.Machine, error) { return nil, boom })
	if !errors.Is(err, boom) || !s.Down(h) {
		t.Errorf("error %v, down %v", err, s.Down(h))
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	s, _ := chatter(t, 1, 8)
	s.Run(at(5 * time.Second))
	if n := testing.AllocsPerRun(10, func() { s.Run(s.Now().Add(100 * tick)) }); n != 0 {
		t.Errorf("%v allocations in 100 ms of traffic, want 0", n)
	}
}

func BenchmarkSim(b *testing.B) {
	s, _ := chatter(b, 1, 100)
	s.Run(at(100 * tick))
	sent := s.Stats().Sent
	b.ReportAllocs()
	for b.Loop() {
		s.Run(s.Now().Add(tick))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(s.Stats().Sent-sent), "ns/packet")
}
