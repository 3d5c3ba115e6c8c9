package serf

import (
	"serf/internal/checkpoint"
	"serf/lamport"
	"serf/swim"
	"serf/swim/internal/paged"
	"serf/wire"
)

// code codes what this layer adds to the membership, as swim.Node.Code does.
func (n *Node) code(c *checkpoint.Coder, keyOf func(wire.Fingerprint) []byte) {
	message := messageCoder{c, keyOf}.code
	for i := range n.due {
		checkpoint.Int(c, &n.due[i])
	}
	checkpoint.Int(c, &n.start)
	checkpoint.Uint(c, &n.ops)
	n.leave.code(c)
	n.journal.code(c)
	n.memberClock.Code(c)
	n.eventClock.Code(c)
	n.queryClock.Code(c)
	n.events.code(c)
	n.gossip.code(c, message)
	n.coords.client.Code(c)
	n.count.code(c)
	n.table.code(c)
	n.tags.code(c)
	n.intents.code(c)
	n.codeLarge(c)
	for i := range checkpoint.Slice(c, &n.queries, 20) {
		if c.Restoring() {
			n.queries[i] = new(query)
		}
		n.codeQuery(c, n.queries[i], message)
	}
	n.inbound.code(c, message)
	n.codeConflict(c)
	n.codeCoalescer(c)
	n.lost.code(c)
	n.rejoin.code(c)
	for i := range checkpoint.Slice(c, &n.joins.noReplay, 1) {
		checkpoint.Uint(c, &n.joins.noReplay[i])
	}
}

func (l *leaving) code(c *checkpoint.Coder) {
	checkpoint.Uint(c, &l.phase)
	checkpoint.Uint(c, &l.op, &l.swimOp)
	c.Error(&l.err, swim.ErrLeaveTimeout)
	checkpoint.Int(c, &l.nextRefute)
}

func (j *journal) code(c *checkpoint.Coder) {
	checkpoint.Uint(c, &j.event, &j.query, &j.wroteMember, &j.wroteEvent, &j.wroteQuery)
	c.Bool(&j.closed)
}

func (s *events) code(c *checkpoint.Coder) {
	for i := range checkpoint.Slice(c, &s.backlog, 3) {
		e := &s.backlog[i]
		c.Bytes(&e.name)
		c.Bytes(&e.payload)
		if c.Bool(&e.coalesce); c.Restoring() {
			s.backlogBytes += e.size()
		}
	}
	for i := range checkpoint.Slice(c, &s.inFlight, 1) {
		checkpoint.Uint(c, &s.inFlight[i])
	}
	checkpoint.Int(c, &s.unsynced)
	s.window.Code(c)
}

func (g *gossip) code(c *checkpoint.Coder, message func(*[]byte)) {
	checkpoint.Uint(c, &g.turns)
	c.Bool(&g.changed)
	g.intents.Code(c, c.Bytes)
	g.queries.Code(c, message)
	g.events.Code(c, c.Bytes)
	g.rebroadcasts.Code(c)
	checkpoint.Uint(c, &g.noted.drops, &g.noted.tooLarge, &g.noted.large)
	if c.Restoring() {
		g.recount()
	}
}

// code leaves out the order, which is made when somebody asks for it.
func (t *table) code(c *checkpoint.Coder) {
	paged.Code(c, &t.recs, func(_ int, r *record) { r.code(c) })
	for i := range t.count {
		checkpoint.Int(c, &t.count[i])
	}
	checkpoint.Int(c, &t.reaped)
	checkpoint.Uint(c, &t.digest)
	c.Hash(&t.root)
}

func (r *record) code(c *checkpoint.Coder) {
	none := *r == record{}
	if c.Bool(&none); none {
		return
	}
	checkpoint.Uint(c, &r.statusTime)
	checkpoint.Int(c, &r.changed)
	checkpoint.Uint(c, &r.status)
	checkpoint.Uint(c, &r.lastEmitted)
	checkpoint.Uint(c, &r.marks)
	c.Check(r.status <= StatusFailed)
}

// code has the own tags alone. Those of others follow from what the membership has.
func (s *tagState) code(c *checkpoint.Coder) {
	checkpoint.Map(c, &s.own, 2, func(k, v *string) {
		c.Text(k)
		c.Text(v)
	})
}

func (s *pendingIntents) code(c *checkpoint.Coder) {
	checkpoint.Map(c, &s.byName, 5, func(name *string, it *intent) {
		c.Text(name)
		checkpoint.Uint(c, &it.time)
		checkpoint.Int(c, &it.at)
		c.Bool(&it.leave, &it.prune)
	})
	for i := range checkpoint.Slice(c, &s.queue, 2) {
		c.Text(&s.queue[i].name)
		checkpoint.Int(c, &s.queue[i].at)
	}
}

