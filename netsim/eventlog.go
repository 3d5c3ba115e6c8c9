package netsim

import (
	"serf/swim"
)

// Observer sees every event of every host, in the order of time and of hosts. It may
// look at machines, which are up to the time of the quickest packet ahead of the event, but
// not call into them: e and what it points to are borrowed. What an observer wants done goes through [Sim.At].
type Observer interface {
	Event(now swim.Time, host int, e *swim.Event)
}

// eventLog is what machines told in a window, kept until the observers may see it.
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

// keepLogged is how much memory for events, and for the bytes of some, is kept.
const keepLogged = 4096

func (t *eventLog) reset() {
	clear(t.list)
	t.list, t.ids, t.bytes = emptied(t.list, keepLogged), emptied(t.ids, keepLogged), emptied(t.bytes, 16*keepLogged)
}

func emptied[T any](s []T, keep int) []T {
	if cap(s) > keep {
		return nil
	}
	return s[:0]
}
