package swim

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrSuperseded is in the EventMetaDone of metadata that were changed again before all were told.
var ErrSuperseded = errors.New("superseded by a later change")

// SetMeta changes the metadata that is gossiped with this node. It is copied.
func (n *Node) SetMeta(now Time, meta []byte, out *Output) error {
	_, err := n.setMeta(now, meta, out)
	return err
}

// UpdateMeta is SetMeta that ends with an EventMetaDone: the change was gossiped as often as any
// broadcast, or Err says what came in between. That may take longer than a caller wants to wait; it
// is spread all the same. Calls with the same metadata return the same operation while it lasts.
func (n *Node) UpdateMeta(now Time, meta []byte, out *Output) (OpID, error) {
	changed, err := n.setMeta(now, meta, out)
	if err != nil {
		return 0, err
	}
	if n.update.op != 0 && !changed {
		return n.update.op, nil
	}
	n.update.op = n.nextOp()
	op := n.update.op
	n.tickUpdate(out)
	return op, nil
}

func (n *Node) setMeta(now Time, meta []byte, out *Output) (changed bool, err error) {
	if len(meta) > MetaMax {
		return false, fmt.Errorf("metadata: %d bytes, limit %d: %w", len(meta), MetaMax,
			ErrTooLarge)
	}
	if n.leaving.begun() {
		return false, ErrLeaving
	}
	if bytes.Equal(meta, n.identity(n.self).meta) {
		return false, nil
	}
	n.endUpdate(ErrSuperseded, out)
	n.identify(n.self, profile{n.cfg.Addr, meta, n.cfg.Versions})
	n.raise(now, n.inc)
	n.counters.AliveUpdates++
	n.announceAlive(n.self, out)
	out.event(Event{Kind: EventUpdated, Member: n.self})
	return true, nil
}

// update is a change of this node's metadata on its way to the others.
type update struct{ op OpID } // 0: none

// updateDeadline is when tickUpdate is due: at once if all were told.
func (n *Node) updateDeadline() Time {
	if n.update.op != 0 && n.selfTold() {
		return n.gossip.last
	}
	return Never
}

func (n *Node) tickUpdate(out *Output) {
	if n.update.op != 0 && n.selfTold() {
		n.endUpdate(nil, out)
	}
}

// endUpdate ends the change on its way, if there is one.
func (n *Node) endUpdate(err error, out *Output) {
	if op := n.update.op; op != 0 {
		n.update.op = 0
		out.event(Event{Kind: EventMetaDone, Op: op, Err: err})
	}
}

// selfTold tells whether what this node last said about itself was gossiped often enough.
func (n *Node) selfTold() bool { return !n.gossip.queue.Has(uint64(n.self)) || n.others() == 0 }
