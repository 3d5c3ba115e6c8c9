package membership

import (
	"iter"
	"net/netip"
	"slices"
	"time"

	"serf/swim"
)

// Message is what another member, or this one, has sent.
type Message struct {
	// From is where it came from. Of a message by stream that isn't the address of a member, but
	// its host's.
	From netip.AddrPort
	Data []byte // borrowed: valid until OnMessage returns
	Node *Node  // that got it
}

// RemoteState is what the State of another member returned.
type RemoteState struct {
	From netip.AddrPort // as of a Message
	Data []byte         // borrowed: valid until OnState returns
	Join bool           // one of the two joins
	Node *Node          // that got it
}

func (n *Node) callOnMessage(x *item) {
	if x.after != nil {
		n.waitFor(x.after)
		return
	}
	n.events.reach(x.seen, &n.hangs[0])
	if !x.ack {
		if f := n.conf.OnMessage; f != nil {
			report(func() { f(Message{From: x.from, Data: x.data, Node: n}) })
		}
		return
	}
	if m, ok := n.table.get(x.name); ok {
		report(func() { n.conf.OnAck(m, x.rtt, x.data) })
	}
}

func (n *Node) callOnState(x *item) {
	n.events.reach(x.seen, &n.hangs[1])
	s := RemoteState{From: x.from, Data: x.data, Join: x.join, Node: n}
	report(func() { n.conf.OnState(s) })
}

// decide has the core ask the functions of Config.
func (n *Node) decide(c *swim.Config) {
	if n.conf.Select != nil {
		c.Select = n.selectMembers
	}
	if f := n.conf.NoStreamPing; f != nil {
		c.NoStreamPing = func(name []byte) (off bool) {
			ask(func() { off = f(string(name)) })
			return off
		}
	}
	if f := n.conf.Admit; f != nil {
		c.Admit = func(p swim.Peer) (err error) {
			m := memberOf(&p)
			ask(func() { err = f(m) })
			return err
		}
	}
	if f := n.conf.AdmitMerge; f != nil {
		c.AdmitMerge = func(peers iter.Seq[swim.Peer]) (err error) {
			var all []Member
			for p := range peers {
				all = append(all, memberOf(&p))
			}
			ask(func() { err = f(all) })
			return err
		}
	}
}

// handle takes the events and notes of a call into the core. The messages of one packet are taken
// last first: who sends puts the newest in front, so that it gets a place.
func (n *Node) handle(now swim.Time, out *swim.Output) {
	for i := range out.Notes {
		n.log.note(n.loop.core, &out.Notes[i])
	}
	for i := range out.Events {
		if e := &out.Events[i]; e.Kind != swim.EventUser {
			n.handleEvent(now, e)
		}
	}

	for i := len(out.Events) - 1; i >= 0; i-- {
		if e := &out.Events[i]; e.Kind == swim.EventUser {
			n.handleMessage(e)
		}
	}
}

func (n *Node) handleEvent(now swim.Time, e *swim.Event) {
	switch e.Kind {
	case swim.EventJoined:
		n.record(e.Member, Joined)
	case swim.EventUpdated:
		n.record(e.Member, Updated)
	case swim.EventFailed:
		n.record(e.Member, Failed)
	case swim.EventLeft:
		n.record(e.Member, Left)
	case swim.EventSuspected, swim.EventRefuted:
		n.record(e.Member, 0)
	case swim.EventForgotten:
		n.table.remove(n.loop.core.Roster().Name(e.Member))
	case swim.EventConflict:
		n.handleConflict(now, e)
	case swim.EventClaimed:
		if e.N == 1 {
			n.handleConflict(now, e)
		}
	case swim.EventState:
		if !n.states.add(n.stateItem(e), e.More) {
			n.log.dropped("state", e.Addr)
		}
	case swim.EventAcked:
		if n.conf.OnAck != nil {
			name := n.loop.core.Roster().Name(e.Member)
			n.messages.add(item{ack: true, name: name, rtt: e.RTT, data: e.Data}, nil)
		}
	case swim.EventJoinDone, swim.EventLeaveDone, swim.EventPinged, swim.EventSent,
		swim.EventMetaDone:
		n.endOp(e)
	}
}

