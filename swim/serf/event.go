package serf

import (
	"bytes"
	"fmt"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// Own events aren't stamped all at once. Members refuse events older than the last
// lamport.WindowTimes times, and gossip sends the newest first: a burst of a thousand would make
// its own first half too old. So an event gets its time only when few others wait to be gossiped,
// and none that is much older.
const (
	// eventsInFlight is how many events, of any member, may wait to be gossiped.
	eventsInFlight = lamport.WindowTimes / 8
	// eventsSpread is by how much the times of waiting own events may differ. The rest of the
	// window is left for the time that gossip takes.
	eventsSpread = lamport.WindowTimes / 4
	// In a cluster of at most smallCluster members, gossip repeats an event so few times that with
	// bad luck a member never gets it. A push/pull repairs that, but in a burst the window has
	// moved on by then. So after every syncEvery events of a burst this node does a push/pull with
	// all.
	smallCluster = 8
	syncEvery    = lamport.WindowTimes / 4
	// backlogMax and backlogBytesMax bound the events that wait to be stamped: some minutes of what
	// gossip carries. Beyond them UserEvent returns ErrBusy.
	backlogMax      = 16384
	backlogBytesMax = 16 << 20
	// eventOverhead is about what an event costs in memory besides its bytes.
	eventOverhead = 64
)

// events is the user events: own ones that wait, and those of all members in the window.
type events struct {
	backlog      []userEvent // own, not stamped yet, oldest first
	backlogBytes int
	inFlight     []lamport.Time // own, queued, oldest first; some behind the first may be sent
	unsynced     int            // own, stamped in this burst since the last push/pulls

	window lamport.Events
}

type userEvent struct {
	name, payload []byte
	coalesce      bool
}

func (e *userEvent) size() int { return len(e.name) + len(e.payload) + eventOverhead }

func (e *userEvent) append(b []byte, t lamport.Time) []byte {
	m := wire.UserEvent{CC: e.coalesce, LTime: uint64(t), Name: e.name, Payload: e.payload}
	return m.Append(b)
}

// UserEvent fires an event, which is delivered here too. With coalesce, members may deliver only
// the newest of its name. It copies payload. The error is a *SizeError, or ErrBusy without
// EventRoom.
func (n *Node) UserEvent(
	now swim.Time, name string, payload []byte, coalesce bool, out *swim.Output,
) error {
	e := userEvent{name: []byte(name), payload: bytes.Clone(payload), coalesce: coalesce}
	if err := n.checkEvent(&e); err != nil {
		return err
	}
	n.call.begin(out)
	s := &n.events
	s.backlog = append(s.backlog, e)
	s.backlogBytes += e.size()
	n.finish(now, out)
	return nil
}

func (n *Node) checkEvent(e *userEvent) error {
	const encoding = 64 // bytes around name and payload at most
	size := len(e.name) + len(e.payload)
	if err := CheckEventSize(size, n.cfg.EventSizeMax); err != nil {
		return err
	}
	if limit := n.cfg.EventSizeMax; size+encoding > limit {
		n.buf = e.append(n.buf[:0], n.eventClock.Now())
		if err := limitEncoded("user event", len(n.buf), limit, eventSizeKey); err != nil {
			return err
		}
	}
	if s := &n.events; len(s.backlog) >= backlogMax || s.backlogBytes+e.size() > backlogBytesMax {
		n.count.EventsRefused++
		return fmt.Errorf("%d user events wait to be sent: %w", len(s.backlog), ErrBusy)
	}
	return nil
}

// EventRoom says whether UserEvent has room for an event of any size that is allowed.
func (n *Node) EventRoom() bool {
	s := &n.events
	largest := n.cfg.EventSizeMax + eventOverhead
	return len(s.backlog) < backlogMax && s.backlogBytes+largest <= backlogBytesMax
}

// releaseEvents stamps, delivers and queues own events, as many as may be in flight.
func (n *Node) releaseEvents(now swim.Time, out *swim.Output) {
	s := &n.events
	if s.backlog == nil {
		return
	}
	for len(s.backlog) > 0 && n.mayStamp() {
		e := s.backlog[0]
		s.backlog[0] = userEvent{}
		s.backlog = s.backlog[1:]
		s.backlogBytes -= e.size()
		n.fire(now, &e, out)
		s.unsynced++
	}
	if len(s.backlog) == 0 {
		s.backlog, s.unsynced = nil, 0
	}
	if s.unsynced >= syncEvery {
		s.unsynced = 0
		n.syncBurst(now, out)
	}
}

// syncBurst does push/pulls with all members of a small cluster.
func (n *Node) syncBurst(now swim.Time, out *swim.Output) {
	if n.swim.Live() > smallCluster {
		return
	}
	n.picks = n.swim.RandomLive(n.picks[:0], smallCluster-1, nil)
	for _, id := range n.picks {
		n.swim.PushPull(now, id, out)
	}
}

// mayStamp says whether another own event may get its time.
func (n *Node) mayStamp() bool {
	s := &n.events
	n.clearInFlight()
	if len(s.inFlight) > 0 && n.eventClock.Now()-s.inFlight[0] >= eventsSpread {
		return false
	}
	return n.gossip.events.Len() < eventsInFlight && len(n.large.queue) < largeInFlight
}

// clearInFlight drops own events from the front that have been sent.
func (n *Node) clearInFlight() {
	s := &n.events
	waits := func(t lamport.Time) bool {
		return n.gossip.events.Has(uint64(t)) || n.large.has(uint64(t))
	}
	for len(s.inFlight) > 0 && !waits(s.inFlight[0]) {
		s.inFlight = s.inFlight[1:]
	}
	if len(s.inFlight) == 0 {
		s.inFlight = nil
	}
}

// unsent is about how many own events haven't been sent often enough: a few that have may be
// counted behind an older one.
func (n *Node) unsent() int {
	n.clearInFlight()
	return len(n.events.backlog) + len(n.events.inFlight)
}

// fire stamps an own event, delivers it here and sends it to the others.
func (n *Node) fire(now swim.Time, e *userEvent, out *swim.Output) {
	t := n.eventClock.Next()
	if !n.deliverEvent(now, t, e, out) {
		return
	}
	n.buf = e.append(n.buf[:0], t)
	n.broadcastEvent(now, uint64(t), n.buf)
	n.events.inFlight = append(n.events.inFlight, t)
}

// handleUserEvent handles an event from gossip, and passes it on if it is fresh.
func (n *Node) handleUserEvent(now swim.Time, msg, body []byte, out *swim.Output) error {
	m, err := wire.ParseUserEvent(body)
	if err != nil {
		return err
	}
	e := userEvent{name: m.Name, payload: m.Payload, coalesce: m.CC}
	if n.applyEvent(now, lamport.Time(m.LTime), &e, out) {
		n.broadcastEvent(now, 0, msg)
	}
	return nil
}

// applyEvent delivers another member's event if it is fresh, and says whether it was.
func (n *Node) applyEvent(now swim.Time, t lamport.Time, e *userEvent, out *swim.Output) bool {
	if size := len(e.name) + len(e.payload); size > EventSizeCeiling {
		n.count.EventsDropped++
		n.note(out, swim.Warn, NoteEventTooLarge, swim.Note{N: int64(size)})
		return false
	}
	return n.witness(&n.eventClock, t, out) && n.deliverEvent(now, t, e, out)
}

// deliverEvent is the one place that hands out user events, at once or coalesced. It says whether
// the event was fresh; others aren't delivered.
func (n *Node) deliverEvent(now swim.Time, t lamport.Time, e *userEvent, out *swim.Output) bool {
	if v := n.events.window.Add(n.eventClock.Now(), t, e.name, e.payload); v != lamport.Fresh {
		n.refuseEvent(v, t, e.name, out)
		return false
	}
	n.count.Events++
	n.count.EventBytes += uint64(len(e.payload))
	n.journal.event = max(n.journal.event, t)
	if e.coalesce && n.cfg.coalescesEvents() {
		n.coalesceEvent(now, t, e.name, e.payload)
		return true
	}
	n.call.emit(swim.Event{
		Kind: EventUserEvent, LTime: uint64(t), Flag: e.coalesce,
		Name: n.call.hold(e.name), Data: n.call.hold(e.payload),
	})
	return true
}

// refuseEvent accounts for an event that isn't delivered.
func (n *Node) refuseEvent(v lamport.Verdict, t lamport.Time, name []byte, out *swim.Output) {
	switch v {
	case lamport.Duplicate:
		n.count.EventDuplicates++
	case lamport.BeforeMin:
		n.count.EventsBeforeMin++
	case lamport.TooOld:
		n.count.EventsOld++
		n.note(out, swim.Warn, NoteEventOld, swim.Note{N: int64(t), Text: swim.ClipText(name)})
	default:
		n.count.EventsDropped++
		n.note(out, swim.Warn, NoteEventDropped, swim.Note{N: int64(t), Text: swim.ClipText(name)})
	}
}
