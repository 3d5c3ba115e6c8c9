package swim

import (
	"serf/internal/checkpoint"
	"serf/swim/internal/paged"
)

// code keeps the numbers of members and identities, and which are free: those to come go by them.
func (r *Roster) code(c *checkpoint.Coder) {
	idents := c.Len(len(r.idents), 1)
	if c.Restoring() {
		r.idents, r.byName = make([]identity, idents), make(map[string]MemberID)
	}
	list := checkpoint.Slice(c, &r.members, 3)
	if c.Restoring() {
		r.hashes = make([]uint64, len(list))
	}
	for i := range list {
		r.codeMember(c, MemberID(i))
	}
	for i := range checkpoint.Slice(c, &r.freeM, 1) {
		checkpoint.Uint(c, &r.freeM[i])
		c.Check(int(r.freeM[i]) < len(r.members))
	}
	for i := range checkpoint.Slice(c, &r.freeI, 1) {
		checkpoint.Uint(c, &r.freeI[i])
		c.Check(int(r.freeI[i]) < len(r.idents))
	}
	c.Check(len(r.members)-1 == len(r.byName)+len(r.freeM) && len(r.byName) <= r.limit)
}

// CodeIDs saves or restores IDs of members, NoMember included, that are below those to come.
func (r *Roster) CodeIDs(c *checkpoint.Coder, ids ...*MemberID) {
	for _, id := range ids {
		checkpoint.Uint(c, id)
		c.Check(int(*id) < len(r.members))
	}
}

// codeMember codes a member and its identities.
func (r *Roster) codeMember(c *checkpoint.Coder, id MemberID) {
	m := &r.members[id]
	c.Text(&m.name)
	checkpoint.Int(c, &m.refs)
	if c.Restoring() && m.name != "" {
		r.hashes[id] = HashName(m.name)
		r.byName[m.name] = id
	}
	for at := &m.idents; ; {
		if checkpoint.Uint(c, at); *at == 0 {
			return
		}
		if c.Restoring() && (int(*at) >= len(r.idents) || r.idents[*at].refs != 0) {
			*at = 0
			c.Fail(checkpoint.ErrDamaged)
			return
		}
		d := &r.idents[*at]
		d.profile.code(c)
		checkpoint.Int(c, &d.refs)
		if c.Restoring() {
			c.Check(d.refs > 0)
			d.hash = d.profile.hash(r.hashes[id])
		}
		at = &d.next
	}
}

func (p *profile) code(c *checkpoint.Coder) {
	c.Addr(&p.addr)
	c.Bytes(&p.meta)
	c.Raw(p.versions[:])
}

func (v *view) code(c *checkpoint.Coder) {
	paged.Code(c, &v.order, func(_ int, id *MemberID) { v.roster.CodeIDs(c, id) })
	pos := v.positions(c)
	paged.Code(c, &v.recs, func(i int, r *record) {
		if r.code(c); c.Restoring() && r.known() && c.Err() == nil {
			ok := i < len(pos) && int(r.ident) < len(v.roster.idents)
			if c.Check(ok && v.order.At(int(pos[i])) == MemberID(i)); ok {
				r.pos = pos[i]
			}
		}
	})
	if c.Restoring() {
		for id := range v.all {
			c.Check(v.has(id))
		}
	}
	checkpoint.Int(c, &v.live, &v.size)
	c.Check(v.live >= 0 && v.live <= v.order.Len())
	c.Hash(&v.root)
	v.zoning.code(c)
}

// positions returns the places of members in the order, when it was restored.
func (v *view) positions(c *checkpoint.Coder) (pos []uint32) {
	if !c.Restoring() || c.Err() != nil {
		return nil
	}
	pos = make([]uint32, len(v.roster.members))
	for i := range v.order.Len() {
		pos[v.order.At(i)] = uint32(i)
	}
	return pos
}

// code leaves out the place in the order, which has it.
func (r *record) code(c *checkpoint.Coder) {
	if checkpoint.Uint(c, &r.ident); r.ident == 0 {
		return
	}
	checkpoint.Int(c, &r.since)
	checkpoint.Uint(c, &r.inc)
	checkpoint.Uint(c, &r.state)
	c.Bool(&r.unconfirmed)
	checkpoint.Uint(c, &r.zone)
}

func (z *zoning) code(c *checkpoint.Coder) {
	for i := range checkpoint.Slice(c, &z.zones, 10) {
		x := &z.zones[i]
		c.Hash(&x.key)
		checkpoint.Int(c, &x.members, &x.live)
	}
	checkpoint.Uint(c, &z.home)
	for i := range checkpoint.Slice(c, &z.mates, 1) {
		checkpoint.Uint(c, &z.mates[i])
	}
}

// Code saves the queue, or restores it into one whose Fair is set. message codes a message.
func (q *Queue) Code(c *checkpoint.Coder, message func(*[]byte)) {
	checkpoint.Uint(c, &q.drops, &q.sent, &q.sentBytes)
	n := c.Len(q.n, 3)
	if !c.Restoring() {
		for i := range q.lists {
			for s := q.lists[i].last; s != 0; s = q.slots[s-1].prev {
				q.slots[s-1].code(c, message)
			}
		}
		return
	}
	c.Check(n <= QueueMax)
	for range n {
		var x slot
		if x.code(c, message); c.Err() != nil {
			return
		}
		c.Check(x.sends <= 1<<10 && !q.Has(x.key))
		q.restore(x)
	}
}

// restore adds a broadcast as the newest of those sent as often.
func (q *Queue) restore(x slot) {
	s := q.take()
	q.slots[s-1] = x
	if x.key != 0 {
		if q.byKey == nil {
			q.byKey = make(map[uint64]int16)
		}
		q.byKey[x.key] = s
	}
	q.n++
	q.push(s)
}

func (s *slot) code(c *checkpoint.Coder, message func(*[]byte)) {
	message(&s.msg)
	checkpoint.Uint(c, &s.key)
	checkpoint.Uint(c, &s.sends)
}

// Code saves the rebroadcasts or restores them.
func (r *Rebroadcasts) Code(c *checkpoint.Coder) {
	for i := range checkpoint.Slice(c, &r.list, 2) {
		c.Bytes(&r.list[i].msg)
		checkpoint.Int(c, &r.list[i].left)
	}
	checkpoint.Int(c, &r.next)
	c.Check(r.next >= 0 && len(r.list) <= RebroadcastsMax)
}
