package dissect

import "serf/wire"

// stepNames are the steps of exchanges of differences.
var stepNames = []string{"none", "whole", "ask", "sums", "parts"}

// stateNames are the states of a member in a push/pull.
var stateNames = []string{"alive", "suspect", "dead", "left"}

// pushPull words a push/pull: what each side says of members, and the state of Serf.
func pushPull(x *Part, body []byte) {
	h, rest, err := wire.ParsePushPullHeader(body)
	x.set("join", h.Join)
	x.difference(&h.Diff)
	x.Add("members", h.Nodes)
	x.broken(err)
	if err != nil {
		return
	}
	states, rest, err := wire.ParseNodeStates(rest, h.Nodes)
	if err == nil && states.Len() < h.Nodes || len(rest) < h.UserStateLen {
		err = wire.ErrShort
	}
	if err != nil {
		x.fault(err)
		return
	}
	for it := states.Iter(); it.Next(); {
		s := &it.State
		m := Part{Kind: "member"}
		m.Name("node", s.Name)
		m.Add("state", named(stateNames, s.State))
		m.Add("incarnation", s.Inc)
		m.identity(s.Addr, s.Port, s.Meta, s.Vsn)
		x.Parts = append(x.Parts, m)
	}
	if state := rest[:h.UserStateLen]; len(state) > 0 {
		x.Parts = append(x.Parts, serf(state))
	}
}

// difference words what a push/pull says about an exchange of differences.
func (p *Part) difference(f *wire.Diff) {
	if f.Step == wire.DiffNone {
		return
	}
	p.Add("difference", named(stepNames, uint8(f.Step)))
	p.given("root", f.Root)
	p.given("salt", f.Salt)
	p.given("sums_bytes", uint64(len(f.Sums)))
	if len(f.Parts) > 0 {
		p.Payload("parts_that_differ", f.Parts)
	}
	p.given("event_sums_bytes", uint64(len(f.Above)))
}

// named is the name of a value, or its number as a later version may have it.
func named(names []string, n uint8) any {
	if int(n) < len(names) {
		return names[n]
	}
	return n
}

// serfState words the state that Serf adds to a push/pull.
func (p *Part) serfState(body []byte) {
	s, err := wire.ParseSerfState(body)
	p.Add("ltime", s.LTime)
	p.Add("event_ltime", s.EventLTime)
	p.Add("query_ltime", s.QueryLTime)
	p.broken(err)
	if err != nil {
		return
	}
	for it := s.LeftMembers.Iter(); it.Next(); {
		m := Part{Kind: "left"}
		m.Name("node", it.Elem)
		p.Parts = append(p.Parts, m)
	}
	for it := s.StatusLTimes.Iter(); it.Next(); {
		m := Part{Kind: "status"}
		m.Name("node", it.Name)
		m.Add("ltime", it.LTime)
		p.Parts = append(p.Parts, m)
	}
	for it := s.Events.Iter(); it.Next(); {
		for events := it.Slot.Iter(); events.Next(); {
			m := Part{Kind: "user event"}
			m.Name("name", events.Event.Name)
			m.Add("ltime", it.Slot.LTime)
			m.Payload("payload", events.Event.Payload)
			p.Parts = append(p.Parts, m)
		}
	}
}
