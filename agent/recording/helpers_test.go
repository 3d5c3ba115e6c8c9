package recording

import (
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
	"serf/wire"
)

// lines is a Logger that keeps what it gets.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, format+"\n", args...)
}

func (l *lines) Infof(_, format string, args ...any)  { l.add(format, args...) }
func (l *lines) Warnf(_, format string, args ...any)  { l.add(format, args...) }
func (l *lines) Errorf(_, format string, args ...any) { l.add(format, args...) }

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// subject is a node that is recorded, and its clock.
type subject struct {
	*Node
	t    testing.TB
	now  swim.Time
	out  swim.Output
	past history.Log
	log  lines
	dir  string
	wall time.Time // of the host's clock at the node's time 0
}

var (
	addrA = netip.MustParseAddrPort("10.0.0.1:7946")
	addrB = netip.MustParseAddrPort("10.0.0.2:7946")
)

func key(i byte) []byte {
	k := make([]byte, 32)
	for n := range k {
		k[n] = i + byte(n)
	}
	return k
}

func nodeConfig(name string, addr netip.AddrPort) serf.Config {
	c := serf.DefaultConfig(swim.LAN())
	c.Name, c.Addr, c.Seed = name, addr, 7
	return c
}

// encrypted adds keys to a configuration.
func encrypted(c *serf.Config, keys ...[]byte) {
	ring, err := wire.NewKeyring(keys[0], keys[1:]...)
	if err != nil {
		panic(err)
	}
	c.Sealer = &wire.Sealer{Keys: ring, EncryptVersion: 1, Nonce: func(b []byte) { clear(b) }}
}

// begin records a node.
func begin(t testing.TB, c Config, node serf.Config, create func(string) (io.WriteCloser, error)) *subject {
	t.Helper()
	s := &subject{t: t, now: 1, wall: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	if c.Dir == "" {
		c.Dir = filepath.Join(t.TempDir(), "record")
	}
	s.dir = c.Dir
	clock := func(now swim.Time) time.Time { return s.wall.Add(time.Duration(now)) }
	r, err := open(c, clock, &s.log, create)
	if err != nil {
		t.Fatal(err)
	}
	if s.Node, err = NewNode(s.now, node, &s.past, r, &s.out); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	return s
}

// end ends the recording, if it hasn't ended.
func (s *subject) end() {
	if s.Node != nil {
		s.Close()
		s.Node = nil
	}
}

// run lets time pass, with all turns that are due.
func (s *subject) run(d time.Duration) {
	for end := s.now.Add(d); ; {
		next := min(s.Deadline(), s.WriteDeadline())
		if next > end {
			s.now = end
			return
		}
		s.now = max(s.now, next)
		if s.Deadline() <= s.now {
			s.Tick(s.now, &s.out)
		}
		s.turn()
	}
}

func (s *subject) turn() {
	s.EndTurn(s.now)
	s.out.Reset()
}

// wait waits until the disk has all.
func (s *subject) wait() { s.rec.wait(10 * time.Second) }

// ping gives the node a ping of another member.
func (s *subject) ping(seq uint32) { s.Packet(s.now, addrB, s.packet(seq), &s.out) }

// packet is a ping of another member.
func (s *subject) packet(seq uint32) []byte {
	m := wire.Ping{Seq: seq, Node: []byte("a"), SourceAddr: addrB.Addr().AsSlice(), SourcePort: addrB.Port(), SourceNode: []byte("b")}
	sealer := s.Sealer()
	if sealer != nil { // its nonces are the node's
		other := *sealer
		other.PacketNonce = nil
		sealer = &other
	}
	return sealer.SealPacket(nil, m.Append(nil), true, new(wire.Scratch))
}

// entries reads all entries of a directory.
func entries(t *testing.T, dir string, keys ...[]byte) (list []*Entry, ends []End) {
	t.Helper()
	known := Keys{}
	known.Add(keys...)
	r, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Segments {
		reader, err := s.Open(known)
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range reader.Entries() {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, e)
		}
		ends = append(ends, reader.End)
	}
	return list, ends
}