func (n *Node) codeLarge(c *checkpoint.Coder) {
	for i := range checkpoint.Slice(c, &n.large.queue, 4) {
		e := &n.large.queue[i]
		checkpoint.Uint(c, &e.key)
		c.Bytes(&e.msg)
		n.codeSet(c, &e.sentTo)
		checkpoint.Int(c, &e.sent)
	}
	checkpoint.Int(c, &n.large.next)
}

// codeSet codes the members of a set. Restored, it may be shorter than it was.
func (n *Node) codeSet(c *checkpoint.Coder, s *idSet) {
	if !c.Restoring() {
		c.Len(s.n, 1)
		for id := range s.all {
			n.roster.CodeIDs(c, &id)
		}
		return
	}
	for range c.Len(0, 1) {
		var id swim.MemberID
		if n.roster.CodeIDs(c, &id); c.Err() == nil {
			s.add(id)
		}
	}
}

func (n *Node) codeConflict(c *checkpoint.Coder) {
	x := &n.conflict
	checkpoint.Uint(c, &x.op)
	checkpoint.Int(c, &x.matching, &x.others)
	checkpoint.Int(c, &x.next)
	c.Addr(&x.rival)
	c.Bool(&x.rivalFirst, &x.ceded)
	for i := range checkpoint.Slice(c, &x.rivals, 4) {
		r := &x.rivals[i]
		n.roster.CodeIDs(c, &r.member)
		c.Addr(&r.addr)
		checkpoint.Int(c, &r.until)
		checkpoint.Int(c, &r.replies)
	}
}

func (n *Node) codeCoalescer(c *checkpoint.Coder) {
	x := &n.coalesce
	checkpoint.Int(c, &x.membersEnd, &x.eventsEnd)
	for i := range checkpoint.Slice(c, &x.members, 3) {
		m := &x.members[i]
		n.roster.CodeIDs(c, &m.id)
		checkpoint.Uint(c, &m.kind)
		c.Bool(&m.flag)
	}
	for i := range checkpoint.Slice(c, &x.events, 3) {
		e := &x.events[i]
		checkpoint.Uint(c, &e.time)
		c.Bytes(&e.name)
		c.Bytes(&e.payload)
	}
	if c.Restoring() {
		x.reindex()
	}
}

// reindex finds again what follows from what was collected.
func (c *coalescer) reindex() {
	if len(c.members) > 0 {
		c.byMember = make(map[swim.MemberID]int)
	}
	for i, m := range c.members {
		c.byMember[m.id] = i
	}
	if len(c.events) > 0 {
		c.newest = make(map[string]lamport.Time)
	}
	for _, e := range c.events {
		c.newest[string(e.name)] = e.time // the later one isn't older
	}
}

func (l *lost) code(c *checkpoint.Coder) {
	for i := range checkpoint.Slice(c, &l.list, 3) {
		m := &l.list[i]
		c.Text(&m.name)
		c.Addr(&m.addr)
		checkpoint.Int(c, &m.at)
	}
	checkpoint.Uint(c, &l.op)
}

func (r *rejoin) code(c *checkpoint.Coder) {
	for i := range checkpoint.Slice(c, &r.missing, 2) {
		c.Text(&r.missing[i].Name)
		c.Addr(&r.missing[i].Addr)
	}
	checkpoint.Uint(c, &r.op)
	checkpoint.Int(c, &r.pause)
	c.Bool(&r.warned)
}

func (k *Counters) code(c *checkpoint.Coder) {
	checkpoint.Uint(c, &k.Joins, &k.Leaves, &k.Failures, &k.Updates, &k.Reaps, &k.Flaps, &k.Restarts,
		&k.LeavesRefuted, &k.Reconnects, &k.Conflicts, &k.Events, &k.Queries, &k.QueriesAsked,
		&k.QueriesRepeated, &k.RepliesRepeated, &k.Acks, &k.Responses, &k.Relays, &k.Coalesced,
		&k.EventDuplicates, &k.EventsBeforeMin, &k.QueryDuplicates, &k.QueriesBeforeMin,
		&k.AckDuplicates, &k.ResponseDuplicates, &k.BadMessages, &k.TimesRefused, &k.IntentsDropped,
		&k.EventsOld, &k.EventsDropped, &k.EventsRefused, &k.QueriesOld, &k.QueriesDropped,
		&k.InboundQueriesDropped, &k.ResponsesStray, &k.ResponsesDropped, &k.RepliesRefused,
		&k.RelaysRefused, &k.RelaysDropped, &k.TooLargeToGossip, &k.LargeEventsDropped, &k.KeyErrors,
		&k.CoordinatesRefused, &k.InternalQueries, &k.EventBytes, &k.QueryBytes, &k.MessagesIn,
		&k.MessageBytesIn, &k.ZeroRTTs)
}
