package history

import "serf/internal/checkpoint"

// Code saves the log or restores it. The numbers of records and names stay: those to come go by
// them.
func (l *Log) Code(c *checkpoint.Coder) {
	checkpoint.Int(c, &l.Limit, &l.len)
	checkpoint.Uint(c, &l.seq, &l.dropped)
	for i := range checkpoint.Slice(c, &l.names, 7) {
		l.names[i].code(c)
	}
	made := c.Len(l.made, 2)
	if c.Restoring() {
		l.allocate(made)
	}
	for i := range made {
		l.at(number(i + 1)).code(c)
	}
	checkpoint.Uint(c, &l.free, &l.oldest, &l.newest, &l.freeName)
	if c.Restoring() {
		l.reindex()
		c.Check(l.sound())
	}
}

// allocate makes so many records, of which the log has none.
func (l *Log) allocate(n int) {
	for l.made = n; len(l.pages)*pageRecords < n; {
		l.pages = append(l.pages, new([pageRecords]record))
	}
}

// reindex finds again what follows from the names.
func (l *Log) reindex() {
	for i, x := range l.names {
		if x.text == "" {
			continue
		}
		if l.byName == nil {
			l.byName = make(map[string]number, len(l.names))
		}
		l.byName[x.text] = number(i)
		l.textSize += len(x.text)
	}
}

// sound tells whether all numbers are those of records and names, and the changes as many as they
// are said to be, one after the other.
func (l *Log) sound() bool {
	record := func(n number) bool { return int(n) <= l.made }
	name := func(n number) bool { return n == 0 || int(n) < len(l.names) }
	ok := l.made < 1<<16 && len(l.names) < 1<<16 &&
		record(l.free) && record(l.oldest) && record(l.newest) && name(l.freeName)
	for i := range l.names {
		x := &l.names[i]
		ok = ok && record(x.first) && record(x.suspicion) && (x.text == "" || record(x.last))
	}
	for i := range l.made {
		r := l.at(number(i + 1))
		ok = ok && record(r.newer) && record(r.older) && record(r.next) &&
			name(r.subject) && name(r.accuser) && name(r.via)
		for _, n := range r.relays {
			ok = ok && name(n)
		}
		for _, n := range r.confirmers {
			ok = ok && name(n)
		}
	}
	if !ok {
		return false
	}
	last, i := number(0), l.oldest
	for range l.len {
		if i == 0 || l.at(i).older != last {
			return false
		}
		last, i = i, l.at(i).newer
	}
	return last == l.newest && i == 0
}

func (x *name) code(c *checkpoint.Coder) {
	c.Text(&x.text)
	checkpoint.Uint(c, &x.refs, &x.dropped)
	checkpoint.Uint(c, &x.first, &x.last, &x.suspicion)
	checkpoint.Uint(c, &x.count)
}

// code has only the number of the next in a record that is free.
func (r *record) code(c *checkpoint.Coder) {
	checkpoint.Uint(c, &r.newer, &r.subject)
	if r.subject == 0 {
		return
	}
	checkpoint.Int(c, &r.at)
	checkpoint.Uint(c, &r.seq)
	checkpoint.Uint(c, &r.incarnation, &r.refute)
	checkpoint.Uint(c, &r.accuser, &r.via, &r.older, &r.next)
	codeNumbers(c, r.relays[:])
	codeNumbers(c, r.confirmers[:])
	checkpoint.Uint(c, &r.from, &r.to)
	checkpoint.Uint(c, &r.cause)
	checkpoint.Uint(c, &r.flags, &r.health)
	checkpoint.Uint(c, &r.nacks, &r.confirms)
}

// codeNumbers codes a list that is filled from the front.
func codeNumbers(c *checkpoint.Coder, list []number) {
	n := len(list)
	for ; n > 0 && list[n-1] == 0; n-- {
	}
	n = c.Len(n, 1)
	if c.Check(n <= len(list)); c.Err() != nil {
		return
	}
	for i := range n {
		checkpoint.Uint(c, &list[i])
	}
}
