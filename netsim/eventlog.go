package netsim

import (
	"serf/swim"
)

// Observer sees every event of every host, ordered by time and host. It may read machines, which
// can be ahead of the event by up to the latency of the quickest packet, but must not call into
// them. e and what it points to are borrowed for the call. To act on an event, an observer uses
// [Sim.At].
type Observer interface {
	Event(now swim.Time, host int, e *swim.Event)
}

// eventLog has the events that machines emitted in a window, until the observers see them.
type eventLog struct {
	list  []loggedEvent
	ids   []swim.MemberID // backs Members
	bytes []byte          // backs Name and Data
}

type loggedEvent struct {
	at   swim.Time
	host int32
	swim.Event
}

// add keeps a copy of an event of host h.
func (t *eventLog) add(now swim.Time, h int32, e *swim.Event) {
	t.list = append(t.list, loggedEvent{now, h, *e})
	c := &t.list[len(t.list)-1]
	c.Name, c.Data = t.hold(e.Name), t.hold(e.Data)
	if len(e.Members) > 0 {
		at := len(t.ids)
		t.ids = append(t.ids, e.Members...)
		c.Members = t.ids[at:len(t.ids):len(t.ids)]
	}
}

func (t *eventLog) hold(b []byte) []byte {
	if b == nil {
		return nil
	}
	at := len(t.bytes)
	t.bytes = append(t.bytes, b...)
	return t.bytes[at:len(t.bytes):len(t.bytes)]
}

// keepLogged bounds the capacity that is kept for the next window: events, and 16 times as many
// bytes.
const keepLogged = 4096

func (t *eventLog) reset() {
	clear(t.list)
	t.list, t.ids = emptied(t.list, keepLogged), emptied(t.ids, keepLogged)
	t.bytes = emptied(t.bytes, 16*keepLogged)
}

func emptied[T any](s []T, keep int) []T {
	if cap(s) > keep {
		return nil
	}
	return s[:0]
}
