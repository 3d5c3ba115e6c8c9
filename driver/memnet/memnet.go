// Package memnet is a network in memory, for tests of programs that run machines, agents or
// members: no port is opened, nothing leaves the process, and any number of hosts have any
// addresses.
//
// It works inside the bubbles of testing/synctest, where time is virtual: a test that waits for
// members to notice a crash takes milliseconds. Make the network within the bubble.
//
//	synctest.Test(t, func(t *testing.T) {
//		net := memnet.New(memnet.Config{})
//		host := netip.MustParseAddr("10.0.0.1")
//		d, err := driver.Listen(driver.Config{Network: net.Host(host), Bind: netip.AddrPortFrom(host, 7946)})
//		...
//	})
//
// Packets and streams are subject to the [Link] between two hosts, which may be changed at any
// time. What becomes of the packets of one link is a function of the seed and of their order; Go's
// scheduler decides which of several goroutines that are ready sends first.
package memnet

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Limits of the network.
const (
	// PacketMax is the largest packet that UDP over IPv4 can carry, in bytes.
	PacketMax = 65507
	// queueMax is how many packets may be under way to a socket, or wait there to be read; further
	// ones are lost, as in a kernel's buffer.
	queueMax = 1024
	// backlogMax is how many streams may wait to be accepted; whoever dials further ones waits.
	backlogMax = 128
)

// Config configures a network. The zero value loses and delays nothing.
type Config struct {
	// Link is that between hosts that SetLink wasn't called for.
	Link Link
	// Seed of the random numbers behind loss and jitter.
	Seed uint64
	// PacketMax is the size of the largest packet that can be sent: 0 means the constant PacketMax.
	PacketMax int
	// Silent has dialling wait until it times out where nothing listens, as behind a firewall.
	// Otherwise it is refused at once.
	Silent bool
}

// Link is what happens to everything that one host sends to another. The other direction has a link
// of its own.
type Link struct {
	// Delay is how long packets, and pieces of streams, are under way.
	Delay time.Duration
	// Jitter is what packets take longer, at random up to this: they may overtake one another.
	Jitter time.Duration
	// Loss is the share of packets that get lost, 0 to 1. Streams don't lose anything.
	Loss float64
	// Cut lets nothing through: packets get lost, and streams wait until the link is back, or their
	// deadline.
	Cut bool
}

// Network connects hosts. Its methods may be called by any goroutine.
type Network struct {
	conf Config

	mu       sync.Mutex
	hosts    map[netip.AddrPort]*socket
	links    map[pair]*link
	isolated map[netip.Addr]bool
	changed  chan struct{} // closed, and replaced, when a link has changed
	ports    uint16        // the last one taken for port 0 and for who dials
	lost     uint64
}

// pair is a direction.
type pair struct{ from, to netip.Addr }

// link is a Link with its random numbers.
type link struct {
	Link
	rng *rand.Rand
}

// New makes a network.
func New(c Config) *Network {
	if c.PacketMax == 0 {
		c.PacketMax = PacketMax
	}
	return &Network{
		conf: c, hosts: make(map[netip.AddrPort]*socket), links: make(map[pair]*link),
		isolated: make(map[netip.Addr]bool), changed: make(chan struct{}), ports: firstPort,
	}
}

// SetLink sets what happens on the way from one host to another from now on; what is under way
// arrives as before.
func (n *Network) SetLink(from, to netip.Addr, l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.link(from, to).Link = l
	n.notify()
}

// SetLinks sets both directions between two hosts.
func (n *Network) SetLinks(a, b netip.Addr, l Link) {
	n.SetLink(a, b, l)
	n.SetLink(b, a, l)
}

// Isolate cuts all links of a host, or ends that: then each is what it was. What a host sends to
// itself still arrives.
func (n *Network) Isolate(host netip.Addr, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isolated[host] = cut
	n.notify()
}

// Lost is how many packets were lost so far: by links, where nothing listens, and because too many
// were waiting to be read.
func (n *Network) Lost() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}

// notify wakes the streams that wait for a link. n.mu is held.
func (n *Network) notify() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// link returns a direction; n.mu is held. Each has a source of random numbers, so that what one
// loses doesn't depend on the others.
func (n *Network) link(from, to netip.Addr) *link {
	key := pair{from, to}
	l := n.links[key]
	if l == nil {
		l = &link{Link: n.conf.Link, rng: newRNG(n.conf.Seed, from, to)}
		n.links[key] = l
	}
	return l
}

func newRNG(seed uint64, from, to netip.Addr) *rand.Rand {
	var key [32]byte
	a, b := from.As16(), to.As16()
	copy(key[:16], a[:])
	copy(key[16:], b[:])
	for i := range 8 {
		key[i] ^= byte(seed >> (8 * i))
	}
	return rand.New(rand.NewChaCha8(key))
}

// cut tells whether nothing gets from one host to another; n.mu is held.
func (n *Network) cut(from, to netip.Addr) bool {
	return from != to && (n.isolated[from] || n.isolated[to] || n.link(from, to).Cut)
}

// send sends a packet, which is borrowed.
func (n *Network) send(from, to netip.AddrPort, p []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, l := n.hosts[to], n.link(from.Addr(), to.Addr())
	// Always both, so that a change of the one doesn't change what the other draws.
	loss, jitter := l.rng.Float64(), l.rng.Float64()
	if s == nil || n.cut(from.Addr(), to.Addr()) || loss < l.Loss {
		n.lost++
		return
	}
	delay := l.Delay + time.Duration(jitter*float64(l.Jitter))
	if !s.offer(packet{from: from, data: append([]byte(nil), p...), at: time.Now().Add(delay)}) {
		n.lost++
	}
}
