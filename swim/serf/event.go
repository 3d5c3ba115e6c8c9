package serf

import (
	"bytes"
	"fmt"

	"serf/lamport"
	"serf/swim"
	"serf/wire"
)

// Own events aren't all stamped at once. Every member forgets what is older than the last
// lamport.WindowTimes times, and gossip tells the newest first: a burst of a
// thousand would make its own first half too old to be accepted (F23). So an
// event gets its time when few wait to be gossiped, and none that is much older.
const (
	// eventsInFlight is how many of all events may wait.
	eventsInFlight = lamport.WindowTimes / 8
	// eventsSpread is by how much the times of own events that wait may differ. The rest of the
	// window is for the way that they have yet to go.
	eventsSpread = lamport.WindowTimes / 4
	// In a cluster of at most smallCluster, gossip repeats an event so few times that by bad luck somebody
	// may never be told. A push/pull soon mends that, but not in a burst: by then the window has
	// passed. So after each syncEvery events of a burst we exchange states with all members.
	smallCluster = 8
	syncEvery    = lamport.WindowTimes / 4
	// backlogMax and backlogBytesMax bound the events that wait for that: some minutes
	// of what gossip carries. Beyond, UserEvent says ErrBusy.
	backlogMax      = 16384
	backlogBytesMax = 16 << 20
	// eventOverhead is about what an event costs in memory besides its bytes.
	eventOverhead = 64
)

// events is what this node has heard and wants to tell of user events.
type events struct {
	backlog      []userEvent // own, not stamped yet, oldest first
	backlogBytes int
	inFlight     []lamport.Time // own, queued, oldest first; those that are done may still be there
	unsynced     int            // own, stamped in this burst since the last exchange of states

	window lamport.Events
}

type userEvent struct {
	name, payload []byte
	coalesce      bool
}

func (e *userEvent) size() int { return len(e.name) + len(e.payload) + eventOverhead }

// UserEvent fires an event: it is delivered here too. With coalesce, members may keep only the newest of
// its name. It copies payload. The error is a *SizeError, or ErrBusy while there is no room for it.
func (n *Node) UserEvent(now swim.Time, name string, payload []byte, coalesce bool, out *swim.Output) error {
	e := userEvent{name: []byte(name), payload: bytes.Clone(payload), coalesce: coalesce}
	if err := n.checkEvent(&e); err != nil {
		return err
	}
	n.begin(out)
	s := &n.events
	s.backlog = append(s.backlog, e)
	s.backlogBytes += e.size()
	n.finish(now, out)
	return nil
}

func (n *Node) checkEvent(e *userEvent) error {
	const encoding = 64 // bytes around name and payload at most
	size := len(e.name) + len(e.payload)
	if size <= n.cfg.EventSizeMax && size+encoding > n.cfg.EventSizeMax {
		n.buf = n.appendEvent(n.buf[:0], n.eventClock.Now(), e)
		size = len(n.buf)
	}
	if err := n.cfg.CheckEventSize(size); err != nil {
		return err
	}
	if s := &n.events; len(s.backlog) >= backlogMax || s.backlogBytes+e.size() > backlogBytesMax {
		n.count.EventsRefused++
		return fmt.Errorf("%d user events wait to be sent: %w", len(s.backlog), ErrBusy)
	}
	return nil
}

