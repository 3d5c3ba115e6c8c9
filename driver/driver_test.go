package driver_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver"
	"serf/driver/memnet"
	"serf/swim"
	"serf/wire"
)

// machine is a machine for tests: what it does is up to its functions, and it never has a deadline
// unless it is given one.
type machine struct {
	packet   func(p []byte, out *swim.Output)
	stream   func(in swim.StreamIn, out *swim.Output)
	tick     func(now swim.Time, out *swim.Output)
	deadline swim.Time // 0: never
}

func (m *machine) Packet(_ swim.Time, _ netip.AddrPort, p []byte, out *swim.Output) {
	if m.packet != nil {
		m.packet(p, out)
	}
}

func (m *machine) Stream(_ swim.Time, in swim.StreamIn, out *swim.Output) {
	if m.stream != nil {
		m.stream(in, out)
	}
}

func (m *machine) Tick(now swim.Time, out *swim.Output) {
	m.deadline = 0
	m.tick(now, out)
}

func (m *machine) Deadline() swim.Time {
	if m.deadline == 0 {
		return swim.Never
	}
	return m.deadline
}

func (m *machine) Sealer() *wire.Sealer { return nil }

// hostAddr is the address of host i of a network in memory.
func hostAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 7946)
}

// start runs a machine on host i of a network.
func start(t *testing.T, n *memnet.Network, i int, m driver.Machine, l driver.Layer) *driver.Driver {
	t.Helper()
	return startOn(t, n.Host(hostAddr(i).Addr()), i, m, l)
}

func startOn(t *testing.T, n driver.Network, i int, m driver.Machine, l driver.Layer) *driver.Driver {
	t.Helper()
	d, err := driver.Listen(driver.Config{Network: n, Bind: hostAddr(i)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	d.Start(m, l, new(swim.Output))
	return d
}

// send has a driver send a packet.
func send(t *testing.T, d *driver.Driver, to netip.AddrPort, text string) {
	t.Helper()
	err := d.Do(t.Context(), func(_ swim.Time, out *swim.Output) {
		out.Packets = append(out.Packets, swim.Packet{To: to, Data: []byte(text)})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEffectsOfTheMakingAreCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		var got []string
		d := start(t, n, 1, &machine{packet: func(p []byte, _ *swim.Output) { got = append(got, string(p)) }}, driver.Layer{})
		other, err := driver.Listen(driver.Config{Network: n.Host(hostAddr(2).Addr()), Bind: hostAddr(2)})
		if err != nil {
			t.Fatal(err)
		}
		out := &swim.Output{
			Packets: []swim.Packet{{To: d.Addr(), Data: []byte("hello")}},
			Events:  []swim.Event{{Kind: swim.EventJoined}},
		}
		shown := 0
		other.Start(&machine{}, driver.Layer{Handle: func(_ swim.Time, out *swim.Output) { shown += len(out.Events) }}, out)
		if shown != 1 {
			t.Errorf("%d events were shown when Start returned, want the one of the making", shown)
		}
		synctest.Wait()
		d.Read(func() {})
		if !slices.Equal(got, []string{"hello"}) {
			t.Errorf("%q was sent, want hello", got)
		}
		other.Close()
	})
}

// Whoever asks after Do sees what came of it; Look changes nothing, so the layer isn't told.
func TestDoReturnsWhenTheLayerHasHandledIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := 0
		d := start(t, memnet.New(memnet.Config{}), 1, &machine{}, driver.Layer{Handle: func(_ swim.Time, out *swim.Output) { handled += len(out.Events) }})
		for range 2 { // the same events aren't shown again
			d.Do(t.Context(), func(_ swim.Time, out *swim.Output) {
				out.Events = append(out.Events, swim.Event{Kind: swim.EventUser})
			})
		}
		if handled != 2 {
			t.Errorf("%d events handled, want 2", handled)
		}
		looked := -1
		if err := d.Look(t.Context(), func() { looked = handled }); err != nil || looked != 2 {
			t.Errorf("looked at %d, %v, want 2", looked, err)
		}
	})
}

func TestFunctionsWaitUntilTheLayerIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready, ran := false, 0
		d := start(t, memnet.New(memnet.Config{}), 1, &machine{}, driver.Layer{Ready: func() bool { return ready }})
		count := func(swim.Time, *swim.Output) { ran++ }
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.DoWhenReady(short, count); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v while the layer isn't ready, want that of the context", err)
		}
		go d.DoWhenReady(t.Context(), count)
		synctest.Wait()
		d.Do(t.Context(), func(swim.Time, *swim.Output) { ready = ran == 0 })
		synctest.Wait()
		if d.Close(); ran != 1 {
			t.Errorf("ran %d times, want once, when ready", ran)
		}
	})
}

// However many functions come all the time, one that waits for the layer has its turn.
func TestFunctionsThatWaitForTheLayerAreNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, memnet.New(memnet.Config{}), 1, &machine{}, driver.Layer{})
		defer d.Close()
		busy, ran, before := make(chan bool), 0, -1
		go d.Look(t.Context(), func() { <-busy })
		synctest.Wait()
		for range 100 {
			go d.Look(t.Context(), func() { ran++ })
		}
		go d.DoWhenReady(t.Context(), func(swim.Time, *swim.Output) { before = ran })
		synctest.Wait()
		close(busy)
		synctest.Wait()
		if ran != 100 || before < 0 || before > 1 {
			t.Errorf("%d of %d others ran before it, want 1 at most", before, ran)
		}
	})
}

