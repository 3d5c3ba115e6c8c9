package wire

import "serf/internal/invariant"

// SerfStateWriter appends the state that Serf adds to a push/pull, whose parts have
// a fixed order. Call, with as many elements as announced each time:
//
//	w := AppendSerfState(b, eventLTime, slots)
//	w.EmptySlot() or w.Slot(ltime, events) and w.Event(name, payload) for each event
//	w.LeftMembers(ltime, n); w.LeftMember(name)
//	w.StatusLTimes(queryLTime, n); w.StatusLTime(name, ltime)    // in any order
//	b = w.Bytes() or r = w.Rope()
//
// Another order or number is a bug of the caller and panics.
type SerfStateWriter struct {
	r     Rope
	stage stateStage
	left  int // elements of this stage to come

	events int    // of the open slot, to come
	ltime  uint64 // of the open slot, written after its events
}

type stateStage uint8

const (
	stageSlots stateStage = iota
	stageLeft
	stageStatus
)

// AppendSerfState starts a state after b, Serf type byte first.
func AppendSerfState(b []byte, eventLTime uint64, slots int) SerfStateWriter {
	b = appendMapHeader(append(b, byte(SerfPushPull)), 6)
	b = fieldUint(b, "EventLTime", eventLTime)
	b = appendArrayHeader(appendKey(b, "Events"), slots)
	return SerfStateWriter{r: Rope{Own: b}, stage: stageSlots, left: slots}
}

// EmptySlot writes a slot of the event buffer that holds nothing.
func (w *SerfStateWriter) EmptySlot() {
	w.element(stageSlots)
	w.r.Own = append(w.r.Own, mpNil)
}

// Slot opens a slot of the event buffer with that many events of one Lamport time.
func (w *SerfStateWriter) Slot(ltime uint64, events int) {
	w.element(stageSlots)
	w.r.Own = appendArrayHeader(appendKey(appendMapHeader(w.r.Own, 2), "Events"), events)
	w.events, w.ltime = events, ltime
	w.maybeCloseSlot()
}

// Event writes one event of the open slot.
func (w *SerfStateWriter) Event(name, payload []byte) {
	invariant.Check(w.events > 0, "wire: more events than the slot announced")
	w.r.Own = fieldName(appendMapHeader(w.r.Own, 2), "Name", name)
	w.r.Own = fieldBytes(w.r.Own, "Payload", payload)
	w.events--
	w.maybeCloseSlot()
}

func (w *SerfStateWriter) maybeCloseSlot() {
	if w.events == 0 {
		w.r.Own = fieldUint(w.r.Own, "LTime", w.ltime)
	}
}

// LeftMembers writes the Lamport time of the members' clock, and announces n left members.
func (w *SerfStateWriter) LeftMembers(ltime uint64, n int) {
	w.next(stageLeft, n)
	w.r.Own = fieldUint(w.r.Own, "LTime", ltime)
	w.r.Own = appendArrayHeader(appendKey(w.r.Own, "LeftMembers"), n)
}

// LeftMember writes the name of a member that has left.
func (w *SerfStateWriter) LeftMember(name string) {
	w.element(stageLeft)
	w.r.Own = appendName(w.r.Own, name)
}

// StatusLTimes writes the Lamport time of the queries' clock, and announces n status times.
func (w *SerfStateWriter) StatusLTimes(queryLTime uint64, n int) {
	w.next(stageStatus, n)
	w.r.Own = fieldUint(w.r.Own, "QueryLTime", queryLTime)
	w.r.Own = appendMapHeader(appendKey(w.r.Own, "StatusLTimes"), n)
}

// StatusLTime writes the Lamport time of the last intent about a member.
func (w *SerfStateWriter) StatusLTime(name string, ltime uint64) {
	w.element(stageStatus)
	w.r.Own = AppendStatusLTime(w.r.Own, name, ltime)
}

