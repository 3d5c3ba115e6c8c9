package netsim

import (
	"cmp"
	"slices"

	"serf/swim"
)

// told is what machines told in a window, kept until the observers may see it.
type told struct {
	list  []toldEvent
	ids   []swim.MemberID // backs Members
	bytes []byte          // backs Name and Data
}

type toldEvent struct {
	at   swim.Time
	host int32
	swim.Event
}

// add keeps a copy of an event of host h.
func (t *told) add(now swim.Time, h int32, e *swim.Event) {
	t.list = append(t.list, toldEvent{now, h, *e})
	c := &t.list[len(t.list)-1]
	c.Name, c.Data = t.hold(e.Name), t.hold(e.Data)
	if len(e.Members) > 0 {
		at := len(t.ids)
		t.ids = append(t.ids, e.Members...)
		c.Members = t.ids[at:len(t.ids):len(t.ids)]
	}
}

func (t *told) hold(b []byte) []byte {
	if b == nil {
		return nil
	}
	at := len(t.bytes)
	t.bytes = append(t.bytes, b...)
	return t.bytes[at:len(t.bytes):len(t.bytes)]
}

// keepTold is how much memory for events, and for the bytes of some, is kept.
const keepTold = 4096

func (t *told) reset() {
	clear(t.list)
	t.list, t.ids, t.bytes = emptied(t.list, keepTold), emptied(t.ids, keepTold), emptied(t.bytes, 16*keepTold)
}

func emptied[T any](s []T, keep int) []T {
	if cap(s) > keep {
		return nil
	}
	return s[:0]
}

// tellObservers shows observers what was told since the last time, and reports whether there was anything.
func (s *Sim) tellObservers() bool {
	list := s.gather()
	if len(list) == 0 {
		return false
	}
	end := s.now
	s.observing = true
	for _, x := range list {
		s.now = x.at
		for _, o := range s.observers {
			o.Event(x.at, int(x.host), &x.Event)
		}
	}
	s.observing, s.now = false, end
	clear(list)
	for _, w := range s.workers {
		w.told.reset()
	}
	return true
}

// gather lists what all workers have to tell, by time and host; what one host told stays in order.
func (s *Sim) gather() []*toldEvent {
	list := s.telling[:0]
	for _, w := range s.workers {
		for i := range w.told.list {
			list = append(list, &w.told.list[i])
		}
	}
	slices.SortStableFunc(list, func(a, b *toldEvent) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.host, b.host))
	})
	s.telling = emptied(list, keepTold)
	return list
}
