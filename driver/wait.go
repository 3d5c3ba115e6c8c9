package driver

import (
	"net/netip"
	"sync"
	"time"

	"serf/internal/std"
	"serf/swim"
)

// waiter is where packets come from, and how the loop waits for them. wake is for all goroutines,
// the rest for the loop.
type waiter interface {
	// start is called once, before anything else.
	start()
	// wait returns when there may be a packet, at that time, or once wake was called since the
	// last wait.
	wait(now, until swim.Time)
	// next returns a packet that has arrived, which is valid until the next call. ok is false if
	// there is none.
	next() (from netip.AddrPort, data []byte, ok bool)
	wake()
}

// queued reads packets by a goroutine of its own, as any PacketConn can be read.
type queued struct {
	d       *Driver
	packets chan *datagram // capacity packetQueue; the reader waits, the kernel drops
	woken   chan struct{}  // capacity 1
	timer   *time.Timer
	first   *datagram // came while the loop waited
	last    *datagram // the loop's, until the next call
}

// datagram is one received packet.
type datagram struct {
	from netip.AddrPort
	data []byte
}

var datagrams = sync.Pool{New: func() any {
	return &datagram{data: make([]byte, 0, datagramUsual)}
}}

// recycle returns p to the pool unless it grew.
func (p *datagram) recycle() {
	if p != nil && cap(p.data) == datagramUsual {
		datagrams.Put(p)
	}
}

func newQueued(d *Driver) *queued {
	return &queued{d: d, packets: make(chan *datagram, packetQueue), woken: make(chan struct{}, 1)}
}

func (q *queued) start() {
	q.timer = time.NewTimer(0)
	q.d.workers.Go(q.read)
}

func (q *queued) wait(now, until swim.Time) {
	if q.timer.Stop(); until != swim.Never {
		q.timer.Reset(until.Sub(now))
	}
	select {
	case q.first = <-q.packets:
	case <-q.woken:
	case <-q.timer.C:
	}
}

func (q *queued) next() (from netip.AddrPort, data []byte, ok bool) {
	q.last.recycle()
	q.last, q.first = q.first, nil
	if q.last == nil {
		select {
		case q.last = <-q.packets:
		default:
			return from, nil, false
		}
	}
	return q.last.from, q.last.data, true
}

func (q *queued) wake() { std.Wake(q.woken) }

// read is the goroutine that reads the packets.
func (q *queued) read() {
	b := make([]byte, datagramMax)
	for {
		n, from, err := q.d.udp.ReadFrom(b)
		if err != nil {
			if !q.d.retryRead(ReadFailed, err) {
				return
			}
			continue
		}
		p := datagrams.Get().(*datagram)
		p.from, p.data = from, append(p.data[:0], b[:n]...)
		select {
		case q.packets <- p:
		case <-q.d.ctx.Done():
			return
		}
	}
}
