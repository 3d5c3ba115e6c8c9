package memberlist

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"serf/membership"
)

// delegate hands what the node reports and asks to the delegates. Which ones there are is
// determined now, who they are at each call: tests of programs exchange them.
func (m *Memberlist) delegate(s *membership.Config) {
	c := m.conf
	s.OnEvent = (&events{m: m, living: make(map[string]bool)}).event
	if c.Delegate != nil {
		s.OnMessage = func(msg membership.Message) { c.Delegate.NotifyMsg(msg.Data) }
		s.State = func(join bool) []byte { return c.Delegate.LocalState(join) }
		s.OnState = func(st membership.RemoteState) { c.Delegate.MergeRemoteState(st.Data, st.Join) }
		s.Broadcasts = (&overflow{m: m}).fill
	}
	if c.Ping != nil {
		s.AckPayload = func(b []byte) []byte { return append(b, c.Ping.AckPayload()...) }
		s.OnAck = func(other membership.Member, rtt time.Duration, payload []byte) {
			n := nodeOf(&other)
			c.Ping.NotifyPingComplete(&n, rtt, payload)
		}
	}
	if c.NodeSelection != nil {
		s.Select = func(all []membership.Member) ([]membership.Member, *membership.Member) {
			return selectNodes(c.NodeSelection, all)
		}
	}
	s.Admit, s.AdmitMerge, s.NoStreamPing = m.admit, m.admitMerge, c.DisableTcpPingsForNode
}

// broadcastOverhead is what each message of a delegate takes in a packet besides its bytes: the
// length in a compound message, and the type.
const broadcastOverhead = 2 + 1

// overflow has the messages of a delegate that gave more than it was asked for. The next packets
// take them along.
type overflow struct {
	m       *Memberlist
	waiting [][]byte
}

// overflowMax is how many may wait. A delegate that gives as many again and again loses the others.
const overflowMax = 4096

// fill asks the delegate for messages if those that wait leave room. room is for one message,
// without its overhead.
func (o *overflow) fill(room int, add func([]byte) bool) {
	room += broadcastOverhead
	for len(o.waiting) > 0 {
		msg := o.waiting[0]
		switch {
		case add(msg):
			room -= len(msg) + broadcastOverhead
		case len(msg) <= o.most():
			return // the next packet has room
		default: // it would keep all others waiting
			o.m.logger.Printf("[ERR] memberlist: Dropped a broadcast of %d bytes, at most %d fit a packet",
				len(msg), o.most())
		}
		o.waiting = o.waiting[1:]
	}
	o.waiting = nil
	if room <= broadcastOverhead {
		return
	}
	given := o.m.conf.Delegate.GetBroadcasts(broadcastOverhead, room)
	for i, msg := range given {
		if !add(msg) {
			o.keep(given[i:])
			return
		}
	}
}

// most is the size of the largest message that a packet has room for.
func (o *overflow) most() int {
	if node := o.m.node.Load(); node != nil {
		return node.MaxMessage()
	}
	return largestPacket // while the node is being started
}

// keep copies messages: they are the delegate's.
func (o *overflow) keep(given [][]byte) {
	if n := len(given) - overflowMax; n > 0 {
		o.m.logger.Printf("[ERR] memberlist: Dropped %d broadcasts: %d wait for a packet", n, overflowMax)
		given = given[:overflowMax]
	}
	for _, msg := range given {
		o.waiting = append(o.waiting, bytes.Clone(msg))
	}
}

// events tells an EventDelegate and a ConflictDelegate. It is called by one goroutine.
type events struct {
	m      *Memberlist
	living map[string]bool
}

// event tells of one event. A node that has failed and then left has gone once.
func (e *events) event(ev membership.Event) {
	n := nodeOf(&ev.Member)
	d := e.m.conf.Events
	switch ev.Kind {
	case membership.Conflict:
		e.m.names.learn(ev.Rival.Addr, ev.Rival.Name)
		if e.m.conf.Conflict != nil {
			other := nodeOf(ev.Rival)
			e.m.conf.Conflict.NotifyConflict(&n, &other)
		}
		return
	case membership.Failed, membership.Left:
		if d == nil || !e.living[n.Name] {
			return
		}
		delete(e.living, n.Name)
		d.NotifyLeave(&n)
		return
	}
	if ev.Member.Local && !e.m.admitSelf(ev.Kind, &n) || d == nil {
		return
	}
	if known := e.living[n.Name]; known {
		d.NotifyUpdate(&n)
		return
	}
	e.living[n.Name] = true
	d.NotifyJoin(&n)
}

// admitSelf asks about this node itself, when it starts and when it has changed. If it is refused
// at the start it doesn't see itself, but the others do.
func (m *Memberlist) admitSelf(kind membership.EventKind, n *Node) bool {
	err := m.allow(n)
	if err != nil {
		m.logger.Printf("[WARN] memberlist: This node itself is refused: %v", err)
	}
	if kind == membership.Joined {
		m.hidden.Store(err != nil)
	}
	return err == nil
}

// allow asks whether a node is let in.
func (m *Memberlist) allow(n *Node) error {
	if err := m.conf.IPAllowed(n.Addr); err != nil {
		return err
	}
	if d := m.conf.Alive; d != nil {
		return d.NotifyAlive(n)
	}
	return nil
}

// admit decides whether what a node says about itself is taken in.
func (m *Memberlist) admit(member membership.Member) error {
	n := nodeOf(&member)
	if err := m.allow(&n); err != nil {
		return err
	}
	m.names.learn(member.Addr, member.Name)
	return nil
}

// admitMerge decides whether the members of another cluster are taken in.
func (m *Memberlist) admitMerge(members []membership.Member) error {
	own := m.known()
	m.names.introduce(own)
	m.names.introduce(members)
	if err := checkVersions(members, own); err != nil {
		return refusal{err}
	}
	if m.conf.Merge == nil {
		return nil
	}
	nodes := make([]Node, len(members))
	peers := make([]*Node, len(members))
	for i := range members {
		nodes[i] = nodeOf(&members[i])
		peers[i] = &nodes[i]
	}
	if err := m.conf.Merge.NotifyMerge(peers); err != nil {
		return refusal{err}
	}
	return nil
}

// versionRange is what all of some members understand.
type versionRange struct{ least, most uint8 }

// narrow takes in what another member understands.
func (r *versionRange) narrow(v membership.Versions) {
	r.least, r.most = max(r.least, v.Min), min(r.most, v.Max)
}

// check returns an error unless all understand what a member speaks.
func (r versionRange) check(name, what string, v membership.Versions) error {
	if v.Current >= r.least && v.Current <= r.most {
		return nil
	}
	return fmt.Errorf("Node '%s' %s version (%d) is incompatible: [%d, %d]",
		name, what, v.Current, r.least, r.most)
}

// checkVersions returns an error unless all members would understand each other.
func checkVersions(remote, own []membership.Member) error {
	protocol, layer := versionRange{0, math.MaxUint8}, versionRange{0, math.MaxUint8}
	for _, list := range [][]membership.Member{remote, own} {
		for i := range list {
			if list[i].State == membership.StateAlive {
				protocol.narrow(list[i].Protocol)
				layer.narrow(list[i].Layer)
			}
		}
	}
	for _, list := range [][]membership.Member{remote, own} {
		for i := range list {
			if err := protocol.check(list[i].Name, "protocol", list[i].Protocol); err != nil {
				return err
			}
			if err := layer.check(list[i].Name, "delegate protocol", list[i].Layer); err != nil {
				return err
			}
		}
	}
	return nil
}
