package membership

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// Limits of what waits for the functions of Config that report.
const (
	// messageQueueDefault is Config.MessageQueue if it isn't set: with packets of the usual size,
	// 1.4 MB.
	messageQueueDefault = 1024
	// inboxBytes bounds it in bytes: two of the largest messages by stream.
	inboxBytes = 48 << 20
	// inboxKeep is for how many messages an empty inbox keeps memory, and inboxKeepBytes how large
	// each may be.
	inboxKeep      = 64
	inboxKeepBytes = 4096
)

// item is something that came from another member.
type item struct {
	from netip.AddrPort
	join bool          // of a state
	ack  bool          // name answered a probe after rtt, and data is the payload
	name string        // of an ack
	rtt  time.Duration // of an ack
	data []byte        // its memory is used again

	after *inbox // what follows waits until that one is done with what it has
	seen  uint64 // events that came before
}

// inbox has what waits for a function of Config. A goroutine calls it.
type inbox struct {
	call  func(*item)
	limit int

	mu      sync.Mutex
	items   []item // a ring
	head, n int
	bytes   int
	put     uint64 // items so far, and how many of them the function has returned from
	done    uint64
	waiters []waiter
	dropped uint64
	closed  bool
	wake    chan struct{} // capacity 1
}

// waiter waits until the function has returned from so many items.
type waiter struct {
	until uint64
	ready chan struct{}
}

func newInbox(limit int, call func(*item)) *inbox {
	return &inbox{call: call, limit: limit, wake: make(chan struct{}, 1)}
}

// add puts a copy of x in, or drops it if there is no room. A nil inbox drops all.
func (b *inbox) add(x item, more [][]byte) (ok bool) {
	if b == nil {
		return true
	}
	size := len(x.data)
	for _, p := range more {
		size += len(p)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return true
	}
	if b.n >= b.limit || b.bytes+size > inboxBytes && b.n > 0 {
		b.dropped++
		return false
	}
	slot := b.slot()
	x.data = append(slot.data[:0], x.data...)
	for _, p := range more {
		x.data = append(x.data, p...)
	}
	*slot = x
	b.n++
	b.put++
	b.bytes += size
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}

// slot returns the next free one.
func (b *inbox) slot() *item {
	if b.n == len(b.items) {
		ring := make([]item, max(2*len(b.items), 8))
		for i := range b.n {
			ring[i] = b.items[(b.head+i)%len(b.items)]
		}
		b.items, b.head = ring, 0
	}
	return &b.items[(b.head+b.n)%len(b.items)]
}

// run calls the function until the inbox is closed.
func (b *inbox) run() {
	for {
		x, open := b.first()
		switch {
		case !open:
			return
		case x == nil:
			<-b.wake
		default:
			b.call(x)
			b.finish(len(x.data))
		}
	}
}

// first returns the first item, which keeps its place: nobody else gets its memory.
func (b *inbox) first() (x *item, open bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.n == 0 {
		return nil, !b.closed
	}
	return &b.items[b.head], true
}

// finish frees the place of the first item.
func (b *inbox) finish(size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cap(b.items[b.head].data) > inboxKeepBytes {
		b.items[b.head].data = nil
	}
	b.head = (b.head + 1) % len(b.items)
	b.n--
	b.done++
	b.bytes -= size
	if b.n == 0 && len(b.items) > inboxKeep {
		b.items, b.head = nil, 0
	}
	b.release()
}

// release tells the waiters whose time has come; b.mu is held.
func (b *inbox) release() {
	for len(b.waiters) > 0 && (b.closed || b.waiters[0].until <= b.done) {
		close(b.waiters[0].ready)
		b.waiters = b.waiters[1:]
	}
}

// flush waits until the function has returned from all that is in now, or ctx ends.
func (b *inbox) flush(ctx context.Context) {
	if b == nil {
		return
	}
	b.mu.Lock()
	w := waiter{until: b.put, ready: make(chan struct{})}
	b.waiters = append(b.waiters, w)
	b.release()
	b.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
	}
}

// close ends run: the function isn't called again.
func (b *inbox) close() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.release()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}
