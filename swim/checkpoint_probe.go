package swim

import (
	"slices"

	"serf/internal/checkpoint"
)

func (n *Node) codeProbe(c *checkpoint.Coder) {
	p := &n.probe
	checkpoint.Uint(c, &p.order.key)
	checkpoint.Uint(c, &p.order.n, &p.order.next)
	checkpoint.Uint(c, &p.order.half)
	checkpoint.Int(c, &p.next)
	n.codeInquiry(c, &p.inquiry)
}

func (n *Node) codeInquiry(c *checkpoint.Coder, q *inquiry) {
	n.members(c, &q.target)
	checkpoint.Uint(c, &q.inc, &q.seq)
	checkpoint.Int(c, &q.sent, &q.ask, &q.end)
	c.Bool(&q.asked, &q.stream, &q.untimed)
	checkpoint.Uint(c, &q.tcp)
	for i := range q.helpers {
		n.members(c, &q.helpers[i])
	}
	checkpoint.Int(c, &q.nacksHoped, &q.nacks)
}

// codeSuspicions keeps the heap as it is.
func (n *Node) codeSuspicions(c *checkpoint.Coder) {
	s := &n.suspicions
	for i := range checkpoint.Slice(c, &s.heap, 13) {
		x := &s.heap[i]
		n.members(c, &x.member)
		x.code(c)
	}
	if c.Restoring() {
		for i := range s.heap {
			id := s.heap[i].member
			at, twice := s.find(id)
			c.Check(!twice)
			s.index = slices.Insert(s.index, at, suspectAt{id, uint32(i)})
		}
		s.order(0)
	}
}

// code leaves out the member.
func (s *suspicion) code(c *checkpoint.Coder) {
	checkpoint.Int(c, &s.start, &s.deadline, &s.floor, &s.early)
	checkpoint.Int(c, &s.least, &s.most, &s.lead)
	c.Bool(&s.asked, &s.checked)
	checkpoint.Uint(c, &s.hoped, &s.got)
	c.Check(s.got <= maxConfirmations && s.hoped <= maxConfirmations)
	for i := range s.from {
		checkpoint.Uint(c, &s.from[i])
	}
}

func (n *Node) codePing(c *checkpoint.Coder, p *pendingPing) {
	checkpoint.Uint(c, &p.seq, &p.askerSeq)
	checkpoint.Uint(c, &p.kind)
	c.Bool(&p.heard)
	n.members(c, &p.member, &p.asker)
	checkpoint.Int(c, &p.deadline, &p.sent, &p.nackAt)
	checkpoint.Uint(c, &p.op)
	c.Addr(&p.to)
	if p.kind != pingRejoin {
		return
	}
	if c.Restoring() {
		p.claim = new(claim)
	}
	n.codeClaim(c, p.claim)
}

func (n *Node) codeClaim(c *checkpoint.Coder, x *claim) {
	n.members(c, &x.id)
	c.Bytes(&x.name)
	x.profile.code(c)
	checkpoint.Uint(c, &x.inc)
	checkpoint.Int(c, &x.vsn)
	c.Addr(&x.from)
	c.Bool(&x.skipGossip, &x.requested, &x.answered, &x.packet)
}

func (n *Node) codeUnresponsive(c *checkpoint.Coder) {
	u := &n.unresponsive
	checkpoint.Uint(c, &u.last)
	c.Bool(&u.on)
	checkpoint.Int(c, &u.next, &u.restUntil)
	for i := range checkpoint.Slice(c, &u.extra, 16) {
		n.codeInquiry(c, &u.extra[i])
	}
	for i := range checkpoint.Slice(c, &u.heard, 3) {
		h := &u.heard[i]
		n.members(c, &h.id)
		checkpoint.Uint(c, &h.rank)
		checkpoint.Int(c, &h.at)
	}
	c.Check(len(u.heard) <= heardMax)
}

func (n *Node) codeMoves(c *checkpoint.Coder) {
	ms := &n.moves
	checkpoint.Int(c, &ms.due, &ms.wave)
	checkpoint.Int(c, &ms.many)
	for i := range checkpoint.Slice(c, &ms.list, 28) {
		m := &ms.list[i]
		n.members(c, &m.member)
		m.code(c)
	}
	if c.Restoring() && len(ms.list) > 0 {
		ms.at = make(map[MemberID]int)
		for i := range ms.list {
			ms.at[ms.list[i].member] = i
		}
	}
	c.Check(len(ms.at) == len(ms.list))
}

// code leaves out the member.
func (m *move) code(c *checkpoint.Coder) {
	checkpoint.Uint(c, &m.stage)
	checkpoint.Uint(c, &m.seq, &m.left)
	checkpoint.Uint(c, &m.pings)
	c.Bool(&m.loops, &m.requested)
	checkpoint.Int(c, &m.begun, &m.deadline)
	m.home.code(c)
	m.next.code(c)
}

func (h *home) code(c *checkpoint.Coder) {
	h.profile.code(c)
	checkpoint.Uint(c, &h.inc)
}

func (n *Node) codeRejoins(c *checkpoint.Coder) {
	for i := range checkpoint.Slice(c, &n.rejoins.returned, 3) {
		r := &n.rejoins.returned[i]
		n.members(c, &r.member)
		checkpoint.Uint(c, &r.fails)
		checkpoint.Int(c, &r.until)
	}
	for i := range checkpoint.Slice(c, &n.rejoins.forgotten, 3) {
		t := &n.rejoins.forgotten[i]
		checkpoint.Uint(c, &t.name)
		checkpoint.Uint(c, &t.inc)
		checkpoint.Int(c, &t.until)
	}
}
