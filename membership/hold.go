package membership

import (
	"bytes"
	"context"
	"net/netip"

	"serf/swim"
)

// A member that is joined may gossip its messages to the joiner before its answer, by stream, has
// arrived. A program wants to have seen the state of that exchange first: Serf's tells which events
// are old. So messages of one that is being joined wait until the join has ended and OnState has
// returned.

// Limits of the messages that wait. Those that come beyond them don't.
const (
	heldMax   = 256     // for one join
	heldBytes = 4 << 20 // for all joins: 3,000 packets of the usual size
)

// holds are the joins that run, owned by the loop.
type holds struct {
	joins map[swim.OpID]netip.AddrPort
	held  map[netip.AddrPort]*held
	bytes int // of all messages held
}

// held is what one being joined has sent meanwhile.
type held struct {
	joins    int // that run
	messages []item
}

// begin notes that a join of addr has begun.
func (h *holds) begin(op swim.OpID, addr netip.AddrPort) {
	if h.joins == nil {
		h.joins, h.held = make(map[swim.OpID]netip.AddrPort), make(map[netip.AddrPort]*held)
	}
	h.joins[op] = addr
	if h.held[addr] == nil {
		h.held[addr] = new(held)
	}
	h.held[addr].joins++
}

// hold keeps a copy of a message if its sender is being joined.
func (h *holds) hold(x item) bool {
	w := h.held[x.from]
	if w == nil || len(w.messages) >= heldMax || h.bytes+len(x.data) > heldBytes {
		return false
	}
	h.bytes += len(x.data)
	x.data = bytes.Clone(x.data)
	w.messages = append(w.messages, x)
	return true
}

// end returns the messages that waited for a join that has ended, if the operation is one.
func (h *holds) end(op swim.OpID) (messages []item, join bool) {
	addr, join := h.joins[op]
	if !join {
		return nil, false
	}
	delete(h.joins, op)
	w := h.held[addr]
	if w.joins--; w.joins > 0 {
		return nil, true
	}
	delete(h.held, addr)
	for i := range w.messages {
		h.bytes -= len(w.messages[i].data)
	}
	return w.messages, true
}

// release hands over what waited for an operation, after the states that have arrived until now. So
// does what comes later.
func (n *Node) release(op swim.OpID) {
	messages, join := n.loop.holds.end(op)
	if !join {
		return
	}
	if n.states != nil {
		n.messages.add(item{after: n.states}, nil)
	}
	for i := range messages {
		n.report(messages[i])
	}
}

// waitFor waits until an inbox is done with what it has now, but no longer than ReportWait: its
// function may wait for something that a message brings.
func (n *Node) waitFor(b *inbox) {
	ctx, cancel := context.WithTimeout(n.driver.Context(), ReportWait)
	defer cancel()
	b.flush(ctx)
}
