package driver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver"
	"serf/driver/memnet"
	"serf/swim"
	"serf/wire"
)

// large is a user message of n bytes for a stream.
func large(n int) []byte {
	head := wire.UserMsgHeader{Len: n}
	return append(head.Append(nil), make([]byte, n)...)
}

// dialTo opens a stream to d from another host of the network.
func dialTo(t *testing.T, n *memnet.Network, d *driver.Driver) net.Conn {
	t.Helper()
	c, err := n.Host(hostAddr(7).Addr()).Dial(t.Context(), netip.Addr{}, d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestServedStreamGivesTheBudgetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		d := start(t, n, 1, &machine{}, driver.Layer{})
		dialTo(t, n, d).Write(large(1 << 20))
		synctest.Wait()
		if left := d.BudgetLeft(); left != driver.StreamBudget {
			t.Errorf("%d bytes of the budget are still taken", driver.StreamBudget-left)
		}
	})
}

// Whoever sends a message may want to know that it is over.
func TestSentStreamIsReportedIfAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		var got []swim.StreamIn
		d := start(t, n, 1, &machine{stream: func(in swim.StreamIn, _ *swim.Output) { got = append(got, in) }}, driver.Layer{})
		other := start(t, n, 2, &machine{}, driver.Layer{})
		send := func(id swim.StreamID, to netip.AddrPort, report bool) {
			d.Do(t.Context(), func(now swim.Time, out *swim.Output) {
				out.Streams = append(out.Streams, swim.StreamOut{
					ID: id, Kind: swim.StreamSend, To: to, Data: large(10), Deadline: now.Add(time.Second), Report: report,
				})
			})
			synctest.Wait()
		}
		send(1, other.Addr(), false)
		send(2, other.Addr(), true)
		send(3, hostAddr(9), true)
		d.Close()
		if len(got) != 2 || got[0].ID != 2 || got[0].Kind != swim.StreamSent || got[1].ID != 3 || got[1].Kind != swim.StreamFailed {
			t.Errorf("reported: %+v, want the end of 2 and 3", got)
		}
	})
}

func TestSilentStreamIsClosedAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		d := start(t, n, 1, &machine{}, driver.Layer{})
		c, began := dialTo(t, n, d), time.Now()
		c.Read(make([]byte, 1))
		if took := time.Since(began); took != driver.StreamTimeoutDefault {
			t.Errorf("closed after %v, want the stream timeout %v", took, driver.StreamTimeoutDefault)
		}
		synctest.Wait()
		if got := d.Counters().StreamErrors; got != 1 {
			t.Errorf("%d stream errors, want 1", got)
		}
	})
}

func TestRequestIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		m := &machine{stream: func(in swim.StreamIn, out *swim.Output) {
			out.Streams = append(out.Streams, swim.StreamOut{ID: in.ID, Kind: swim.StreamAnswer, Data: []byte("answer")})
		}}
		d := start(t, n, 1, m, driver.Layer{})
		c := dialTo(t, n, d)
		ping := wire.Ping{Seq: 9, Node: []byte("a")}
		c.Write(ping.Append(nil))
		got, err := io.ReadAll(c)
		if string(got) != "answer" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestStreamsBeyondTheLimitAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		d := start(t, n, 1, &machine{}, driver.Layer{})
		for range driver.AcceptMax { // that say nothing
			dialTo(t, n, d)
		}
		synctest.Wait()
		began := time.Now()
		if _, err := dialTo(t, n, d).Read(make([]byte, 1)); err == nil || time.Since(began) > 0 {
			t.Errorf("the stream beyond the limit: %v after %v, want it closed at once", err, time.Since(began))
		}
		if got := d.Counters(); got.StreamFailures[driver.StreamRefused] != 1 || got.StreamsAccepted != driver.AcceptMax {
			t.Errorf("%+v, want one refused", got)
		}
	})
}

func TestCloseEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		d := start(t, n, 1, &machine{}, driver.Layer{})
		c, began := dialTo(t, n, d), time.Now()
		d.Close()
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("the stream is open after Close")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Close took %v of virtual time, want none", took)
		}
	})
}

// hanging is a network that never finishes dialling.
type hanging struct{ driver.Network }

func (hanging) Dial(ctx context.Context, _ netip.Addr, _ netip.AddrPort) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// callNobody is a stream to a host that doesn't answer.
func callNobody(deadline swim.Time) swim.StreamOut {
	return swim.StreamOut{Kind: swim.StreamSend, To: hostAddr(9), Data: []byte("x"), Deadline: deadline}
}

func TestDialsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var busy, late int
		m := &machine{stream: func(in swim.StreamIn, _ *swim.Output) {
			if errors.Is(in.Err, driver.ErrBusy) {
				busy++
			} else if errors.Is(in.Err, context.DeadlineExceeded) {
				late++
			}
		}}
		d := startOn(t, hanging{memnet.New(memnet.Config{}).Host(hostAddr(1).Addr())}, 1, m, driver.Layer{})
		const extra = 10
		d.Do(t.Context(), func(now swim.Time, out *swim.Output) {
			for range driver.DialMax + driver.DialQueue + extra {
				out.Streams = append(out.Streams, callNobody(now.Add(time.Second)))
			}
		})
		var dialling, waiting int
		read := func() { dialling, waiting = d.Dialling() }
		synctest.Wait()
		d.Read(read)
		if dialling != driver.DialMax || waiting != driver.DialQueue || busy != extra {
			t.Errorf("%d dialling, %d waiting, %d failed; want %d, %d, %d", dialling, waiting, busy, driver.DialMax, driver.DialQueue, extra)
		}
		time.Sleep(2 * time.Second) // past all deadlines
		d.Read(read)
		if dialling != 0 || waiting != 0 || late != driver.DialMax+driver.DialQueue {
			t.Errorf("%d dialling, %d waiting, %d failed late past their deadlines", dialling, waiting, late)
		}
		if got := d.Counters().StreamFailures[driver.StreamBusy]; got != extra {
			t.Errorf("%d counted as busy, want %d", got, extra)
		}
	})
}

// call has a driver open a stream to another one, and returns what its machine is told.
func call(t *testing.T, n *memnet.Network, to *machine, kind swim.StreamKind) (got []string) {
	t.Helper()
	d := start(t, n, 1, to, driver.Layer{})
	m := &machine{stream: func(in swim.StreamIn, _ *swim.Output) {
		got = append(got, fmt.Sprint(in.ID, in.Kind, in.From, " ", string(in.Data), in.Err))
	}}
	caller := start(t, n, 2, m, driver.Layer{})
	caller.Do(t.Context(), func(now swim.Time, out *swim.Output) {
		ping := wire.Ping{Seq: 9, Node: []byte("a")}
		out.Streams = append(out.Streams, swim.StreamOut{ID: 5, Kind: kind, To: d.Addr(), Data: ping.Append(nil), Deadline: now.Add(time.Hour)})
	})
	time.Sleep(time.Minute)
	if caller.Close(); caller.Counters().StreamsDialled != 1 || d.Counters().StreamsAccepted != 1 {
		t.Errorf("%+v", caller.Counters())
	}
	return got
}

func TestCallGetsItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ack := wire.Ack{Seq: 9}
		answering := &machine{stream: func(in swim.StreamIn, out *swim.Output) {
			out.Streams = append(out.Streams, swim.StreamOut{ID: in.ID, Kind: swim.StreamAnswer, Data: ack.Append(nil)})
		}}
		got := call(t, memnet.New(memnet.Config{}), answering, swim.StreamCall)
		if want := fmt.Sprint(swim.StreamID(5), swim.StreamReply, hostAddr(1), " ", string(ack.Append(nil)), error(nil)); !slices.Equal(got, []string{want}) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestCallWithoutAnAnswerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := call(t, memnet.New(memnet.Config{}), &machine{}, swim.StreamCall)
		if len(got) != 1 || !strings.Contains(got[0], "closed the connection without an answer") {
			t.Errorf("got %q", got)
		}
	})
}