// A timer for the end of all time would have a bubble's clock jump there.
func TestMachineWithoutADeadlineIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := 0
		d := start(t, memnet.New(memnet.Config{}), 1, &machine{}, driver.Layer{EndTurn: func(swim.Time) { turns++ }})
		synctest.Wait()
		before := turns
		time.Sleep(500 * 24 * time.Hour)
		later := 0
		if d.Read(func() { later = turns }); before != 1 || later != before {
			t.Errorf("%d turns at the start, %d later, want one and no more", before, later-before)
		}
	})
}

func TestDeadlinesOfMachineAndLayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var ticked, ended []time.Duration
		layer := 3 * time.Second
		m := &machine{deadline: swim.Time(5 * time.Second), tick: func(swim.Time, *swim.Output) { ticked = append(ticked, time.Since(began)) }}
		d := start(t, memnet.New(memnet.Config{}), 1, m, driver.Layer{
			EndTurn: func(now swim.Time) {
				ended = append(ended, time.Since(began))
				if now >= swim.Time(layer) {
					layer = 100 * time.Second
				}
			},
			Deadline: func() swim.Time { return swim.Time(layer) },
		})
		time.Sleep(10 * time.Second)
		d.Wake()
		synctest.Wait()
		d.Close()
		if want := []time.Duration{5 * time.Second}; !slices.Equal(ticked, want) {
			t.Errorf("ticked at %v, want %v", ticked, want)
		}
		if want := []time.Duration{0, 3 * time.Second, 5 * time.Second, 10 * time.Second}; !slices.Equal(ended, want) {
			t.Errorf("turns at %v, want %v", ended, want)
		}
		if got := d.Counters(); got.Turns.N() != 4 || got.Rounds.N != 1 {
			t.Errorf("%d turns and %d rounds counted", got.Turns.N(), got.Rounds.N)
		}
	})
}

// A loop that is busy takes no more than a bounded number of packets into memory, and carries out
// effects in between.
func TestQueueOfPacketsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		var got, most, turn int
		m := &machine{packet: func([]byte, *swim.Output) { got++; turn++ }}
		d := start(t, n, 1, m, driver.Layer{EndTurn: func(swim.Time) { most = max(most, turn); turn = 0 }})
		sender := start(t, n, 2, &machine{}, driver.Layer{})
		free := make(chan struct{})
		go d.Do(t.Context(), func(swim.Time, *swim.Output) { <-free })
		synctest.Wait()
		const sent = 5000
		for i := range sent {
			send(t, sender, d.Addr(), fmt.Sprint(i))
			synctest.Wait()
		}
		lost := int(n.Lost())
		close(free)
		synctest.Wait()
		const socket = 1024                                                    // of memnet
		if d.Close(); got+lost != sent || got != socket+driver.PacketQueue+1 { // the reader has one
			t.Errorf("%d arrived and %d were lost of %d, want %d to wait in the driver", got, lost, sent, driver.PacketQueue+1)
		}
		if most > driver.TurnInputs {
			t.Errorf("%d packets in a turn, want at most %d", most, driver.TurnInputs)
		}
	})
}

func TestCloseIsConcurrentAndIdempotent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		ends := 0
		d := start(t, n, 1, &machine{}, driver.Layer{End: func(swim.Time, *swim.Output) { ends++ }})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := d.Close(); err != nil || ends != 1 || d.Err() != nil {
			t.Errorf("%v, %v, the layer was told %d times", err, d.Err(), ends)
		}
		for name, err := range map[string]error{
			"Do":          d.Do(t.Context(), func(swim.Time, *swim.Output) { t.Error("ran") }),
			"DoWhenReady": d.DoWhenReady(t.Context(), func(swim.Time, *swim.Output) { t.Error("ran") }),
			"Look":        d.Look(t.Context(), func() { t.Error("ran") }),
		} {
			if !errors.Is(err, driver.ErrStopped) {
				t.Errorf("%s: %v, want ErrStopped", name, err)
			}
		}
		read := false
		if d.Read(func() { read = true }); !read {
			t.Error("the last state can't be read")
		}
		start(t, n, 1, &machine{}, driver.Layer{}) // the port is free
	})
}

func TestNothingOfTheLayerRunsAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{Link: memnet.Link{Delay: time.Millisecond}})
		var closed atomic.Bool
		check := func() {
			if closed.Load() {
				t.Error("called after Close")
			}
		}
		m := &machine{packet: func([]byte, *swim.Output) { check() }, stream: func(swim.StreamIn, *swim.Output) { check() }}
		d := start(t, n, 1, m, driver.Layer{
			Handle:  func(swim.Time, *swim.Output) { check() },
			EndTurn: func(swim.Time) { check() },
			End:     func(swim.Time, *swim.Output) { check() },
		})
		other := start(t, n, 2, &machine{}, driver.Layer{})
		for range 20 {
			send(t, other, d.Addr(), "x")
			other.Do(t.Context(), func(now swim.Time, out *swim.Output) {
				out.Streams = append(out.Streams, swim.StreamOut{Kind: swim.StreamSend, To: d.Addr(), Data: large(10), Deadline: now.Add(time.Second)})
			})
		}
		time.Sleep(time.Millisecond) // they are arriving
		d.Close()
		closed.Store(true)
		time.Sleep(time.Minute)
	})
}

func TestCloseWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startOn(t, hanging{memnet.New(memnet.Config{}).Host(hostAddr(1).Addr())}, 1, &machine{}, driver.Layer{})
		d.Do(t.Context(), func(now swim.Time, out *swim.Output) {
			out.Streams = append(out.Streams, callNobody(now.Add(time.Hour)))
		})
		synctest.Wait()
		began := time.Now()
		if d.Close(); time.Since(began) != 0 {
			t.Errorf("Close took %v of virtual time, want none", time.Since(began))
		}
		if got := d.Counters().StreamFailures; got != [driver.StreamFailures]uint64{} {
			t.Errorf("%v failures are counted, that were the driver's own end", got)
		}
	})
}

func TestCloseBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		c := driver.Config{Network: n.Host(hostAddr(1).Addr()), Bind: hostAddr(1)}
		d, err := driver.Listen(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.Close(), d.Close()); err != nil {
			t.Error(err)
		}
		d.Start(&machine{}, driver.Layer{Handle: func(swim.Time, *swim.Output) { t.Error("called") }}, new(swim.Output))
		again, err := driver.Listen(c)
		if err != nil {
			t.Fatal("the port isn't free:", err)
		}
		again.Close()
		defer func() {
			if got := fmt.Sprint(recover()); !strings.Contains(got, "started twice") {
				t.Errorf("the second start: %s", got)
			}
		}()
		d.Start(&machine{}, driver.Layer{}, new(swim.Output))
	})
}

// The layer can stop its driver, which must not wait for itself.
func TestStopHasACause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("lost the vote")
		var d *driver.Driver
		d = start(t, memnet.New(memnet.Config{}), 1, &machine{}, driver.Layer{Handle: func(_ swim.Time, out *swim.Output) {
			if len(out.Events) > 0 {
				d.Stop(cause)
				d.Stop(errors.New("a later one"))
			}
		}})
		if d.Err() != nil || d.Context().Err() != nil {
			t.Error("it has stopped before it was asked to")
		}
		d.Do(t.Context(), func(_ swim.Time, out *swim.Output) { out.Events = append(out.Events, swim.Event{}) })
		<-d.Done()
		if d.Err() != cause || d.Close() != cause || context.Cause(d.Context()) != cause {
			t.Errorf("%v, want the first cause", d.Err())
		}
	})
}

func TestProblemsAreReported(t *testing.T) {
	for _, tc := range []struct {
		p    driver.Problem
		want string
	}{
		{driver.Problem{Kind: driver.SendFailed, Peer: hostAddr(1), Err: errors.New("no route")}, "DEBUG Failed to send a packet to 10.0.0.1:7946: no route"},
		{driver.Problem{Kind: driver.SendBlocked}, "WARN Failed to send packets: the system takes no more"},
		{driver.Problem{Kind: driver.ReadFailed, Err: errors.New("no buffers")}, "ERROR Failed to receive (packet): no buffers"},
		{driver.Problem{Kind: driver.AcceptFailed, Err: errors.New("no files")}, "ERROR Failed to receive (stream): no files"},
		{driver.Problem{Kind: driver.StreamsFull}, "WARN Refused a stream: 128 are open already"},
		{driver.Problem{Kind: driver.StreamDropped, Peer: hostAddr(1), Err: wire.ErrLabel}, "WARN Dropped a stream from 10.0.0.1:7946: labelled, and not as this cluster"},
	} {
		if got := fmt.Sprint(tc.p.Level(), " ", tc.p); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

// A node's time is that of a monotonic clock: a wall clock that somebody sets doesn't touch it.
func TestTimeOfANodeIsMonotonic(t *testing.T) {
	t.Parallel()
	d := start(t, memnet.New(memnet.Config{}), 1, &machine{}, driver.Layer{})
	if began := d.Started(); began == began.Round(0) { // which strips the monotonic reading
		t.Error("the time since the start is one of the wall clock")
	}
}

// The host's clock at a time of the node is what it says now, less what has gone by since: it isn't
// late by what the loop did between its look at its clock and the question.
func TestWallTime(t *testing.T) {
	t.Parallel()
	d := start(t, memnet.New(memnet.Config{}), 1, &machine{}, driver.Layer{})
	now := d.Now()
	if off := time.Until(d.WallTime(now)).Abs(); off > time.Second {
		t.Errorf("off by %v", off)
	}
	if since := d.WallTime(now).Sub(d.WallTime(now.Add(-time.Hour))); (since - time.Hour).Abs() > time.Second {
		t.Errorf("%v went by in an hour", since)
	}
}
