package serf

import (
	"regexp"

	"serf/internal/checkpoint"
)

func (n *Node) codeQuery(c *checkpoint.Coder, q *query, message func(*[]byte)) {
	checkpoint.Uint(c, &q.op)
	checkpoint.Uint(c, &q.time)
	checkpoint.Uint(c, &q.id)
	c.Text(&q.name)
	checkpoint.Int(c, &q.deadline, &q.ends)
	c.Bool(&q.wantAck, &q.failed, &q.extended)
	q.filters.code(c)
	c.Addr(&q.rival)
	checkpoint.Map(c, &q.replies, 2, func(name *string, r *replySet) {
		c.Text(name)
		checkpoint.Uint(c, r)
	})
	checkpoint.Int(c, &q.unknown)
	checkpoint.Int(c, &q.responses)
	n.codeSet(c, &q.pending)

	r := &q.repeat
	message(&r.msg)
	c.Bool(&r.unicast)
	checkpoint.Int(c, &r.at)
	checkpoint.Int(c, &r.gap, &r.maxGap)
	checkpoint.Uint(c, &r.next) // it may be beyond the last member
}

func (f *queryFilters) code(c *checkpoint.Coder) {
	for i := range checkpoint.Slice(c, &f.names, 1) {
		checkpoint.Map(c, &f.names[i], 2, func(name *string, is *bool) {
			c.Text(name)
			c.Bool(is)
		})
	}
	for i := range checkpoint.Slice(c, &f.tags, 2) {
		f.tags[i].code(c)
	}
}

func (f *tagFilter) code(c *checkpoint.Coder) {
	text := ""
	if f.expr != nil {
		text = f.expr.String()
	}
	c.Text(&f.tag)
	c.Text(&text)
	if !c.Restoring() {
		return
	}
	expr, err := regexp.Compile(text)
	c.Check(err == nil)
	f.expr = expr
}

func (a *inboundQueries) code(c *checkpoint.Coder, message func(*[]byte)) {
	a.window.Code(c)
	for i := range checkpoint.Slice(c, &a.open, 17) {
		if c.Restoring() {
			a.open[i] = new(inboundQuery)
		}
		a.open[i].code(c, message)
	}
	checkpoint.Int(c, &a.expires, &a.nextTurn, &a.nextSync)
	checkpoint.Int(c, &a.doneFrom)
	c.Check(a.doneFrom >= 0 && a.doneFrom <= len(a.open))
	for i := range checkpoint.Slice(c, &a.unsaved, 1) {
		checkpoint.Uint(c, &a.unsaved[i])
	}
}

func (q *inboundQuery) code(c *checkpoint.Coder, message func(*[]byte)) {
	checkpoint.Uint(c, &q.op)
	c.Bool(&q.own, &q.vote, &q.extended, &q.declined, &q.responded)
	checkpoint.Uint(c, &q.time)
	checkpoint.Uint(c, &q.id)
	checkpoint.Int(c, &q.deadline)
	c.Text(&q.asker)
	c.Addr(&q.to, &q.from)
	checkpoint.Uint(c, &q.relay)
	message(&q.response)
	checkpoint.Int(c, &q.repeats)
}