// ShareStatusLTimes writes n status times as AppendStatusLTime makes them. Nobody may change run from now on.
func (w *SerfStateWriter) ShareStatusLTimes(run []byte, n int) {
	invariant.Check(w.stage == stageStatus && w.left >= n, "wire: serf state out of order")
	w.left -= n
	w.r.Share(run)
}

// AppendStatusLTime appends one status time as it stands among those of a state.
func AppendStatusLTime(b []byte, name string, ltime uint64) []byte {
	return appendUint(appendName(b, name), ltime)
}

// Bytes ends the state and returns the buffer.
func (w *SerfStateWriter) Bytes() []byte { return Flatten(w.Rope().Pieces()) }

// Rope ends the state and returns it with what it shares.
func (w *SerfStateWriter) Rope() *Rope {
	invariant.Check(w.stage == stageStatus && w.left == 0, "wire: serf state not complete")
	return &w.r
}

func (w *SerfStateWriter) element(s stateStage) {
	invariant.Check(w.stage == s && w.left > 0 && w.events == 0, "wire: serf state out of order")
	w.left--
}

func (w *SerfStateWriter) next(s stateStage, n int) {
	invariant.Check(w.stage == s-1 && w.left == 0 && w.events == 0, "wire: serf state out of order")
	w.stage, w.left = s, n
}

// SerfState is the state that Serf adds to a push/pull, checked and borrowed.
type SerfState struct {
	EventLTime, LTime, QueryLTime uint64

	LeftMembers  List
	Events       EventSlots
	StatusLTimes StatusLTimes
}

// ParseSerfState parses a state without its type byte, all of it. The result
// borrows from body.
func ParseSerfState(body []byte) (SerfState, error) { return ParseSerfStatePieces(body, nil, nil) }

// ParseSerfStatePieces is ParseSerfState for a state in pieces: each of more has whole status times and
// nothing else. known, if not nil, says of a piece how many there are in it if it is known to be sound,
// and 0 otherwise: then it is parsed.
func ParseSerfStatePieces(body []byte, more [][]byte, known func(piece []byte) int) (SerfState, error) {
	var m SerfState
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "EventLTime":
			m.EventLTime = c.uint64()
		case "Events":
			m.Events = c.eventSlots()
		case "LTime":
			m.LTime = c.uint64()
		case "LeftMembers":
			m.LeftMembers = c.names()
		case "QueryLTime":
			m.QueryLTime = c.uint64()
		case "StatusLTimes":
			m.StatusLTimes = c.statusLTimes(more, known)
			more = nil
		default:
			c.skip()
		}
	}
	if more != nil {
		c.fail(ErrFormat) // of something else
	}
	return m, c.err
}

// EventSlots is the event buffer of a Serf state.
type EventSlots struct {
	n   int
	raw []byte
}

// Len is the number of slots, the empty ones included.
func (s EventSlots) Len() int { return s.n }

// Iter returns an iterator over the slots that hold something, in the order of the
// buffer, which isn't that of time.
func (s EventSlots) Iter() SlotIter { return SlotIter{c: cursor{p: s.raw}, left: s.n} }

func (c *cursor) eventSlots() EventSlots {
	n, _ := c.array()
	start := c.p
	for i := 0; i < n && c.ok(); i++ {
		c.eventSlot()
	}
	return EventSlots{n: n, raw: c.since(start)}
}

// SlotIter yields slots: for it.Next() { use it.Slot }.
type SlotIter struct {
	Slot EventSlot // borrowed; set by Next

	c    cursor
	left int
}

// Next moves to the next slot that isn't nil; false at the end.
func (it *SlotIter) Next() bool {
	for it.left > 0 && it.c.ok() {
		it.left--
		if len(it.c.p) > 0 && it.c.p[0] == mpNil {
			it.c.p = it.c.p[1:]
			continue
		}
		it.Slot = it.c.eventSlot()
		return it.c.ok()
	}
	return false
}

