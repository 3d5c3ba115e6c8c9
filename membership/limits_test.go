package membership

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver"
	"serf/swim"
	"serf/wire"
)

// However many rivals somebody makes up, the program isn't flooded with them.
func TestConflictsAreBounded(t *testing.T) {
	n := halted(t, Config{})
	q := newEventQueue()
	n.table.queues = append(n.table.queues, q)
	claim := func(now swim.Time, port int) {
		rival := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 9}), uint16(port))
		n.handleConflict(now, &swim.Event{Member: n.loop.core.Self(), Addr: rival})
	}
	for port := range conflictsMax + 5 {
		claim(0, 1000+port)
		claim(0, 1000+port)
	}
	if q.events.n != conflictsMax {
		t.Errorf("%d conflicts reported, limit %d", q.events.n, conflictsMax)
	}
	claim(swim.Time(conflictPause), 1000)
	if q.events.n != conflictsMax+1 {
		t.Error("the same conflict, later, isn't reported")
	}
}

func TestReliableMessagesAreBounded(t *testing.T) {
	n := halted(t, Config{})
	l := &n.loop
	to := netip.MustParseAddrPort("10.0.0.2:7946")
	l.sends.bytes = sendingBytes - 1
	if _, err := l.sends.begin(l.core, 0, to, []byte("xx"), l.out); !errors.Is(err, ErrBusy) {
		t.Errorf("one byte too many: %v", err)
	}
	op, err := l.sends.begin(l.core, 0, to, []byte("x"), l.out)
	if err != nil || l.sends.bytes != sendingBytes {
		t.Errorf("the last byte: %v, %d bytes under way", err, l.sends.bytes)
	}
	l.core.Stream(0, swim.StreamIn{ID: l.out.Streams[0].ID, Kind: swim.StreamSent}, l.out)
	n.handle(0, l.out)
	if l.sends.bytes != sendingBytes-1 || len(l.sends.sizes) > 0 {
		t.Errorf("after the end of %d: %d bytes under way, %v", op, l.sends.bytes, l.sends.sizes)
	}
}

// A message that fitted before there was encryption.
func TestMessagesThatFitNoMoreAreCounted(t *testing.T) {
	n := halted(t, Config{})
	to := netip.MustParseAddrPort("10.0.0.2:7946")
	if err := n.Send(to, make([]byte, n.MaxMessage())); err != nil {
		t.Fatal(err)
	}
	ring, err := ringOf([][]byte{make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	sealer := *n.seal.now
	sealer.Keys = ring
	n.loop.core.SetSealer(&sealer)
	n.endTurn(0)
	if got := n.outbox.dropped.Load(); got != 1 || len(n.loop.out.Packets) > 0 {
		t.Errorf("%d dropped, %d packets", got, len(n.loop.out.Packets))
	}
}

// hanging is a log that takes no more lines.
type hanging struct {
	slog.Handler
	free chan struct{}
}

func (hanging) Enabled(context.Context, slog.Level) bool { return true }

func (h hanging) Handle(context.Context, slog.Record) error {
	<-h.free
	return nil
}

// A program may run many nodes, and most of them never write more than a few lines.
func TestAnIdleLogIsSmall(t *testing.T) {
	l := newLogger(slog.New(slog.DiscardHandler))
	defer l.close()
	if size := cap(l.lines) * int(reflect.TypeOf(l.lines).Elem().Size()); size > 8<<10 {
		t.Errorf("%d bytes for lines that wait, want at most 8 kB", size)
	}
}

func TestLinesOfTheLogAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hanging{slog.DiscardHandler, make(chan struct{})}
		l := newLogger(slog.New(h))
		l.warn("the first, which it is writing")
		synctest.Wait()
		for range logQueue + 5 {
			l.warn("x")
		}
		if l.lost != 5 {
			t.Errorf("%d lines lost, want 5", l.lost)
		}
		close(h.free)
		l.close()
	})
}

// What repeats is counted, and the count is written.
func TestRepeatsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		l := newLogger(slog.New(collecting{slog.DiscardHandler, &lines}))
		for range 10 {
			l.dropped("message", netip.AddrPort{})
		}
		time.Sleep(time.Minute)
		l.close()
		want := "Dropped a message from invalid AddrPort: too many wait for the program"
		if len(lines) != 2 || lines[0] != want || lines[1] != want+" (9 times more in 30s)" {
			t.Errorf("%q", lines)
		}
	})
}

// Streams of another cluster go on until somebody acts: as with its packets, that is said once a
// minute.
func TestForeignStreamsAreCountedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		l := newLogger(slog.New(collecting{slog.DiscardHandler, &lines}))
		for range 179 {
			l.problem(driver.Problem{Kind: driver.StreamDropped, Err: wire.ErrLabel})
			time.Sleep(time.Second)
		}
		l.close()
		if len(lines) != 3 || !strings.HasSuffix(lines[2], " times more in 1m0s)") {
			t.Errorf("%q", lines)
		}
	})
}

type collecting struct {
	slog.Handler
	lines *[]string
}

func (collecting) Enabled(context.Context, slog.Level) bool { return true }

func (c collecting) Handle(_ context.Context, r slog.Record) error {
	*c.lines = append(*c.lines, r.Message)
	return nil
}
