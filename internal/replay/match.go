package replay

import (
	"net/netip"
	"slices"

	"serf/swim"
)

// way is where a message comes from and goes to, with these bytes. Nodes repeat themselves: there
// may be several.
type way struct {
	from, to int // nodes; unknown if it isn't clear from the address
	sum      uint64
	stream   bool
}

const unknown = -1

// traffic is the messages of one way, each list in the order of its node's clock.
type traffic struct {
	sent []*Message
	got  []*Moment
}

// match finds for each message that a node received who sent it, and estimates the clocks on the
// way: from the messages that were sent only once. Those that were sent again and again are told
// apart by the times then.
func (s *sources) match() {
	ways := s.ways()
	for _, w := range ways {
		if len(w.sent) == 1 && len(w.got) == 1 {
			join(w.sent[0], w.got[0])
		}
	}
	s.reconcile()
	for _, w := range ways {
		if len(w.sent) > 1 || len(w.got) > 1 {
			s.matchRepeated(w)
		}
	}
	s.matchAnswers()
}

// received yields what all nodes received.
func (s *sources) received(yield func(*Moment) bool) {
	for _, list := range s.got {
		for _, x := range list {
			if x.got.kind != noReceipt && !yield(x) {
				return
			}
		}
	}
}

func join(m *Message, x *Moment) { m.got, x.Cause = x, m }

// ways sorts all messages but answers.
func (s *sources) ways() []*traffic {
	byWay := make(map[way]*traffic)
	var all []*traffic
	of := func(w way) *traffic {
		t := byWay[w]
		if t == nil {
			t = new(traffic)
			byWay[w] = t
			all = append(all, t)
		}
		return t
	}
	for _, m := range s.sent {
		to, err := netip.ParseAddrPort(m.To)
		if err != nil {
			continue
		}
		node, ok := s.byAdr[to]
		if !ok {
			continue
		}
		m.node = node
		t := of(way{s.senderOf(m), node, m.sum, m.stream != 0})
		t.sent = append(t.sent, m)
	}
	for x := range s.received {
		if k := x.got.kind; k != replyReceipt {
			t := of(way{s.senderAt(x), s.runs[x.run].node, x.got.sum, k == requestReceipt})
			t.got = append(t.got, x)
		}
	}
	return all
}

// senderOf is the node that sent a message, as its receiver can know it.
func (s *sources) senderOf(m *Message) int {
	node := s.runs[m.by.run].node
	if m.stream == 0 || s.byHost[s.hosts[node]] == node {
		return node
	}
	return unknown
}

// senderAt is the node from which an input came. Streams come from any port: they tell the host.
func (s *sources) senderAt(x *Moment) int {
	node, ok := s.byAdr[x.got.from]
	if x.got.kind == requestReceipt {
		node, ok = s.byHost[x.got.from.Addr()]
	}
	if !ok {
		return unknown
	}
	return node
}

// matchRepeated takes for each message that arrived, from the last one on, the last that had been
// sent by then and isn't taken: what waited for a node that stood still came, and the rest was lost.
func (s *sources) matchRepeated(w *traffic) {
	left := w.sent
	for _, x := range slices.Backward(w.got) {
		arrived := s.common(x.run, x.at).Add(s.Clocks[x.run].Within)
		for len(left) > 0 {
			m := left[len(left)-1]
			left = left[:len(left)-1]
			if !s.common(m.by.run, m.by.at).After(arrived) {
				join(m, x)
				break
			}
		}
	}
}

// matchAnswers finds out which answers arrived: they go where the request came from.
func (s *sources) matchAnswers() {
	type stream struct {
		run int
		id  swim.StreamID
	}
	asked := make(map[stream]*Message) // by the stream on which the request arrived
	for x := range s.received {
		if x.got.kind == requestReceipt && x.Cause != nil {
			asked[stream{x.run, x.got.stream}] = x.Cause
		}
	}
	answers := make(map[stream]*Message) // by the stream of the asker
	for _, m := range s.sent {
		if request := asked[stream{m.by.run, m.stream}]; m.answer && request != nil {
			m.node = s.runs[request.by.run].node
			m.To = s.Nodes[m.node]
			answers[stream{request.by.run, request.stream}] = m
		}
	}
	for x := range s.received {
		if m := answers[stream{x.run, x.got.stream}]; x.got.kind == replyReceipt && m != nil {
			join(m, x)
		}
	}
}
