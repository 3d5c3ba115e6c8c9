package coord

import "serf/internal/checkpoint"

// Code saves the client or restores it. Its limit is that of New.
func (c *Client) Code(s *checkpoint.Coder) {
	c.here.code(s)
	for i := range c.adjust {
		s.Float(&c.adjust[i])
	}
	checkpoint.Int(s, &c.adjustN)
	s.Check(c.adjustN >= 0 && c.adjustN < adjustWindow)
	checkpoint.Uint(s, &c.resets)
	c.peers.code(s)
}

func (c *Coordinate) code(s *checkpoint.Coder) {
	for i := range c.Vec {
		s.Float(&c.Vec[i])
	}
	s.Float(&c.Error, &c.Adjustment, &c.Height)
}

// code keeps the slots as they are: which member loses its own depends on that.
func (p *peers) code(s *checkpoint.Coder) {
	n := len(checkpoint.Slice(s, &p.keys, 1))
	s.Check(n <= p.limit && n&(n-1) == 0)
	if s.Restoring() && s.Err() == nil {
		p.slots = make([]peer, n)
	}
	for i := range p.slots {
		checkpoint.Uint(s, &p.keys[i])
		if p.keys[i] != 0 {
			p.slots[i].code(s)
		}
	}
}

func (p *peer) code(s *checkpoint.Coder) {
	p.at.code(s)
	for i := range p.rtts {
		checkpoint.Int(s, &p.rtts[i])
	}
	checkpoint.Uint(s, &p.n)
	s.Check(p.n >= 1 && p.n <= filterSize)
}