// The machine hears of messages that can't be sent, not of those that are.
func TestMessagesThatWereSentAreNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var came []byte
		m := &machine{stream: func(in swim.StreamIn, _ *swim.Output) { came = slices.Clone(in.Data) }}
		if got := call(t, memnet.New(memnet.Config{}), m, swim.StreamSend); len(got) != 0 || len(came) == 0 {
			t.Errorf("reported %q; %d bytes came", got, len(came))
		}
	})
}

// An address that swallows packets doesn't hold a stream for as long as an exchange may take.
func TestConnectingEndsBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, took := time.Now(), time.Duration(0)
		m := &machine{stream: func(in swim.StreamIn, _ *swim.Output) { took = time.Since(began) }}
		d := start(t, memnet.New(memnet.Config{Silent: true}), 1, m, driver.Layer{})
		d.Do(t.Context(), func(now swim.Time, out *swim.Output) {
			out.Streams = append(out.Streams, callNobody(now.Add(time.Hour)))
		})
		time.Sleep(time.Minute)
		if d.Close(); took != 10*time.Second || d.Counters().StreamFailures[driver.StreamConnect] != 1 {
			t.Errorf("failed after %v, want 10s; %v", took, d.Counters().StreamFailures)
		}
	})
}

// troubled is a network on which the first read of a packet fails.
type troubled struct{ driver.Network }

type troubledConn struct {
	driver.PacketConn
	reads atomic.Int64
}

func (n troubled) Listen(bind netip.AddrPort) (driver.PacketConn, driver.StreamListener, error) {
	packets, streams, err := n.Network.Listen(bind)
	return &troubledConn{PacketConn: packets}, streams, err
}

func (c *troubledConn) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	if c.reads.Add(1) == 1 {
		return 0, netip.AddrPort{}, errors.New("no buffers")
	}
	return c.PacketConn.ReadFrom(b)
}

func TestFailedReadIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		var got []string
		m := &machine{packet: func(p []byte, _ *swim.Output) { got = append(got, string(p)) }}
		d := startOn(t, troubled{n.Host(hostAddr(1).Addr())}, 1, m, driver.Layer{})
		send(t, start(t, n, 2, &machine{}, driver.Layer{}), d.Addr(), "x")
		time.Sleep(driver.ReadBackoff)
		synctest.Wait()
		if d.Read(func() {}); !slices.Equal(got, []string{"x"}) || d.Counters().ReadErrors != 1 {
			t.Errorf("%q came after %d errors, want x after one", got, d.Counters().ReadErrors)
		}
	})
}

func TestStreamsThatFailAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{})
		problems := make(chan driver.Problem, 2*driver.AcceptMax) // room for all: Report must not wait
		d, err := driver.Listen(driver.Config{Network: n.Host(hostAddr(1).Addr()), Bind: hostAddr(1), StreamTimeout: time.Minute,
			Report: func(p driver.Problem) { problems <- p }})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		d.Start(&machine{}, driver.Layer{}, new(swim.Output))
		garbage := dialTo(t, n, d)
		garbage.Write([]byte{0xff})
		from := garbage.LocalAddr().(*net.TCPAddr).AddrPort()
		if p := <-problems; p.Kind != driver.StreamDropped || p.Peer != from || p.Err == nil || p.Foreign() {
			t.Errorf("garbage: %+v", p)
		}
		for range driver.AcceptMax + 1 {
			dialTo(t, n, d)
		}
		if p := <-problems; p.Kind != driver.StreamsFull {
			t.Errorf("beyond the limit: %+v", p)
		}
		began := time.Now()
		if p := <-problems; p.Kind != driver.StreamDropped || time.Since(began) != time.Minute {
			t.Errorf("silent ones: %+v after %v", p, time.Since(began))
		}
	})
}