// EventSlot is the events of one Lamport time.
type EventSlot struct {
	LTime uint64

	n   int
	raw []byte
}

func (c *cursor) eventSlot() EventSlot {
	var s EventSlot
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "Events":
			s.n, _ = c.array()
			start := c.p
			for i := 0; i < s.n && c.ok(); i++ {
				var e SlotEvent
				e.parse(c)
			}
			s.raw = c.since(start)
		case "LTime":
			s.LTime = c.uint64()
		default:
			c.skip()
		}
	}
	return s
}

// Len is the number of events.
func (s EventSlot) Len() int { return s.n }

// Iter returns an iterator over the events.
func (s EventSlot) Iter() SlotEventIter { return SlotEventIter{c: cursor{p: s.raw}, left: s.n} }

// SlotEvent is one event of a slot.
type SlotEvent struct {
	Name, Payload []byte
}

func (m *SlotEvent) parse(c *cursor) {
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "Name":
			m.Name = c.name()
		case "Payload":
			m.Payload = c.bytes()
		default:
			c.skip()
		}
	}
}

// SlotEventIter yields the events of a slot: for it.Next() { use it.Event }.
type SlotEventIter struct {
	Event SlotEvent // borrowed; set by Next

	c    cursor
	left int
}

// Next moves to the next event; false at the end.
func (it *SlotEventIter) Next() bool {
	if it.left == 0 {
		return false
	}
	it.left--
	it.Event = SlotEvent{}
	it.Event.parse(&it.c)
	return it.c.ok()
}

// StatusLTimes is the Lamport times of the last intents about members.
type StatusLTimes struct {
	n    int
	raw  []byte
	more [][]byte
}

// Len is the number of members.
func (s StatusLTimes) Len() int { return s.n }

// Pieces calls do with each piece in turn, for StatusIter.
func (s StatusLTimes) Pieces(do func(piece []byte)) {
	do(s.raw)
	for _, p := range s.more {
		do(p)
	}
}

// IterStatusLTimes returns an iterator over the status times of one piece.
func IterStatusLTimes(piece []byte) StatusIter { return StatusIter{c: cursor{p: piece}} }

// Iter returns an iterator over the members, in the order of the wire.
func (s StatusLTimes) Iter() StatusIter { return StatusIter{c: cursor{p: s.raw}, more: s.more} }

func (c *cursor) statusLTimes(more [][]byte, known func([]byte) int) StatusLTimes {
	if len(more) == 0 {
		n, _ := c.mapping()
		start := c.p
		for i := 0; i < n && c.ok(); i++ {
			c.statusLTime()
		}
		return StatusLTimes{n: n, raw: c.since(start)}
	}
	h, _ := c.open(kindMap)
	s := StatusLTimes{raw: c.p, more: more}
	s.Pieces(func(piece []byte) {
		if known != nil {
			if n := known(piece); n > 0 {
				s.n += n
				return
			}
		}
		c.p = piece
		for ; len(c.p) > 0 && c.ok(); s.n++ {
			c.statusLTime()
		}
	})
	if uint64(s.n) != h.kids/2 {
		c.fail(ErrShort)
	}
	return s
}

func (c *cursor) statusLTime() (name []byte, ltime uint64) { return c.name(), c.uint64() }

// StatusIter yields status times: for it.Next() { use it.Name and it.LTime }.
type StatusIter struct {
	Name  []byte // borrowed; set by Next
	LTime uint64

	c    cursor
	more [][]byte
}

// Next moves to the next member; false at the end.
func (it *StatusIter) Next() bool {
	for len(it.c.p) == 0 {
		if len(it.more) == 0 || !it.c.ok() {
			return false
		}
		it.c.p, it.more = it.more[0], it.more[1:]
	}
	it.Name, it.LTime = it.c.statusLTime()
	return it.c.ok()
}
