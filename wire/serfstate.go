package wire

import (
	"serf/internal/invariant"
	"serf/internal/msgpack"
)

// SerfStateWriter appends the state that Serf adds to a push/pull. Its parts have a fixed order.
// Call these, each time with as many elements as announced:
//
//	w := AppendSerfState(b, eventLTime, slots)
//	w.EmptySlot() or w.Slot(ltime, events) and w.Event(name, payload) for each event
//	w.LeftMembers(ltime, n); w.LeftMember(name)
//	w.StatusLTimes(queryLTime, n); w.StatusLTime(name, ltime)    // in any order
//	b = w.Bytes() or r = w.Rope()
//
// Any other order or number is a bug of the caller and panics.
type SerfStateWriter struct {
	r     Rope
	stage stateStage
	left  int // elements of this stage that are missing

	events int    // of the open slot that are missing
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
	b = msgpack.AppendMap(append(b, byte(SerfPushPull)), 6)
	b = msgpack.UintField(b, "EventLTime", eventLTime)
	b = msgpack.AppendArray(msgpack.AppendKey(b, "Events"), slots)
	return SerfStateWriter{r: Rope{Own: b}, stage: stageSlots, left: slots}
}

// EmptySlot writes an empty slot of the event buffer.
func (w *SerfStateWriter) EmptySlot() {
	w.element(stageSlots)
	w.r.Own = append(w.r.Own, msgpack.Nil)
}

// Slot begins a slot of the event buffer, with events of one Lamport time.
func (w *SerfStateWriter) Slot(ltime uint64, events int) {
	w.element(stageSlots)
	b := msgpack.AppendMap(w.r.Own, 2)
	w.r.Own = msgpack.AppendArray(msgpack.AppendKey(b, "Events"), events)
	w.events, w.ltime = events, ltime
	w.maybeCloseSlot()
}

// Event writes one event of the open slot.
func (w *SerfStateWriter) Event(name, payload []byte) {
	invariant.Check(w.events > 0, "wire: more events than the slot announced")
	w.r.Own = msgpack.RawField(msgpack.AppendMap(w.r.Own, 2), "Name", name)
	w.r.Own = msgpack.RawOrNilField(w.r.Own, "Payload", payload)
	w.events--
	w.maybeCloseSlot()
}

func (w *SerfStateWriter) maybeCloseSlot() {
	if w.events == 0 {
		w.r.Own = msgpack.UintField(w.r.Own, "LTime", w.ltime)
	}
}

// LeftMembers writes the time of the Lamport clock of members, and announces n left members.
func (w *SerfStateWriter) LeftMembers(ltime uint64, n int) {
	w.next(stageLeft, n)
	w.r.Own = msgpack.UintField(w.r.Own, "LTime", ltime)
	w.r.Own = msgpack.AppendArray(msgpack.AppendKey(w.r.Own, "LeftMembers"), n)
}

// LeftMember writes the name of a member that has left.
func (w *SerfStateWriter) LeftMember(name string) {
	w.element(stageLeft)
	w.r.Own = msgpack.AppendRaw(w.r.Own, name)
}

// StatusLTimes writes the time of the Lamport clock of queries, and announces n status times.
func (w *SerfStateWriter) StatusLTimes(queryLTime uint64, n int) {
	w.next(stageStatus, n)
	w.r.Own = msgpack.UintField(w.r.Own, "QueryLTime", queryLTime)
	w.r.Own = msgpack.AppendMap(msgpack.AppendKey(w.r.Own, "StatusLTimes"), n)
}

// StatusLTime writes the Lamport time of the last intent about a member.
func (w *SerfStateWriter) StatusLTime(name string, ltime uint64) {
	w.element(stageStatus)
	w.r.Own = AppendStatusLTime(w.r.Own, name, ltime)
}

// ShareStatusLTimes writes run, n status times made by AppendStatusLTime. Nobody may change run
// from now on.
func (w *SerfStateWriter) ShareStatusLTimes(run []byte, n int) {
	invariant.Check(w.stage == stageStatus && w.left >= n, "wire: serf state out of order")
	w.left -= n
	w.r.Share(run)
}

// AppendStatusLTime appends one status time in the encoding of a state.
func AppendStatusLTime(b []byte, name string, ltime uint64) []byte {
	return msgpack.AppendUint(msgpack.AppendRaw(b, name), ltime)
}

// Bytes ends the state and returns the buffer.
func (w *SerfStateWriter) Bytes() []byte { return Flatten(w.Rope().Pieces()) }

// Rope ends the state and returns it, with its shared parts not copied.
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

// ParseSerfState parses all of a state without its type byte. The result borrows from body.
func ParseSerfState(body []byte) (SerfState, error) { return ParseSerfStatePieces(body, nil, nil) }

// ParseSerfStatePieces is ParseSerfState for a state in pieces: each of more has complete status
// times and nothing else. known, if not nil, returns how many status times a piece has that is
// known to be valid, and 0 for any other piece, which is parsed then.
func ParseSerfStatePieces(
	body []byte, more [][]byte, known func(piece []byte) int,
) (SerfState, error) {
	var m SerfState
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "EventLTime":
			m.EventLTime = c.Uint64()
		case "Events":
			m.Events = parseEventSlots(&c)
		case "LTime":
			m.LTime = c.Uint64()
		case "LeftMembers":
			m.LeftMembers = parseList(&c)
		case "QueryLTime":
			m.QueryLTime = c.Uint64()
		case "StatusLTimes":
			m.StatusLTimes = parseStatusLTimes(&c, more, known)
			more = nil
		default:
			c.Skip()
		}
	}
	if more != nil {
		c.Fail(ErrFormat) // pieces of something else
	}
	return m, c.Err
}

