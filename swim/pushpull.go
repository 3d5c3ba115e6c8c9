package swim

import (
	"net/netip"

	"serf/wire"
)

// tickPushPull exchanges everything with a random member: what gossip missed arrives so.
func (n *Node) tickPushPull(now Time, out *Output) {
	n.scheduleNext(now)
	if n.leaving.begun() {
		return
	}
	var buf [1]MemberID
	for _, id := range n.pick(buf[:0], 1, func(_ MemberID, r *record) bool { return r.state == Alive }) {
		n.callPushPull(now, n.identity(id).addr, call{kind: callPushPull, member: id}, false, out)
	}
}

// scheduleNext sets when the next exchange is due: soon, if members come in numbers.
func (n *Node) scheduleNext(now Time) {
	if n.admitted == 0 && n.hurry > 0 {
		n.hurry--
	}
	n.admitted = 0
	n.pushPull = now.Add(pushPullScaled(n.cfg.PushPullInterval, n.view.live))
	if n.hurry > 0 {
		n.pushPull = min(n.pushPull, n.soon(now))
	}
}

// noteAdmitted brings the next exchange forward when many members come at once. Their
// news is more than gossip carries in time: without this, some are still unknown to a
// few half a minute after a large cluster started at once.
func (n *Node) noteAdmitted(now Time) {
	n.admitted++
	if n.pushPull != Never && n.admitted == max(hurryLeast, n.view.live/hurryShare) {
		n.hurry = hurryIdle
		n.pushPull = min(n.pushPull, n.soon(now))
	}
}

func (n *Node) soon(now Time) Time {
	return now.Add(n.cfg.ProbeInterval + n.stagger(n.cfg.ProbeInterval))
}

const (
	hurryLeast = 4  // newcomers since the last exchange; fewer, gossip tells
	hurryShare = 64 // and one in so many of all
	hurryIdle  = 1  // hurried exchanges without a newcomer until the rhythm is the usual
)

// PushPull begins one exchange of states with a known member, whatever its state. Failures
// are noted.
func (n *Node) PushPull(now Time, id MemberID, out *Output) {
	if n.view.lookup(id) != nil {
		n.callPushPull(now, n.identity(id).addr, call{kind: callPushPull, member: id}, false, out)
	}
}

func (n *Node) callPushPull(now Time, to netip.AddrPort, c call, join bool, out *Output) bool {
	n.counters.PushPulls++
	out.note(Note{Level: Debug, Code: NotePushPull, Member: c.member, From: to})
	return n.callStream(StreamOut{
		Kind: StreamCall, To: to, Data: n.appendState(nil, join), Deadline: now.Add(n.cfg.StreamTimeout),
	}, c, out)
}

// appendState appends a push/pull message: every record, those of the gone too, so
// that who comes back learns what it has to out-bid.
func (n *Node) appendState(b []byte, join bool) []byte {
	var user []byte
	if n.cfg.Carrier != nil {
		user = n.cfg.Carrier.AppendState(nil, join)
	}
	if b == nil {
		const perMember = 128 // bytes, about
		b = make([]byte, 0, 64+perMember*len(n.view.order)+len(user))
	}
	head := wire.PushPullHeader{Join: join, Nodes: len(n.view.order), UserStateLen: len(user)}
	b = head.Append(b)
	for _, id := range n.view.order {
		r, d := &n.view.recs[id], n.identity(id)
		addr := addrBytes(d.addr.Addr())
		s := wire.NodeState{
			Addr: addr.slice(), Inc: r.inc, Meta: d.meta, Name: n.roster.nameBytes(id),
			Port: d.addr.Port(), State: uint8(r.state), Vsn: d.versions[:],
		}
		b = s.Append(b)
	}
	return append(b, user...)
}

// merge takes over what another member knows, entry by entry: one that makes no sense
// doesn't keep the others out (F5). peer is its address if we asked it; who asked us is
// known by the address of a stream only.
func (n *Node) merge(now Time, pp *wire.PushPull, from, peer netip.AddrPort, out *Output) {
	for it := pp.States(); it.Next(); {
		n.mergeEntry(now, &it.State, from, peer, out)
	}
	var join int64
	if pp.Join {
		join = 1
	}
	if len(pp.UserState) > 0 {
		out.Events = append(out.Events, Event{Kind: EventState, Addr: from, Data: pp.UserState, N: join})
	}
}

func (n *Node) mergeEntry(now Time, s *wire.NodeState, from, peer netip.AddrPort, out *Output) {
	c := claim{name: s.Name, addr: addrPort(s.Addr, s.Port), meta: s.Meta, inc: s.Inc}
	copy(c.versions[:], s.Vsn)
	state := State(s.State)
	if state > Left {
		n.dropMessage(from, []byte{byte(wire.TypePushPull)}, out)
		return
	}
	if !state.live() {
		// A death learned second-hand is a suspicion, so that the member can still refute;
		// that it left, it said itself (spec 2.2).
		if state == Left {
			n.accuse(now, Left, s.Name, s.Inc, s.Name, out)
			return
		}
		if n.member(s.Name) == n.self && c.addr != n.cfg.Addr && n.credible(n.self, c.inc, out) {
			n.buriedElsewhere(now, &c, peer, out)
		}
		n.accuse(now, Suspect, s.Name, s.Inc, n.roster.nameBytes(n.self), out)
		return
	}
	if !n.compatible(&c, len(s.Vsn), from, out) || !n.acceptable(&c, len(s.Vsn), from, out) {
		return
	}
	// A suspect that we don't know, or know less of, is alive at that incarnation first.
	id := n.member(c.name)
	if state == Alive || id == NoMember || n.view.recs[id].yieldsTo(Alive, c.inc) && id != n.self {
		n.applyAlive(now, &c, out)
	}
	if state == Suspect {
		n.accuse(now, Suspect, s.Name, s.Inc, n.roster.nameBytes(n.self), out)
	}
}

// compatible tells whether a member and this one understand each other, in both layers.
func (n *Node) compatible(c *claim, versions int, from netip.AddrPort, out *Output) bool {
	own, v := n.cfg.Versions, c.versions
	if versions < len(v) {
		return true // acceptable decides
	}
	for _, at := range [...]int{0, 3} {
		if v[at+2] < v[at] || v[at+2] > v[at+1] || v[at+2] < own[at] || v[at+2] > own[at+1] ||
			own[at+2] < v[at] || own[at+2] > v[at+1] {
			n.counters.DroppedVersions++
			out.note(Note{Level: Warn, Code: NoteBadVersions, From: from, Text: clip(c.name)})
			return false
		}
	}
	return true
}
