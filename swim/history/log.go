package history

import "time"

const (
	// MemberMax is how many changes a Log keeps of one member: one that flaps twice a minute fills
	// that in 16 minutes, and doesn't push out what is known of others.
	MemberMax = 64
	// BytesMax bounds the memory of a Log: three changes of each member of a cluster of 10,000.
	BytesMax = 4 << 20

	// relaysMax and confirmersMax are how many names of each kind a change keeps.
	relaysMax, confirmersMax = 4, 6

	recordSize  = 64 // bytes
	pageRecords = 64
	pageBytes   = pageRecords * recordSize
	// spare is the part of the memory that is kept free: for what one change can take before old
	// ones have gone, and for what the allocator adds.
	spare = 64
	// nameCost is what a name takes in the table and the index, in bytes, at most. Neither shrinks:
	// the place of a name that nobody mentions any more is used again.
	nameCost = 112
)

// Log keeps changes. The zero Log is empty and ready. Its memory grows as changes come.
type Log struct {
	// Limit of the memory, in bytes; 0 means BytesMax, which is the most. It must not be changed
	// once there are changes.
	Limit int

	pages []*[pageRecords]record
	made  int    // records in pages that were ever in use; numbers start at 1
	free  number // first of those that are free, by newer

	oldest, newest number
	len            int

	names    []name // by their number; 0 is none
	freeName number // first of those that are free, by their last
	byName   map[string]number
	textSize int // bytes of all names

	seq     uint64
	dropped uint64
}

// number of a record or a name; 0 is none. Both limits are far below 65,536.
type number uint16

// name is a member's name, or an address.
type name struct {
	text        string
	refs        uint32 // in records
	dropped     uint32 // changes of this member
	first, last number // records of this member
	suspicion   number // the record that made it suspect, if it hasn't ended
	count       uint16 // of records
}

// record is a change as it is kept: 64 bytes, and no pointers.
type record struct {
	at          time.Duration
	seq         uint64
	incarnation uint32
	refute      uint32 // ms; of a Pause, how long it was

	subject      number
	accuser      number // or an address, see addressed
	via          number
	relays       [relaysMax]number
	confirmers   [confirmersMax]number
	newer, older number // among all
	next         number // of the same member

	from, to State
	cause    Cause
	flags    uint8
	health   uint8
	nacks    nibbles // Nacks, NacksHoped
	confirms nibbles // Confirmations, Hoped
}

// Bits of record.flags.
const (
	flagLearned  = 3 << 0
	flagTCP      = 7 << 2
	flagProbe    = 1 << 5
	flagLastPing = 1 << 6

	shiftTCP = 2
)

// nibbles are two small numbers, each at most 15.
type nibbles uint8

func nibblesOf(a, b int) nibbles { return nibbles(min(a, 15)<<4 | min(b, 15)) }

func (n nibbles) get() (a, b int) { return int(n >> 4), int(n & 15) }

// addressed tells whether a change with this cause has an address in place of an accuser.
func (c Cause) addressed() bool { return c == Moved || c == Conflict }

// Add records a change of the member subject. It numbers the change and copies it: c.Seq, c.Time
// and c.Text don't matter. Where the last change of the member is known it says what c.From is. A
// change that ends a suspicion takes over who accused and confirmed, and how long it took.
func (l *Log) Add(subject string, c *Change) {
	l.makeRoom(subject)
	i := l.alloc()
	r := l.at(i)
	l.seq++
	*r = record{
		at: c.At, seq: l.seq, incarnation: c.Incarnation,
		refute: milliseconds(time.Duration(max(c.Refute, c.Paused)) * time.Millisecond),
		from:   c.From, to: c.To, cause: c.Cause, health: uint8(min(c.Health, 255)),
		flags: uint8(c.Learned) & flagLearned,
	}
	if c.LastPing {
		r.flags |= flagLastPing
	}
	r.confirms = nibblesOf(c.Confirmations, c.Hoped)
	r.subject = l.intern(subject)
	r.via = l.intern(c.Via)
	if c.Cause.addressed() {
		r.accuser = l.intern(c.Addr)
	} else {
		r.accuser = l.intern(c.Accuser)
	}
	for k, s := range c.Confirmers[:min(len(c.Confirmers), confirmersMax)] {
		r.confirmers[k] = l.intern(s)
	}
	l.setSteps(r, c.Probe)
	l.link(i)
	l.trim()
}

// link appends record i to the order of all, and to that of its member.
func (l *Log) link(i number) {
	r := l.at(i)
	s := &l.names[r.subject]
	if last := s.last; last != 0 {
		l.at(last).next = i
		r.from = l.at(last).to
	} else {
		s.first = i
	}
	switch {
	case r.cause == Conflict, r.cause == Pause:
		r.to = r.from
	case r.to == Suspect:
		s.suspicion = i
	case s.suspicion != 0 && r.to != Leaving && r.cause != Stayed:
		l.endSuspicion(r, l.at(s.suspicion))
		s.suspicion = 0
	}
	s.last = i
	s.count++
	r.older = l.newest
	if l.newest != 0 {
		l.at(l.newest).newer = i
	} else {
		l.oldest = i
	}
	l.newest = i
	l.len++
}

