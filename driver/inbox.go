package driver

import (
	"context"
	"slices"
	"sync"

	"serf/swim"
)

// input is what another goroutine has for the loop: one of do, look and stream.
type input struct {
	do     func(now swim.Time, out *swim.Output)
	look   func()
	stream *streamInput
	done   chan struct{} // closed when the loop has dealt with it
}

// inbox holds the inputs that wait for the loop. Whoever puts one in waits for it, so there are no
// more than goroutines.
type inbox struct {
	mu     sync.Mutex
	inputs []*input // in the order in which they came
	gated  []*input // those that wait until the layer is ready
}

// queue is one of the two.
func (b *inbox) queue(gated bool) *[]*input {
	if gated {
		return &b.gated
	}
	return &b.inputs
}

func (b *inbox) put(in *input, gated bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queue(gated)
	*q = append(*q, in)
}

// take removes the first input of a queue; nil if it is empty.
func (b *inbox) take(gated bool) *input {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queue(gated)
	if len(*q) == 0 {
		return nil
	}
	in := (*q)[0]
	*q = slices.Delete(*q, 0, 1)
	return in
}

// withdraw removes an input; it reports false if the loop has taken it.
func (b *inbox) withdraw(in *input, gated bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queue(gated)
	i := slices.Index(*q, in)
	if i < 0 {
		return false
	}
	*q = slices.Delete(*q, i, i+1)
	return true
}

// empty reports whether nothing waits, of what the layer is ready for.
func (b *inbox) empty(ready bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.inputs) == 0 && (!ready || len(b.gated) == 0)
}

// hand gives an input to the loop and waits until it has been dealt with. If ctx ends before the
// loop takes it, or the driver is to stop, it never will be.
func (d *Driver) hand(ctx context.Context, in input, gated bool) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	in.done = make(chan struct{})
	d.inbox.put(&in, gated)
	d.waiter.wake()
	select {
	case <-in.done:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-d.ctx.Done():
		err = ErrStopped
	}
	if d.inbox.withdraw(&in, gated) {
		return err
	}
	// The loop has it and deals with it in this turn, so it is all that there is to wait for.
	<-in.done
	return nil
}
