package history

// The memory of a Log: pages of records, and a table of names that counts who mentions them.

// at returns record i, which must be one.
func (l *Log) at(i number) *record {
	k := int(i) - 1
	return &l.pages[k/pageRecords][k%pageRecords]
}

// makeRoom drops what a further change of subject leaves no room for.
func (l *Log) makeRoom(subject string) {
	if s, ok := l.byName[subject]; ok && l.names[s].count >= MemberMax {
		l.drop(l.names[s].first)
	}
	if l.free == 0 && l.made == len(l.pages)*pageRecords && !l.mayGrow() {
		l.drop(l.oldest)
	}
}

// mayGrow tells whether there may be another page of records.
func (l *Log) mayGrow() bool {
	limit := l.limit()
	pages := (len(l.pages) + 1) * pageBytes
	return l.len == 0 || pages <= limit*3/4 && l.Bytes()+pageBytes <= limit // the rest is for names
}

func (l *Log) limit() int {
	limit := l.Limit
	if limit == 0 {
		limit = BytesMax
	}
	return limit - limit/spare
}

// trim drops the oldest changes while they take too much memory together, but never the last.
func (l *Log) trim() {
	for l.Bytes() > l.limit() && l.oldest != l.newest {
		l.drop(l.oldest)
	}
}

// alloc returns a record that is free.
func (l *Log) alloc() number {
	if i := l.free; i != 0 {
		l.free = l.at(i).newer
		return i
	}
	if l.made == len(l.pages)*pageRecords {
		l.pages = append(l.pages, new([pageRecords]record))
	}
	l.made++
	return number(l.made)
}

// drop removes record i, the oldest of its member.
func (l *Log) drop(i number) {
	r := l.at(i)
	s := &l.names[r.subject]
	s.first = r.next
	if s.first == 0 {
		s.last = 0
	}
	if s.suspicion == i {
		s.suspicion = 0
	}
	s.count--
	s.dropped++
	l.dropped++
	l.unlink(r)
	for _, n := range r.relays {
		l.release(n)
	}
	for _, n := range r.confirmers {
		l.release(n)
	}
	l.release(r.accuser)
	l.release(r.via)
	l.release(r.subject)
	*r = record{newer: l.free}
	l.free = i
}

// unlink takes r out of the order of all.
func (l *Log) unlink(r *record) {
	if r.older != 0 {
		l.at(r.older).newer = r.newer
	} else {
		l.oldest = r.newer
	}
	if r.newer != 0 {
		l.at(r.newer).older = r.older
	} else {
		l.newest = r.older
	}
	l.len--
}

// intern returns the number of a name, with another reference; 0 for none.
func (l *Log) intern(s string) number {
	if s == "" {
		return 0
	}
	n, ok := l.byName[s]
	if !ok {
		n = l.newName(s)
	}
	return l.share(n)
}

// share takes another reference to a name.
func (l *Log) share(n number) number {
	if n != 0 {
		l.names[n].refs++
	}
	return n
}

func (l *Log) newName(s string) number {
	if l.byName == nil {
		l.byName, l.names = make(map[string]number), make([]name, 1)
	}
	n := l.freeName
	if n != 0 {
		l.freeName = l.names[n].last
		l.names[n] = name{text: s}
	} else {
		n = number(len(l.names))
		l.names = append(l.names, name{text: s})
	}
	l.byName[s] = n
	l.textSize += len(s)
	return n
}

// release gives back a reference to a name.
func (l *Log) release(n number) {
	if n == 0 {
		return
	}
	s := &l.names[n]
	if s.refs--; s.refs > 0 {
		return
	}
	delete(l.byName, s.text)
	l.textSize -= len(s.text)
	*s = name{last: l.freeName}
	l.freeName = n
}