// endSuspicion fills in what r, which ends the suspicion was, takes over from it.
func (l *Log) endSuspicion(r, was *record) {
	r.refute = milliseconds(r.at - was.at)
	if r.cause != Timeout && r.cause != Refutation && r.cause != Death {
		return
	}
	r.confirms = was.confirms
	for k, c := range was.confirmers {
		r.confirmers[k] = l.share(c)
	}
	if r.accuser == 0 && r.cause != Death {
		r.accuser = l.share(was.accuser)
	}
}

func milliseconds(d time.Duration) uint32 {
	return uint32(min(max(d, 0)/time.Millisecond, 1<<32-1))
}

// Confirm records a further accuser of a suspect, who has until refute after the suspicion began.
func (l *Log) Confirm(subject, accuser string, refute time.Duration) {
	r := l.suspicion(subject)
	if r == nil {
		return
	}
	r.refute = milliseconds(refute)
	got, hoped := r.confirms.get()
	if got < confirmersMax {
		r.confirmers[got] = l.intern(accuser)
	}
	r.confirms = nibblesOf(got+1, hoped)
	l.trim()
}

// Probed records that a suspect, accused by others, didn't answer this node's own probe either.
func (l *Log) Probed(subject string, p *Steps) {
	if r := l.suspicion(subject); r != nil && r.flags&flagProbe == 0 {
		l.setSteps(r, p)
		l.trim()
	}
}

// StreamEnded records what became of the stream of a suspect's probe, if that was over before.
func (l *Log) StreamEnded(subject string, tcp TCP) {
	const unanswered = flagProbe | uint8(NoAnswer)<<shiftTCP
	if r := l.suspicion(subject); r != nil && r.flags&(flagProbe|flagTCP) == unanswered {
		r.flags = r.flags&^flagTCP | uint8(tcp)<<shiftTCP&flagTCP
	}
}

// suspicion returns the change that made a member suspect, if it still is.
func (l *Log) suspicion(subject string) *record {
	s, ok := l.byName[subject]
	if !ok || l.names[s].suspicion == 0 {
		return nil
	}
	return l.at(l.names[s].suspicion)
}

func (l *Log) setSteps(r *record, p *Steps) {
	if p == nil {
		return
	}
	r.flags |= flagProbe | uint8(p.TCP)<<shiftTCP&flagTCP
	r.nacks = nibblesOf(p.Nacks, p.NacksHoped)
	for k, s := range p.Relays[:min(len(p.Relays), relaysMax)] {
		r.relays[k] = l.intern(s)
	}
}

// State returns the state of a member by its last change, None without one.
func (l *Log) State(subject string) State {
	s, ok := l.byName[subject]
	if !ok || l.names[s].last == 0 {
		return None
	}
	return l.at(l.names[s].last).to
}

// Member returns the changes of a member that are kept, the oldest first, and how many older ones
// were dropped while any was kept.
func (l *Log) Member(subject string) (list []Change, dropped int) {
	s, ok := l.byName[subject]
	if !ok {
		return nil, 0
	}
	for i := l.names[s].first; i != 0; i = l.at(i).next {
		list = append(list, l.change(l.at(i)))
	}
	return list, int(l.names[s].dropped)
}

// Backwards yields the changes of all members, the newest first. l must not be changed meanwhile.
func (l *Log) Backwards(yield func(subject string, c Change) bool) {
	for i := l.newest; i != 0; i = l.at(i).older {
		if r := l.at(i); !yield(l.names[r.subject].text, l.change(r)) {
			return
		}
	}
}

// Len is the number of changes that are kept.
func (l *Log) Len() int { return l.len }

// Dropped is how many changes were dropped since the beginning, for whatever bound.
func (l *Log) Dropped() uint64 { return l.dropped }

// Bytes is the memory that the log takes, at most.
func (l *Log) Bytes() int {
	return len(l.pages)*pageBytes + len(l.names)*nameCost + l.textSize
}

func (l *Log) change(r *record) Change {
	c := Change{
		Seq: r.seq, At: r.at, From: r.from, To: r.to, Cause: r.cause,
		Learned: Learned(r.flags & flagLearned), Incarnation: r.incarnation,
		Via: l.text(r.via), Refute: int64(r.refute), Health: int(r.health),
		LastPing: r.flags&flagLastPing != 0,
	}
	c.splitPause()
	if r.cause.addressed() {
		c.Addr = l.text(r.accuser)
	} else {
		c.Accuser = l.text(r.accuser)
	}
	c.Confirmations, c.Hoped = r.confirms.get()
	c.Confirmers = l.texts(r.confirmers[:])
	if r.flags&flagProbe != 0 {
		p := &Steps{TCP: TCP(r.flags & flagTCP >> shiftTCP), Relays: l.texts(r.relays[:])}
		p.Nacks, p.NacksHoped = r.nacks.get()
		c.Probe = p
	}
	return c
}

// splitPause says what a time means, which is kept in one place for all causes.
func (c *Change) splitPause() {
	if c.Cause == Pause {
		c.Paused, c.Refute = c.Refute, 0
	}
}

func (l *Log) text(n number) string {
	if n == 0 {
		return ""
	}
	return l.names[n].text
}

func (l *Log) texts(numbers []number) (list []string) {
	for _, n := range numbers {
		if n != 0 {
			list = append(list, l.names[n].text)
		}
	}
	return list
}
