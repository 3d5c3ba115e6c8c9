package recording

import (
	"net/netip"

	"serf/swim"
	"serf/swim/history"
	"serf/swim/serf"
	"serf/wire"
)

// Node is a serf.Node whose inputs are recorded, if there is a recorder. Each method that changes
// the node is here; those that only read are the node's own.
type Node struct {
	*serf.Node
	rec   *Recorder // nil: nothing is recorded
	entry Entry     // the present input
}

// NewNode makes a node as serf.New does, and has it keep its history in h. With a recorder its
// inputs are recorded from now on; an error ends the recording.
func NewNode(
	now swim.Time, c serf.Config, h *history.Log, r *Recorder, out *swim.Output,
) (n *Node, err error) {
	n = &Node{rec: r}
	begin := func() (swim.OpID, error) {
		n.Node, err = serf.New(now, c, out)
		return 0, err
	}
	if r == nil {
		begin()
	} else {
		r.start(now, &c)
		r.record(n.input(KindStart, now), out, begin)
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	n.TrackHistory(now, h)
	return n, nil
}

// input begins an input.
//
//go:noinline
func (n *Node) input(kind Kind, now swim.Time) *Entry {
	n.entry = Entry{Kind: kind, At: now}
	return &n.entry
}

// give gives the input to the node.
func (n *Node) give(out *swim.Output) (op swim.OpID, err error) {
	e := &n.entry
	if n.rec == nil {
		op, err = e.Apply(n.Node, out)
	} else {
		op, err = n.rec.record(e, out, func() (swim.OpID, error) { return e.Apply(n.Node, out) })
	}
	n.entry = Entry{} // pins nothing
	return op, err
}

// now is the time of a call that has none.
func (n *Node) now() swim.Time {
	if n.rec == nil {
		return 0
	}
	return n.rec.last
}

// Packet implements swim.Machine.
func (n *Node) Packet(now swim.Time, from netip.AddrPort, p []byte, out *swim.Output) {
	if n.rec == nil {
		n.Node.Packet(now, from, p, out)
		return
	}
	n.rec.packet(n.Node, now, from, p, out)
}

// Stream implements swim.Machine.
func (n *Node) Stream(now swim.Time, in swim.StreamIn, out *swim.Output) {
	if n.rec == nil {
		n.Node.Stream(now, in, out)
		return
	}
	n.input(KindStream, now).Stream = in
	n.give(out)
}

// Tick implements swim.Machine.
func (n *Node) Tick(now swim.Time, out *swim.Output) {
	if n.rec == nil {
		n.Node.Tick(now, out)
		return
	}
	n.rec.tick(n.Node, now, out)
}

// UserEvent is that of serf.Node.
func (n *Node) UserEvent(
	now swim.Time, name string, payload []byte, coalesce bool, out *swim.Output,
) error {
	e := n.input(KindUserEvent, now)
	e.Name, e.Data, e.Flag = name, payload, coalesce
	_, err := n.give(out)
	return err
}

// Query is that of serf.Node.
func (n *Node) Query(now swim.Time, p serf.QueryParams, out *swim.Output) (swim.OpID, error) {
	e := n.input(KindQuery, now)
	e.Name, e.Data, e.Nodes, e.Tags, e.Flag = p.Name, p.Payload, p.Nodes, p.Tags, p.WantAck
	e.Relay, e.Timeout = p.RelayFactor, p.Timeout
	return n.give(out)
}

// Ask is that of serf.Node.
func (n *Node) Ask(now swim.Time, q serf.Question, out *swim.Output) (swim.OpID, error) {
	e := n.input(KindAsk, now)
	e.Data, e.Nodes, e.Flag = n.EncodeQuestion(&q), q.Nodes, q.Direct
	e.Relay, e.Timeout = q.RelayFactor, q.Timeout
	return n.give(out)
}

// Keys is that of serf.Node.
func (n *Node) Keys(now swim.Time, r serf.KeyRequest, out *swim.Output) (swim.OpID, error) {
	e := n.input(KindKeys, now)
	e.Name, e.Key, e.Relay, e.Timeout = string(r.Command), r.Key, r.RelayFactor, r.Timeout
	if len(r.Key) > 0 {
		print := wire.FingerprintOf(r.Key)
		e.KeyPrint = &print
	}
	return n.give(out)
}

// Respond is that of serf.Node.
func (n *Node) Respond(now swim.Time, op swim.OpID, payload []byte, out *swim.Output) error {
	e := n.input(KindRespond, now)
	e.Op, e.Data = op, payload
	_, err := n.give(out)
	return err
}

// Decline is that of serf.Node.
func (n *Node) Decline(now swim.Time, op swim.OpID, out *swim.Output) error {
	n.input(KindDecline, now).Op = op
	_, err := n.give(out)
	return err
}

// Join is that of serf.Node.
func (n *Node) Join(
	now swim.Time, to []netip.AddrPort, replay bool, out *swim.Output,
) swim.OpID {
	e := n.input(KindJoin, now)
	e.Addrs, e.Flag = to, replay
	op, _ := n.give(out)
	return op
}

// JoinOne is that of serf.Node.
func (n *Node) JoinOne(now swim.Time, to []netip.AddrPort, out *swim.Output) swim.OpID {
	n.input(KindJoinOne, now).Addrs = to
	op, _ := n.give(out)
	return op
}

// Leave is that of serf.Node.
func (n *Node) Leave(now swim.Time, out *swim.Output) swim.OpID {
	n.input(KindLeave, now)
	op, _ := n.give(out)
	return op
}

// ForceLeave is that of serf.Node.
func (n *Node) ForceLeave(now swim.Time, name string, prune bool, out *swim.Output) error {
	e := n.input(KindForceLeave, now)
	e.Name, e.Flag = name, prune
	_, err := n.give(out)
	return err
}

// SetTags is that of serf.Node.
func (n *Node) SetTags(now swim.Time, tags map[string]string, out *swim.Output) error {
	n.input(KindSetTags, now).Tags = tags
	_, err := n.give(out)
	return err
}

// SetAddr is that of serf.Node.
func (n *Node) SetAddr(now swim.Time, addr netip.AddrPort, out *swim.Output) error {
	n.input(KindSetAddr, now).From = addr
	_, err := n.give(out)
	return err
}

// SetFamilies is that of serf.Node.
func (n *Node) SetFamilies(f swim.Families) {
	n.input(KindSetFamilies, n.now()).IP = f
	n.give(nil)
}

// SetZones is that of serf.Node.
func (n *Node) SetZones(z serf.Zones) error {
	n.input(KindSetZones, n.now()).Zones = z
	_, err := n.give(nil)
	return err
}

// SetKeyring is that of serf.Node.
func (n *Node) SetKeyring(now swim.Time, keys *wire.Keyring, out *swim.Output) {
	e := n.input(KindSetKeyring, now)
	e.Ring, e.Prints = keys, keys.Fingerprints()
	n.give(out)
}

// KeyringSaved is that of serf.Node.
func (n *Node) KeyringSaved(now swim.Time, keys *wire.Keyring, err error, out *swim.Output) {
	e := n.input(KindKeyringSaved, now)
	s := n.Sealer()
	e.Ring, e.Prints, e.Err = keys, keys.Fingerprints(), err
	e.Flag = s != nil && s.Keys == keys
	n.give(out)
}

// FlushCoalesced is that of serf.Node.
func (n *Node) FlushCoalesced(now swim.Time, out *swim.Output) {
	n.input(KindFlushCoalesced, now)
	n.give(out)
}

// EndTurn hands what was recorded to the disk when it is time to: the node's owner calls it when
// nothing is under way, and at Deadline at the latest.
func (n *Node) EndTurn(now swim.Time) {
	if n.rec != nil {
		n.rec.endTurn(n.Node, now)
	}
}

// WriteDeadline is when EndTurn is due; swim.Never if nothing waits.
func (n *Node) WriteDeadline() swim.Time {
	if n.rec == nil {
		return swim.Never
	}
	return n.rec.due
}

// Close ends the recording. No other method may be called then but those that read.
func (n *Node) Close() {
	if n.rec != nil {
		n.rec.finish()
	}
}