// EventRoom reports whether UserEvent has room for an event, whatever its size.
func (n *Node) EventRoom() bool {
	s := &n.events
	return len(s.backlog) < backlogMax && s.backlogBytes+n.cfg.EventSizeMax+eventOverhead <= backlogBytesMax
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

// syncBurst exchanges states with the members of a small cluster in the middle of a burst.
func (n *Node) syncBurst(now swim.Time, out *swim.Output) {
	if n.swim.Live() > smallCluster {
		return
	}
	n.picks = n.swim.RandomLive(n.picks[:0], smallCluster-1, nil)
	for _, id := range n.picks {
		n.swim.PushPull(now, id, out)
	}
}

// mayStamp says whether it is time for a further own event.
func (n *Node) mayStamp() bool {
	s := &n.events
	n.clearInFlight()
	if len(s.inFlight) > 0 && n.eventClock.Now()-s.inFlight[0] >= eventsSpread {
		return false
	}
	return n.gossip.events.Len() < eventsInFlight && len(n.large.queue) < largeInFlight
}

// clearInFlight forgets own events that have been told, up to the first that hasn't.
func (n *Node) clearInFlight() {
	s := &n.events
	for len(s.inFlight) > 0 && !n.gossip.events.Has(uint64(s.inFlight[0])) && !n.large.has(uint64(s.inFlight[0])) {
		s.inFlight = s.inFlight[1:]
	}
	if len(s.inFlight) == 0 {
		s.inFlight = nil
	}
}

// unsent is about how many own events the others haven't been told enough: a few that have may be
// counted with an older one.
func (n *Node) unsent() int {
	n.clearInFlight()
	return len(n.events.backlog) + len(n.events.inFlight)
}

// fire delivers an own event here and tells the others.
func (n *Node) fire(now swim.Time, e *userEvent, out *swim.Output) {
	t := n.eventClock.Next()
	if v := n.events.window.Add(n.eventClock.Now(), t, e.name, e.payload); v != lamport.Fresh {
		n.refuseEvent(v, t, e.name, out)
		return
	}
	n.tellEvent(now, t, e.name, e.payload, e.coalesce)
	n.buf = n.appendEvent(n.buf[:0], t, e)
	n.spreadEvent(now, uint64(t), n.buf)
	s := &n.events
	s.inFlight = append(s.inFlight, t)
}

func (n *Node) appendEvent(b []byte, t lamport.Time, e *userEvent) []byte {
	m := wire.UserEvent{CC: e.coalesce, LTime: uint64(t), Name: e.name, Payload: e.payload}
	return m.Append(b)
}

// handleUserEvent takes an event from gossip and passes it on if it's new.
func (n *Node) handleUserEvent(now swim.Time, msg, body []byte, out *swim.Output) error {
	m, err := wire.ParseUserEvent(body)
	if err != nil {
		return err
	}
	if n.applyEvent(now, lamport.Time(m.LTime), m.Name, m.Payload, m.CC, out) {
		n.spreadEvent(now, 0, msg)
	}
	return nil
}

// applyEvent delivers an event unless it is old or known, and says whether it did.
func (n *Node) applyEvent(now swim.Time, t lamport.Time, name, payload []byte, coalesce bool, out *swim.Output) bool {
	if len(name)+len(payload) > EventSizeCeiling {
		n.count.EventsDropped++
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteEventTooLarge, N: int64(len(name) + len(payload))})
		return false
	}
	if !n.witness(&n.eventClock, t, out) {
		return false
	}
	if v := n.events.window.Add(n.eventClock.Now(), t, name, payload); v != lamport.Fresh {
		n.refuseEvent(v, t, name, out)
		return false
	}
	n.tellEvent(now, t, name, payload, coalesce)
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
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteEventOld, N: int64(t), Text: clip(name)})
	default:
		n.count.EventsDropped++
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteEventDropped, N: int64(t), Text: clip(name)})
	}
}

// tellEvent is the one place that hands out user events, at once or coalesced.
func (n *Node) tellEvent(now swim.Time, t lamport.Time, name, payload []byte, coalesce bool) {
	n.count.Events++
	n.journal.event = max(n.journal.event, t)
	if coalesce && n.coalescesEvents() {
		n.coalesceEvent(now, t, name, payload)
		return
	}
	n.tell(swim.Event{Kind: EventUserEvent, LTime: uint64(t), Name: n.hold(name), Data: n.hold(payload), Flag: coalesce})
}

// clip copies a name from the network into a note.
func clip(name []byte) string {
	const most = 64 // bytes: a log line, not a dump
	if len(name) > most {
		return string(name[:most]) + "..."
	}
	return string(name)
}
