package membership

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"serf/internal/std"
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
	items   ring[item]
	bytes   int
	put     uint64 // items so far, and how many of them the function has returned from
	done    uint64
	dropped uint64
	closed  bool
	wake    chan struct{} // capacity 1

	progress progress // with done
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
	if b.items.n >= b.limit || b.bytes+size > inboxBytes && b.items.n > 0 {
		b.dropped++
		return false
	}
	slot := b.items.push()
	x.data = append(slot.data[:0], x.data...)
	for _, p := range more {
		x.data = append(x.data, p...)
	}
	*slot = x
	b.put++
	b.bytes += size
	std.Wake(b.wake)
	return true
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
	if b.closed || b.items.n == 0 {
		return nil, !b.closed
	}
	return b.items.first(), true
}

// finish frees the place of the first item.
func (b *inbox) finish(size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if x := b.items.first(); cap(x.data) > inboxKeepBytes {
		x.data = nil
	}
	b.items.drop(inboxKeep)
	b.done++
	b.bytes -= size
	b.progress.advance(b.done)
}

// flush waits until the function has returned from all that is in now, or ctx ends.
func (b *inbox) flush(ctx context.Context) {
	if b == nil {
		return
	}
	b.mu.Lock()
	until := b.put
	b.mu.Unlock()
	b.progress.wait(ctx, until)
}

// close ends run: the function isn't called again.
func (b *inbox) close() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.progress.close()
	std.Wake(b.wake)
}
