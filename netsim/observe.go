package netsim

import "sort"

// notifyObservers shows observers the events since the last call, and reports whether there were
// any.
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

// gather lists the events of all workers by time and host. Events of one host keep their order.
func (s *Sim) gather() []*loggedEvent {
	list := s.merged[:0]
	for _, w := range s.workers {
		for i := range w.log.list {
			list = append(list, &w.log.list[i])
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return a.at < b.at || a.at == b.at && a.host < b.host
	})
	s.merged = emptied(list, keepLogged)
	return list
}
