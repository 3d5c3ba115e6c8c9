package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver"
	"serf/driver/memnet"
	"serf/internal/errno"
	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// Limits of the driver.
const (
	streamsMax   = 128
	streamBudget = 56 << 20 // bytes, of all streams together
	streamFree   = 64 << 10 // and of each
)

// mute is a network on which no packet can be sent.
type mute struct{ driver.Network }

type muteConn struct{ driver.PacketConn }

func (n mute) Listen(bind netip.AddrPort) (driver.PacketConn, driver.StreamListener, error) {
	packets, streams, err := n.Network.Listen(bind)
	return muteConn{packets}, streams, err
}

func (muteConn) WriteTo([]byte, netip.AddrPort) error { return errors.New("operation not permitted") }

// loopback is where the tests with real sockets listen; the port is any free one.
var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func osConfig(name string, bind netip.AddrPort) Config {
	c := Config{Timing: Local(), Bind: bind, Logger: silent}
	c.Name = name
	return c
}

func TestTakenPortIsNamed(t *testing.T) {
	a := begin(t, osConfig("a", loopback))
	_, err := Start(background, osConfig("b", a.Addr()))
	if !errors.Is(err, errno.AddrInUse) {
		t.Fatalf("got %v, want %v", err, errno.AddrInUse)
	}
	want := "bind " + a.Addr().String() + ": address already in use: another agent may be running there; stop it or choose another with Config.Bind"
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestPortTakenOnUDPAloneIsNamed(t *testing.T) {
	// The system keeps ports of ended connections for a minute: take one that TCP can have.
	udp, tcp, err := driver.System().Listen(loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp.Close()
	taken := udp.LocalAddr()
	if _, err := Start(background, osConfig("a", taken)); err == nil || !strings.Contains(err.Error(), taken.String()) {
		t.Fatalf("got %v, want an error that names %v", err, taken)
	}
	tcp, err = net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(taken))
	if err != nil {
		t.Fatal("the TCP port is still held after the failed start:", err)
	}
	tcp.Close()
}

func TestForeignAddressIsNamed(t *testing.T) {
	foreign := netip.MustParseAddrPort("192.0.2.1:7946") // reserved for documentation
	_, err := Start(background, osConfig("a", foreign))
	if !errors.Is(err, errno.NoAddr) || !strings.Contains(err.Error(), "192.0.2.1:7946") {
		t.Errorf("got %v, want that no interface has 192.0.2.1", err)
	}
}

func TestFailedStartReleasesAll(t *testing.T) {
	c := osConfig("a", loopback)
	c.Name = strings.Repeat("x", swim.NameMax+1)
	c.KeyringChanged = func([][]byte) error { return nil }
	if _, err := Start(background, c); err == nil {
		t.Fatal("a name that is too long was taken")
	} // TestMain sees what is left
}

func TestCloseFreesThePort(t *testing.T) {
	a := begin(t, osConfig("a", loopback))
	addr := a.Addr()
	for range sized(20, 1000) {
		a.Close()
		b, err := Start(background, osConfig("a", addr))
		if err != nil {
			t.Fatal("the port isn't free when Close has returned:", err)
		}
		a = b
	}
	a.Close()
}

func TestRealSocketsCarryACluster(t *testing.T) {
	a, b := begin(t, osConfig("a", loopback)), begin(t, osConfig("b", loopback))
	mustJoin(t, b, a)
	wantMembers(t, a, 2)
	s := a.Subscribe(8, nil)
	if err := b.UserEvent(background, "deploy", nil, false); err != nil {
		t.Fatal(err)
	}
	if e := wantEvent(t, s, "the event crosses by packet"); e.String() != "user-event: deploy" {
		t.Errorf("got %v, want deploy", e)
	}
}

func TestIPv6(t *testing.T) {
	six := netip.MustParseAddrPort("[::1]:0")
	c, err := net.ListenUDP("udp6", net.UDPAddrFromAddrPort(six))
	if err != nil {
		t.Skip("this system has no IPv6:", err)
	}
	c.Close()
	a, b := begin(t, osConfig("a", six)), begin(t, osConfig("b", six))
	mustJoin(t, b, a)
	wantMembers(t, a, 2)
}

// ping pings the agent over c and reports whether the right ack comes back.
func ping(t *testing.T, c net.Conn, seq uint32) {
	t.Helper()
	m := wire.Ping{Seq: seq, Node: []byte("a")}
	if _, err := c.Write(m.Append(nil)); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 1500)
	for {
		n, err := c.Read(b)
		if err != nil {
			t.Fatalf("no ack of ping %d: %v", seq, err)
		}
		msgs, err := (*wire.Sealer)(nil).OpenPacket(b[:n], new(wire.Scratch), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, msg := range msgs {
			if ack, err := wire.ParseAck(msg[1:]); wire.Type(msg[0]) == wire.TypeAck && err == nil && ack.Seq == seq {
				return
			}
		}
	}
}

func TestGarbageIsCountedAndTheAgentAnswers(t *testing.T) {
	var out syncBuffer
	conf := osConfig("a", loopback)
	conf.Logger = NewLog(&out, slog.LevelDebug)
	a := begin(t, conf)
	c, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(loopback), net.UDPAddrFromAddrPort(a.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := rand.New(rand.NewPCG(1, 2))
	seeds := garbageSeeds()
	b := make([]byte, 0, 1400)
	const packets = 20000
	for i := range packets {
		b = garbage(r, seeds, b[:0])
		c.Write(b)
		if i%100 == 99 {
			ping(t, c, uint32(i)) // so that the kernel's buffer doesn't drop what it is about
		}
	}
	counts, _, ok := a.Counters()
	if !ok || counts.PacketsIn < packets {
		t.Fatalf("%d packets came in, want all %d", counts.PacketsIn, packets)
	}
	if dropped := counts.DroppedPackets + counts.DroppedMessages; dropped < packets/2 {
		t.Errorf("%d counted as dropped, want most of %d", dropped, packets)
	}
	a.Close()
	got := written(conf.Logger.(*Log), &out)
	if lines := strings.Count(got, "\n"); lines > 300 {
		t.Errorf("%d lines in the log, want repeated conditions told once:\n%.2000s", lines, got)
	}
}

// Both layers count, log and show what they drop in the same way.
func TestDroppedMessagesAreCountedLoggedAndShown(t *testing.T) {
	user := byte(wire.TypeUser)
	for _, test := range []struct {
		message    []byte
		want       string // of the line in the log
		membership uint64 // dropped there, otherwise in Serf above it
	}{
		{[]byte{99}, "memberlist: Dropped a message of type 99 from %s: unknown type", 1},
		{[]byte{byte(wire.TypeAlive), 0xff}, "memberlist: Dropped a message of type 4 from %s: malformed", 1},
		{[]byte{user, byte(wire.SerfKeyAnswer)}, "serf: Dropped a message of type 8 from %s: unknown type", 0},
		{[]byte{user, 99}, "serf: Dropped a message of type 99 from %s: unknown type", 0},
		{[]byte{user}, "serf: Dropped a message of type -1 from %s: empty or too large", 0},
	} {
		var out syncBuffer
		conf := osConfig("a", loopback)
		conf.Logger = NewLog(&out, slog.LevelDebug)
		a := begin(t, conf)
		c, err := net.Dial("udp4", a.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write(test.message)
		ping(t, c, 1) // now the message has been read
		below, above, _ := a.Counters()
		if below.DroppedMessages != test.membership || above.BadMessages != 1-test.membership {
			t.Errorf("%v: %d and %d counted", test.message, below.DroppedMessages, above.BadMessages)
		}
		if got := a.Stats()["dropped"]["messages"]; got != "1" {
			t.Errorf("%v: %s shown, want 1", test.message, got)
		}
		a.Close()
		got, want := written(conf.Logger.(*Log), &out), fmt.Sprintf(test.want, c.LocalAddr())
		if strings.Count(got, want) != 1 {
			t.Errorf("%v: the log has not once %q:\n%s", test.message, want, got)
		}
	}
}

// garbageSeeds are valid messages, to be damaged.
func garbageSeeds() [][]byte {
	ping := wire.Ping{Seq: 7, Node: []byte("other")}
	alive := wire.Alive{Inc: 1, Node: []byte("x"), Addr: []byte{127, 0, 0, 1}, Port: 1, Vsn: []byte{1, 5, 2, 2, 5, 5}}
	return [][]byte{ping.Append(nil), alive.Append(nil), {byte(wire.TypeCompound), 255}, {byte(wire.TypeCompress), 0x82}, {byte(wire.TypeLabel), 9}}
}

// garbage appends random bytes, or a damaged message.
func garbage(r *rand.Rand, seeds [][]byte, b []byte) []byte {
	if r.IntN(4) == 0 {
		seed := seeds[r.IntN(len(seeds))]
		b = append(b, seed...)
		b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
		return b[:1+r.IntN(len(b))]
	}
	for range 1 + r.IntN(200) {
		b = append(b, byte(r.Uint32()))
	}
	return b
}

// Many push/pulls of the maximum size at once: the memory that they share is bounded, and the agent
// still answers (F1 in docs/failures.md).
func TestWholeStatesAtOnce(t *testing.T) {
	a := begin(t, osConfig("a", loopback))
	runtime.GC()
	before := heapNow()
	piece := make([]byte, 64<<10)
	head := wire.PushPullHeader{UserStateLen: wire.UserStateMax - len(piece)}    // with its header it is a block
	streams, pieces := sized(32, 128), sized(80, head.UserStateLen/len(piece)-1) // never whole: it would be taken in, and be over
	var senders sync.WaitGroup
	for range streams {
		c, err := net.Dial("tcp4", a.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		senders.Go(func() {
			if _, err := c.Write(head.Append(nil)); err != nil {
				return
			}
			for range pieces {
				if _, err := c.Write(piece); err != nil {
					return // beyond the budget it is hung up on
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		senders.Wait()
		close(done)
	}()
	peak := before
	udp, err := net.Dial("udp4", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for seq := uint32(1); ; seq++ {
		peak = max(peak, heapNow())
		ping(t, udp, seq)
		select {
		case <-done:
			runtime.GC() // how much garbage there was on the way is up to the collector
			runtime.GC() // and pools, also those of the standard library, let go at the second time
			live := heapNow() - before
			t.Logf("%d streams of %d KiB: heap grew by %d MiB, and by %d MiB at most, garbage included",
				streams, pieces*len(piece)>>10, live>>20, (peak-before)>>20)
			const rest = 4 << 20 // connections, and the agent's own
			if budget := streamBudget + int64(streams)*streamFree; live > budget+rest {
				t.Errorf("heap grew by %d MiB, the budget is %d MiB", live>>20, budget>>20)
			}
			return
		default:
		}
	}
}

func heapNow() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Streams that announce the largest states and send a part of them cost no more than what they
// sent.
func TestHostileStreamsCostLittle(t *testing.T) {
	a := begin(t, osConfig("a", loopback))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	head := wire.PushPullHeader{Nodes: 1 << 20, UserStateLen: 20 << 20}
	msg := head.Append(nil)
	for range streamsMax {
		c, err := net.Dial("tcp4", a.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write(msg)
	}
	encrypted := binary.BigEndian.AppendUint32([]byte{byte(wire.TypeEncrypt)}, 1<<31)
	udp, err := net.Dial("udp4", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	udp.Write(encrypted)
	ping(t, udp, 2)
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("heap grew by %d MiB for headers alone", grown>>20)
	}
}

func TestStreamPingIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNetwork()
		a := begin(t, memConfig(n, "a", 1))
		c, err := n.Host(hostAddr(7).Addr()).Dial(background, netip.Addr{}, a.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
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

// Messages that are too large for the system's packets, but not for the configured size, go by
// stream.
func TestMessageBeyondTheSystemsPacketsArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(memnet.Config{PacketMax: 9216}) // that of macOS
		var agents []*Agent
		for i := range 2 {
			c := memConfig(n, string(rune('a'+i)), i+1)
			c.PacketMax, c.QueryResponseSizeMax = 60_000, 60_000
			agents = append(agents, begin(t, c))
		}
		mustJoin(t, agents[1], agents[0])
		s := agents[1].Subscribe(1, func(e Event) bool { _, ok := e.(QueryEvent); return ok })
		answer := strings.Repeat("x", 20_000)
		go func() {
			if err := agents[1].Respond(background, (<-s.C).(QueryEvent).ID, []byte(answer)); err != nil {
				t.Error(err)
			}
		}()
		got, _ := ask(t, agents[0], serf.QueryParams{Name: "all", Timeout: 5 * time.Second})
		if !slices.Equal(got, []string{"response b " + answer}) {
			t.Errorf("%d answers, want one of %d bytes", len(got), len(answer))
		}
	})
}
