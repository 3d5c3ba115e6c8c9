package memnet_test

import (
	"fmt"
	"net/netip"
	"time"

	"serf/driver"
	"serf/driver/memnet"
	"serf/swim"
	"serf/wire"
)

// heartbeat is a machine: it sends its peer a packet each interval, and misses the peer's after
// three.
type heartbeat struct {
	peer     netip.AddrPort
	interval time.Duration
	next     swim.Time // when to send
	last     swim.Time // when the peer was heard
	there    bool
}

// Events of a heartbeat.
const (
	peerCame = swim.EventAbove + iota
	peerGone
)

func (h *heartbeat) Packet(now swim.Time, _ netip.AddrPort, _ []byte, out *swim.Output) {
	if h.last = now; !h.there {
		h.there = true
		out.Events = append(out.Events, swim.Event{Kind: peerCame})
	}
}

func (h *heartbeat) Tick(now swim.Time, out *swim.Output) {
	if now < h.next {
		return
	}
	h.next = now.Add(h.interval)
	out.Packets = append(out.Packets, swim.Packet{To: h.peer, Data: []byte("beat")})
	if h.there && now.Sub(h.last) >= 3*h.interval {
		h.there = false
		out.Events = append(out.Events, swim.Event{Kind: peerGone})
	}
}

func (h *heartbeat) Deadline() swim.Time                           { return h.next }
func (h *heartbeat) Stream(swim.Time, swim.StreamIn, *swim.Output) {}
func (h *heartbeat) Sealer() *wire.Sealer                          { return nil }

func addrOf(host byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, host}), 7946)
}

// begin runs a heartbeat on one host of a network, and calls told with its events.
func begin(network *memnet.Network, self, peer netip.AddrPort, told func(swim.EventKind)) (*driver.Driver, error) {
	d, err := driver.Listen(driver.Config{Network: network.Host(self.Addr()), Bind: self})
	if err != nil {
		return nil, err
	}
	h := &heartbeat{peer: peer, interval: time.Second}
	d.Start(h, driver.Layer{Handle: func(_ swim.Time, out *swim.Output) {
		for _, e := range out.Events {
			told(e.Kind)
		}
	}}, new(swim.Output))
	return d, nil
}

// A machine of one's own on two hosts in memory. The tests run it in a bubble of testing/synctest,
// too, where an hour takes no time.
func Example() {
	network := memnet.New(memnet.Config{Link: memnet.Link{Delay: time.Millisecond}})
	came := make(chan swim.EventKind, 1)
	a, err := begin(network, addrOf(1), addrOf(2), func(kind swim.EventKind) { came <- kind })
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	b, err := begin(network, addrOf(2), addrOf(1), func(swim.EventKind) {})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	fmt.Println(<-came == peerCame)
	// Output: true
}
