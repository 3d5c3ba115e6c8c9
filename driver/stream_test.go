package driver

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"serf/swim"
	"serf/wire"
)

// feed writes b to the other end of a pipe, and returns what readBlock makes of it.
func feed(d *Driver, b []byte) (block []byte, drawn int64, err error) {
	return feedTo(d, b, wire.NewStreamReader(nil))
}

func feedTo(d *Driver, b []byte, r *wire.StreamReader) (block []byte, drawn int64, err error) {
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		there.Write(b)
		there.Close()
	}()
	return d.readBlock(here, r)
}

// large is a user message of n bytes for a stream.
func large(n int) []byte {
	head := wire.UserMsgHeader{Len: n}
	return append(head.Append(nil), make([]byte, n)...)
}

func TestReadBlockDrawsOnTheBudget(t *testing.T) {
	d := new(Driver)
	d.transport.budget.Store(1 << 20)
	small := large(1000)
	block, drawn, err := feed(d, small)
	if err != nil || drawn != 0 || !bytes.Equal(block, small) {
		t.Errorf("a small block: %d bytes, %d drawn, %v; want it whole and free",
			len(block), drawn, err)
	}
	big := large(500 << 10)
	block, drawn, err = feed(d, big)
	if err != nil || !bytes.Equal(block, big) || drawn < 400<<10 {
		t.Errorf("a large block: %d bytes, %d drawn, %v; want it whole and paid for",
			len(block), drawn, err)
	}
	if _, _, err := feed(d, large(900<<10)); !errors.Is(err, errBudget) {
		t.Errorf("beyond the budget: %v, want errBudget", err)
	}
}

// Nothing is taken beyond the budget, not even for a moment: on a busy machine all streams may be
// at that moment together.
func TestNothingIsTakenBeyondTheBudget(t *testing.T) {
	for budget := int64(0); budget <= 5<<19; budget += 64 << 10 {
		d := new(Driver)
		d.transport.budget.Store(budget)
		r := wire.NewStreamReader(nil)
		_, drawn, err := feedTo(d, large(1<<20), r)
		if held := int64(r.Memory()); held > budget+streamFree {
			t.Errorf("%d bytes held, the budget is %d and %d are free", held, budget, streamFree)
		}
		if enough := budget >= 2<<20; enough != (err == nil) { // for the block, and for where it was before
			t.Errorf("budget %d: %v", budget, err)
		}
		if d.transport.budget.Add(drawn); d.transport.budget.Load() != budget {
			t.Errorf("%d of a budget of %d is left in the end", d.transport.budget.Load(), budget)
		}
	}
}

func TestReadBlockTellsHowFarItGot(t *testing.T) {
	d := new(Driver)
	_, _, err := feed(d, large(1000)[:500])
	if err == nil || err.Error() != "after 500 bytes: EOF" {
		t.Errorf("half a block: %v, want EOF after 500 bytes", err)
	}
}

func TestBlockedPacketsAreGivenUp(t *testing.T) {
	var problems []Problem
	d := &Driver{udp: failingConn{os.ErrDeadlineExceeded}}
	d.conf.Report = func(p Problem) { problems = append(problems, p) }
	d.sendPackets(make([]swim.Packet, 5))
	if got := d.Counters().SendErrors; got != 5 || len(problems) != 1 || problems[0].Kind != SendBlocked {
		t.Errorf("%d counted, want all 5 packets of the turn; %v", got, problems)
	}
}

func TestRefusedPacketDoesNotStopTheOthers(t *testing.T) {
	d := &Driver{udp: failingConn{syscall.EHOSTUNREACH}}
	d.sendPackets(make([]swim.Packet, 5))
	if got := d.Counters().SendErrors; got != 5 {
		t.Errorf("%d counted, want each of the 5 tried", got)
	}
}

// failingConn sends nothing.
type failingConn struct{ err error }

func (c failingConn) ReadFrom([]byte) (int, netip.AddrPort, error) {
	return 0, netip.AddrPort{}, net.ErrClosed
}
func (c failingConn) WriteTo([]byte, netip.AddrPort) error { return c.err }
func (c failingConn) LocalAddr() netip.AddrPort            { return loopback }
func (c failingConn) Close() error                         { return nil }