func (n *Node) stateItem(e *swim.Event) item {
	return item{from: e.Addr, data: e.Data, join: e.N == 1, seen: n.events.seen(&n.table)}
}

// handleMessage hands a message over.
func (n *Node) handleMessage(e *swim.Event) {
	x := item{from: e.Addr, data: e.Data, seen: n.events.seen(&n.table)}
	if n.conf.OnMessage != nil && !n.loop.holds.hold(x) {
		n.report(x)
	}
}

// report hands a message over.
func (n *Node) report(x item) {
	if !n.messages.add(x, nil) {
		n.log.dropped("message", x.from)
	}
}

// record notes what the core knows of a member now, and tells of it.
func (n *Node) record(id swim.MemberID, kind EventKind) {
	if m, ok := n.member(id); ok {
		n.table.set(&m, kind)
	}
}

// member is what the core knows of a member now; its Meta is borrowed.
func (n *Node) member(id swim.MemberID) (Member, bool) {
	v, ok := n.loop.core.View(id)
	if !ok {
		return Member{}, false
	}
	m := Member{
		Name: v.Name, Addr: v.Addr, Meta: v.Meta, State: stateOf(v.State),
		Since: n.driver.WallTime(v.Since), Local: id == n.loop.core.Self(),
	}
	m.Protocol, m.Layer = versionsOf(v.Versions)
	return m, true
}

const (
	// conflictPause is how long a conflict that was reported isn't reported again: each message
	// about the rival shows it.
	conflictPause = 30 * time.Second
	// conflictsMax bounds those that are remembered for that. Anybody can make them up.
	conflictsMax = 16
)

// conflict is one that was reported.
type conflict struct {
	member swim.MemberID
	rival  netip.AddrPort
	until  swim.Time
}

func (n *Node) handleConflict(now swim.Time, e *swim.Event) {
	l := &n.loop
	l.conflicts = slices.DeleteFunc(l.conflicts, func(c conflict) bool { return now >= c.until })
	known := slices.ContainsFunc(l.conflicts, func(c conflict) bool {
		return c.member == e.Member && c.rival == e.Addr
	})
	if known || len(l.conflicts) >= conflictsMax {
		return
	}
	l.conflicts = append(l.conflicts, conflict{e.Member, e.Addr, now.Add(conflictPause)})
	name := l.core.Roster().Name(e.Member)
	n.table.conflict(name, &Member{
		Name: name, Addr: e.Addr, Meta: append([]byte(nil), e.Data...), State: StateAlive,
	})
}

// endOp tells those who wait for an operation how it ended.
func (n *Node) endOp(e *swim.Event) {
	if e.Kind == swim.EventSent {
		n.loop.sends.end(e.Op)
	}
	r := result{n: int(e.N), rtt: e.RTT, err: e.Err}
	if len(e.Data) > 0 {
		r.payload = append(r.payload, e.Data...)
	}
	if e.Kind == swim.EventLeaveDone {
		n.loop.left = &r
	}
	for _, ended := range n.loop.ops[e.Op] {
		ended <- r // there is room: an operation ends once
	}
	delete(n.loop.ops, e.Op)
	n.release(e.Op)
}

// endTurn hands over what waits to be sent, and writes down what readers may want to know.
func (n *Node) endTurn(now swim.Time) {
	n.outbox.send(n.loop.core, now, n.loop.out)
	n.noteCore()
}

// noteCore writes down what readers may want to know of the core.
func (n *Node) noteCore() {
	n.health.Store(int32(n.loop.core.Health()))
	n.maxUser.Store(int32(n.loop.core.MaxUser()))
	n.maxSend.Store(int32(n.loop.core.MaxUserAlone()))
}