// EventSlots is the event buffer of a Serf state.
type EventSlots struct {
	n   int
	raw []byte
}

// Len is the number of slots, including empty ones.
func (s EventSlots) Len() int { return s.n }

// Iter returns an iterator over the slots that aren't empty, in the order of the buffer, which
// isn't that of time.
func (s EventSlots) Iter() SlotIter { return SlotIter{c: msgpack.Cursor{P: s.raw}, left: s.n} }

func parseEventSlots(c *msgpack.Cursor) EventSlots {
	n, _ := c.Array()
	start := c.P
	for i := 0; i < n && c.OK(); i++ {
		parseEventSlot(c)
	}
	return EventSlots{n: n, raw: c.Since(start)}
}

// SlotIter yields slots: for it.Next() { use it.Slot }.
type SlotIter struct {
	Slot EventSlot // borrowed; set by Next

	c    msgpack.Cursor
	left int
}

// Next moves to the next slot that isn't empty, and returns false at the end.
func (it *SlotIter) Next() bool {
	for it.left > 0 && it.c.OK() {
		it.left--
		if len(it.c.P) > 0 && it.c.P[0] == msgpack.Nil {
			it.c.P = it.c.P[1:]
			continue
		}
		it.Slot = parseEventSlot(&it.c)
		return it.c.OK()
	}
	return false
}

// EventSlot is the events of one Lamport time.
type EventSlot struct {
	LTime uint64

	n   int
	raw []byte
}

func parseEventSlot(c *msgpack.Cursor) EventSlot {
	var s EventSlot
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Events":
			s.n, _ = c.Array()
			start := c.P
			for i := 0; i < s.n && c.OK(); i++ {
				var e SlotEvent
				e.parse(c)
			}
			s.raw = c.Since(start)
		case "LTime":
			s.LTime = c.Uint64()
		default:
			c.Skip()
		}
	}
	return s
}

// Len is the number of events.
func (s EventSlot) Len() int { return s.n }

// Iter returns an iterator over the events.
func (s EventSlot) Iter() SlotEventIter {
	return SlotEventIter{c: msgpack.Cursor{P: s.raw}, left: s.n}
}

// SlotEvent is one event of a slot.
type SlotEvent struct {
	Name, Payload []byte
}

func (m *SlotEvent) parse(c *msgpack.Cursor) {
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Name":
			m.Name = c.Name()
		case "Payload":
			m.Payload = c.Bytes()
		default:
			c.Skip()
		}
	}
}

// SlotEventIter yields the events of a slot: for it.Next() { use it.Event }.
type SlotEventIter struct {
	Event SlotEvent // borrowed; set by Next

	c    msgpack.Cursor
	left int
}

// Next moves to the next event, and returns false at the end.
func (it *SlotEventIter) Next() bool {
	if it.left == 0 {
		return false
	}
	it.left--
	it.Event = SlotEvent{}
	it.Event.parse(&it.c)
	return it.c.OK()
}

// StatusLTimes is the Lamport times of the latest intents about members.
type StatusLTimes struct {
	n    int
	raw  []byte
	more [][]byte
}

// Len is the number of members.
func (s StatusLTimes) Len() int { return s.n }

// Pieces calls do with each piece in turn, for IterStatusLTimes.
func (s StatusLTimes) Pieces(do func(piece []byte)) {
	do(s.raw)
	for _, p := range s.more {
		do(p)
	}
}

// IterStatusLTimes returns an iterator over the status times of one piece.
func IterStatusLTimes(piece []byte) StatusIter { return StatusIter{c: msgpack.Cursor{P: piece}} }

// Iter returns an iterator over the members, in the order of the wire.
func (s StatusLTimes) Iter() StatusIter {
	return StatusIter{c: msgpack.Cursor{P: s.raw}, more: s.more}
}

func parseStatusLTimes(
	c *msgpack.Cursor, more [][]byte, known func([]byte) int,
) StatusLTimes {
	if len(more) == 0 {
		n, _ := c.Map()
		start := c.P
		for i := 0; i < n && c.OK(); i++ {
			parseStatusLTime(c)
		}
		return StatusLTimes{n: n, raw: c.Since(start)}
	}
	h, _ := c.Open(msgpack.KindMap)
	s := StatusLTimes{raw: c.P, more: more}
	s.Pieces(func(piece []byte) {
		if known != nil {
			if n := known(piece); n > 0 {
				s.n += n
				return
			}
		}
		c.P = piece
		for ; len(c.P) > 0 && c.OK(); s.n++ {
			parseStatusLTime(c)
		}
	})
	if uint64(s.n) != h.Kids/2 {
		c.Fail(ErrShort)
	}
	return s
}

func parseStatusLTime(c *msgpack.Cursor) (name []byte, ltime uint64) {
	return c.Name(), c.Uint64()
}

// StatusIter yields status times: for it.Next() { use it.Name and it.LTime }.
type StatusIter struct {
	Name  []byte // borrowed; set by Next
	LTime uint64

	c    msgpack.Cursor
	more [][]byte
}

// Next moves to the next member, and returns false at the end.
func (it *StatusIter) Next() bool {
	for len(it.c.P) == 0 {
		if len(it.more) == 0 || !it.c.OK() {
			return false
		}
		it.c.P, it.more = it.more[0], it.more[1:]
	}
	it.Name, it.LTime = parseStatusLTime(&it.c)
	return it.c.OK()
}
