package netsim

import (
	"cmp"
	"slices"
)

// notifyObservers shows observers what was told since the last time, and reports whether there was anything.
func (s *Sim) notifyObservers() bool {
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
		w.log.reset()
	}
	return true
}

// gather lists what all workers have to tell, by time and host; what one host told stays in order.
func (s *Sim) gather() []*loggedEvent {
	list := s.merged[:0]
	for _, w := range s.workers {
		for i := range w.log.list {
			list = append(list, &w.log.list[i])
		}
	}
	slices.SortStableFunc(list, func(a, b *loggedEvent) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.host, b.host))
	})
	s.merged = emptied(list, keepLogged)
	return list
}
