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
	rec *Recorder // nil: nothing is recorded
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
		r.record(&Entry{Kind: KindStart, At: now}, out, begin)
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	n.TrackHistory(now, h)
	return n, nil
}

// give gives an input to the node.
func (n *Node) give(e *Entry, out *swim.Output) (op swim.OpID, err error) {
	if n.rec == nil {
		return e.Apply(n.Node, out)
	}
	return n.rec.record(e, out, func() (swim.OpID, error) { return e.Apply(n.Node, out) })
}

// tell is give for a call that returns an error alone.
func (n *Node) tell(e *Entry, out *swim.Output) error {
	_, err := n.give(e, out)
	return err
}

// begin is give for a call that returns an operation alone.
func (n *Node) begin(e *Entry, out *swim.Output) swim.OpID {
	op, _ := n.give(e, out)
	return op
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
	n.give(&Entry{Kind: KindStream, At: now, Stream: in}, out)
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
	e := &Entry{Kind: KindUserEvent, At: now, Name: name, Data: payload, Flag: coalesce}
	return n.tell(e, out)
}

// Query is that of serf.Node.
func (n *Node) Query(now swim.Time, p serf.QueryParams, out *swim.Output) (swim.OpID, error) {
	return n.give(&Entry{Kind: KindQuery, At: now, Name: p.Name, Data: p.Payload, Nodes: p.Nodes,
		Tags: p.Tags, Flag: p.WantAck, Relay: p.RelayFactor, Timeout: p.Timeout}, out)
}

// Ask is that of serf.Node.
func (n *Node) Ask(now swim.Time, q serf.Question, out *swim.Output) (swim.OpID, error) {
	return n.give(&Entry{Kind: KindAsk, At: now, Data: n.EncodeQuestion(&q), Nodes: q.Nodes,
		Flag: q.Direct, Relay: q.RelayFactor, Timeout: q.Timeout}, out)
}

// Keys is that of serf.Node.
func (n *Node) Keys(now swim.Time, r serf.KeyRequest, out *swim.Output) (swim.OpID, error) {
	e := &Entry{Kind: KindKeys, At: now, Name: string(r.Command), Key: r.Key, Relay: r.RelayFactor,
		Timeout: r.Timeout}
	if len(r.Key) > 0 {
		print := wire.FingerprintOf(r.Key)
		e.KeyPrint = &print
	}
	return n.give(e, out)
}

// Respond is that of serf.Node.
func (n *Node) Respond(now swim.Time, op swim.OpID, payload []byte, out *swim.Output) error {
	return n.tell(&Entry{Kind: KindRespond, At: now, Op: op, Data: payload}, out)
}

// Decline is that of serf.Node.
func (n *Node) Decline(now swim.Time, op swim.OpID, out *swim.Output) error {
	return n.tell(&Entry{Kind: KindDecline, At: now, Op: op}, out)
}

// Join is that of serf.Node.
func (n *Node) Join(
	now swim.Time, to []netip.AddrPort, replay bool, out *swim.Output,
) swim.OpID {
	return n.begin(&Entry{Kind: KindJoin, At: now, Addrs: to, Flag: replay}, out)
}

// JoinOne is that of serf.Node.
func (n *Node) JoinOne(now swim.Time, to []netip.AddrPort, out *swim.Output) swim.OpID {
	return n.begin(&Entry{Kind: KindJoinOne, At: now, Addrs: to}, out)
}

// Leave is that of serf.Node.
func (n *Node) Leave(now swim.Time, out *swim.Output) swim.OpID {
	return n.begin(&Entry{Kind: KindLeave, At: now}, out)
}

// ForceLeave is that of serf.Node.
func (n *Node) ForceLeave(now swim.Time, name string, prune bool, out *swim.Output) error {
	return n.tell(&Entry{Kind: KindForceLeave, At: now, Name: name, Flag: prune}, out)
}

// SetTags is that of serf.Node.
func (n *Node) SetTags(now swim.Time, tags map[string]string, out *swim.Output) error {
	return n.tell(&Entry{Kind: KindSetTags, At: now, Tags: tags}, out)
}

// SetAddr is that of serf.Node.
func (n *Node) SetAddr(now swim.Time, addr netip.AddrPort, out *swim.Output) error {
	return n.tell(&Entry{Kind: KindSetAddr, At: now, From: addr}, out)
}

// SetFamilies is that of serf.Node.
func (n *Node) SetFamilies(f swim.Families) {
	n.give(&Entry{Kind: KindSetFamilies, At: n.now(), IP: f}, nil)
}

// SetZones is that of serf.Node.
func (n *Node) SetZones(z serf.Zones) error {
	return n.tell(&Entry{Kind: KindSetZones, At: n.now(), Zones: z}, nil)
}

// SetKeyring is that of serf.Node.
func (n *Node) SetKeyring(now swim.Time, keys *wire.Keyring, out *swim.Output) {
	n.give(&Entry{Kind: KindSetKeyring, At: now, Ring: keys, Prints: keys.Fingerprints()}, out)
}

// KeyringSaved is that of serf.Node.
func (n *Node) KeyringSaved(now swim.Time, keys *wire.Keyring, err error, out *swim.Output) {
	s := n.Sealer()
	n.give(&Entry{Kind: KindKeyringSaved, At: now, Ring: keys, Prints: keys.Fingerprints(), Err: err,
		Flag: s != nil && s.Keys == keys}, out)
}

// FlushCoalesced is that of serf.Node.
func (n *Node) FlushCoalesced(now swim.Time, out *swim.Output) {
	n.give(&Entry{Kind: KindFlushCoalesced, At: now}, out)
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
