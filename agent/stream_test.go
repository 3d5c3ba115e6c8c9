package agent

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"serf/swim"
	"serf/wire"
)

// feed writes b to the other end of a pipe, and returns what readBlock makes of it.
func feed(a *Agent, b []byte) (block []byte, drawn int64, err error) {
	return feedTo(a, b, wire.NewStreamReader(nil))
}

func feedTo(a *Agent, b []byte, r *wire.StreamReader) (block []byte, drawn int64, err error) {
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		there.Write(b)
		there.Close()
	}()
	return a.readBlock(here, r)
}

// large is a user message of n bytes for a stream.
func large(n int) []byte {
	head := wire.UserMsgHeader{Len: n}
	return append(head.Append(nil), make([]byte, n)...)
}

func TestReadBlockDrawsOnTheBudget(t *testing.T) {
	a := new(Agent)
	a.transport.budget.Store(1 << 20)
	small := large(1000)
	block, drawn, err := feed(a, small)
	if err != nil || drawn != 0 || !bytes.Equal(block, small) {
		t.Errorf("a small block: %d bytes, %d drawn, %v; want it whole and free",
			len(block), drawn, err)
	}
	big := large(500 << 10)
	block, drawn, err = feed(a, big)
	if err != nil || !bytes.Equal(block, big) || drawn < 400<<10 {
		t.Errorf("a large block: %d bytes, %d drawn, %v; want it whole and paid for",
			len(block), drawn, err)
	}
	if _, _, err := feed(a, large(900<<10)); !errors.Is(err, errBudget) {
		t.Errorf("beyond the budget: %v, want errBudget", err)
	}
}

// Nothing is taken beyond the budget, not even for a moment: on a busy machine all streams may be
// at that moment together.
func TestNothingIsTakenBeyondTheBudget(t *testing.T) {
	for budget := int64(0); budget <= 5<<19; budget += 64 << 10 {
		a := new(Agent)
		a.transport.budget.Store(budget)
		r := wire.NewStreamReader(nil)
		_, drawn, err := feedTo(a, large(1<<20), r)
		if held := int64(r.Memory()); held > budget+streamFree {
			t.Errorf("%d bytes held, the budget is %d and %d are free", held, budget, streamFree)
		}
		if enough := budget >= 2<<20; enough != (err == nil) { // for the block, and for where it was before
			t.Errorf("budget %d: %v", budget, err)
		}
		if a.transport.budget.Add(drawn); a.transport.budget.Load() != budget {
			t.Errorf("%d of a budget of %d is left in the end", a.transport.budget.Load(), budget)
		}
	}
}

// beginDialled starts an agent in memory and opens a stream to it.
func beginDialled(t *testing.T) (*Agent, net.Conn) {
	t.Helper()
	n := newMemNetwork()
	a := begin(t, memConfig(n, "a", 1))
	c, err := n.at(hostAddr(7)).Dial(background, hostAddr(7).Addr(), a.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return a, c
}

func TestServedStreamGivesTheBudgetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c := beginDialled(t)
		c.Write(large(1 << 20))
		synctest.Wait()
		if left := a.transport.budget.Load(); left != streamBudget {
			t.Errorf("%d bytes of the budget are still taken", streamBudget-left)
		}
	})
}

func TestReadBlockTellsHowFarItGot(t *testing.T) {
	a := new(Agent)
	_, _, err := feed(a, large(1000)[:500])
	if err == nil || err.Error() != "after 500 bytes: EOF" {
		t.Errorf("half a block: %v, want EOF after 500 bytes", err)
	}
}

func TestSilentStreamIsClosedAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c := beginDialled(t)
		began := time.Now()
		c.Read(make([]byte, 1))
		if took := time.Since(began); took != a.conf.Timing.StreamTimeout {
			t.Errorf("closed after %v, want the stream timeout %v", took, a.conf.Timing.StreamTimeout)
		}
		synctest.Wait()
		if got := a.Traffic().StreamErrors; got != 1 {
			t.Errorf("%d stream errors, want 1", got)
		}
	})
}

func TestStreamPingIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := beginDialled(t)
		m := wire.Ping{Seq: 9, Node: []byte("a")}
		c.Write(m.Append(nil))
		b := make([]byte, 100)
		k, err := c.Read(b)
		if err != nil || wire.Type(b[0]) != wire.TypeAck {
			t.Fatalf("got %x, %v, want an ack", b[:k], err)
		}
		if ack, err := wire.ParseAck(b[1:k]); err != nil || ack.Seq != 9 {
			t.Errorf("got %+v, %v, want an ack of 9", ack, err)
		}
	})
}

func TestShutdownClosesStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c := beginDialled(t)
		began := time.Now()
		a.Shutdown()
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("the stream is open after Shutdown")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Shutdown took %v of virtual time, want none", took)
		}
	})
}

// hangingNetwork never finishes dialling.
type hangingNetwork struct{ network }

func (hangingNetwork) Dial(ctx context.Context, _ netip.Addr, _ netip.AddrPort) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestDialsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memConfig(newMemNetwork(), "a", 1)
		c.network = hangingNetwork{c.network}
		a := begin(t, c)
		const extra = 10
		var dialling, waiting, failed int
		err := a.do(background, func(now swim.Time) {
			for range dialMax + dialQueue + extra {
				a.startStream(swim.StreamOut{Kind: swim.StreamSend, To: hostAddr(9), Deadline: now.Add(time.Second)})
			}
			dialling, waiting, failed = a.loop.dialing, len(a.loop.waiting), len(a.loop.done)
			for _, in := range a.loop.done {
				if !errors.Is(in.Err, errBusy) || in.Kind != swim.StreamFailed {
					t.Errorf("failed at once with %v, want errBusy", in.Err)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if dialling != dialMax || waiting != dialQueue || failed != extra {
			t.Errorf("%d dialling, %d waiting, %d failed; want %d, %d, %d",
				dialling, waiting, failed, dialMax, dialQueue, extra)
		}
		time.Sleep(2 * time.Second) // past all deadlines
		err = a.do(background, func(swim.Time) { dialling, waiting = a.loop.dialing, len(a.loop.waiting) })
		if err != nil || dialling != 0 || waiting != 0 {
			t.Errorf("%d dialling and %d waiting past their deadlines, want none",
				dialling, waiting)
		}
	})
}

// troubled is a network whose packets fail on demand.
type troubled struct {
	network
	readErr  error // of the first read
	writeErr error // of all writes
}

type troubledConn struct {
	packetConn
	t     *troubled
	reads atomic.Int64
}

func (n *troubled) Listen(bind netip.AddrPort) (packetConn, streamListener, error) {
	udp, tcp, err := n.network.Listen(bind)
	return &troubledConn{packetConn: udp, t: n}, tcp, err
}

func (c *troubledConn) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	if c.reads.Add(1) == 1 && c.t.readErr != nil {
		return 0, netip.AddrPort{}, c.t.readErr
	}
	return c.packetConn.ReadFrom(b)
}

func (c *troubledConn) WriteTo(b []byte, to netip.AddrPort) error {
	if c.t.writeErr != nil {
		return c.t.writeErr
	}
	return c.packetConn.WriteTo(b, to)
}

func TestFailedReadIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		c := memConfig(n, "a", 1)
		c.network = &troubled{network: c.network, readErr: errors.New("no buffers")}
		a, b := begin(t, c), begin(t, memConfig(n, "b", 2))
		mustJoin(t, b, a)
		s := a.Subscribe(8, func(e Event) bool { return e.String() == "user-event: x" })
		if err := b.UserEvent(background, "x", nil, false); err != nil {
			t.Fatal(err)
		}
		wantEvent(t, s, "packets are read again")
		if got := a.Traffic().ReadErrors; got != 1 {
			t.Errorf("%d read errors, want 1", got)
		}
	})
}

func TestBlockedPacketsAreGivenUp(t *testing.T) {
	a := &Agent{udp: &troubledConn{t: &troubled{writeErr: os.ErrDeadlineExceeded}}}
	a.sendPackets(make([]swim.Packet, 5))
	if got := a.Traffic().SendErrors; got != 5 {
		t.Errorf("%d counted, want all 5 packets of the turn", got)
	}
}

func TestRefusedPacketDoesNotStopTheOthers(t *testing.T) {
	a := &Agent{udp: &troubledConn{t: &troubled{writeErr: syscall.EHOSTUNREACH}}}
	a.sendPackets(make([]swim.Packet, 5))
	if got := a.Traffic().SendErrors; got != 5 {
		t.Errorf("%d counted, want each of the 5 tried", got)
	}
}
