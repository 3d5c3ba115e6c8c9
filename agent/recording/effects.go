package recording

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"serf/internal/checkpoint"
	"serf/swim"
)

// Effects says what came of an input: how many values of each kind, and sums by which a replay
// recognises them.
type Effects struct {
	Packets, Streams, Events, Notes int
	// Out is the CRC-32C of the packets and streams, Said that of the events, the notes and what
	// the call returned. Each is 0 if there is nothing.
	Out, Said uint32
}

// append appends the effects: whether anything goes out and whether anything is said, then counts
// and sum of each that is there. It is read's counterpart, in few instructions.
func (e *Effects) append(b []byte) []byte {
	at := len(b)
	b = append(b, 0, 0)
	if e.Out != 0 || e.Packets+e.Streams > 0 {
		b[at] = 1
		b = appendEffects(b, e.Packets, e.Streams, e.Out)
	}
	if e.Said != 0 || e.Events+e.Notes > 0 {
		b[at+1] = 1
		b = appendEffects(b, e.Events, e.Notes, e.Said)
	}
	return b
}

func appendEffects(b []byte, n, m int, sum uint32) []byte {
	b = binary.AppendVarint(binary.AppendVarint(b, int64(n)), int64(m))
	return binary.LittleEndian.AppendUint32(b, sum)
}

// read reads effects.
func (e *Effects) read(c *checkpoint.Coder) {
	var out, said bool
	if c.Bool(&out, &said); out {
		readEffects(c, &e.Packets, &e.Streams, &e.Out)
	}
	if said {
		readEffects(c, &e.Events, &e.Notes, &e.Said)
	}
}

func readEffects(c *checkpoint.Coder, n, m *int, sum *uint32) {
	var b [4]byte
	checkpoint.Int(c, n, m)
	c.Raw(b[:])
	*sum = binary.LittleEndian.Uint32(b[:])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Mark is where the effects of a call begin in an output that may have those of earlier ones.
type Mark struct{ packets, streams, events, notes int }

// MarkOf returns the mark of the next call.
func MarkOf(out *swim.Output) Mark {
	return Mark{len(out.Packets), len(out.Streams), len(out.Events), len(out.Notes)}
}

// Since returns the effects of out since the mark.
func (m Mark) Since(out *swim.Output) (
	packets []swim.Packet, streams []swim.StreamOut, events []swim.Event, notes []swim.Note,
) {
	return out.Packets[m.packets:], out.Streams[m.streams:], out.Events[m.events:],
		out.Notes[m.notes:]
}

// Summer sums up effects. It keeps memory between calls.
type Summer struct {
	crc uint32
	b   []byte // not yet in crc
}

// Sum returns the effects of a call that returned op and err.
func (s *Summer) Sum(m Mark, out *swim.Output, op swim.OpID, err error) (e Effects) {
	packets, streams, events, notes := m.Since(out)
	e.Packets, e.Streams, e.Events, e.Notes = len(packets), len(streams), len(events), len(notes)
	if len(packets)+len(streams) > 0 {
		for i := range packets {
			s.addr(packets[i].To)
			s.bytes(packets[i].Data)
		}
		for i := range streams {
			s.stream(&streams[i])
		}
		e.Out = s.end()
	}
	if len(events)+len(notes) > 0 || op != 0 || err != nil {
		e.Said = s.said(events, notes, op, err)
	}
	return e
}

func (s *Summer) said(
	events []swim.Event, notes []swim.Note, op swim.OpID, err error,
) uint32 {
	for i := range events {
		s.event(&events[i])
	}
	for i := range notes {
		s.note(&notes[i])
	}
	if op != 0 || err != nil {
		s.numbers(uint64(op))
		s.err(err)
	}
	return s.end()
}

// end returns the sum, and begins the next.
func (s *Summer) end() uint32 {
	s.flush()
	crc := s.crc
	s.crc = 0
	return crc
}

func (s *Summer) flush() {
	s.crc = crc32.Update(s.crc, castagnoli, s.b)
	s.b = s.b[:0]
}

func (s *Summer) numbers(v ...uint64) {
	for _, n := range v {
		s.b = binary.AppendUvarint(s.b, n)
	}
}

// direct is from how many bytes on a slice is summed up where it is.
const direct = 128

func (s *Summer) bytes(p []byte) {
	s.numbers(uint64(len(p)))
	if len(p) < direct {
		s.b = append(s.b, p...)
		return
	}
	s.flush()
	s.crc = crc32.Update(s.crc, castagnoli, p)
}

func (s *Summer) text(t string) {
	s.numbers(uint64(len(t)))
	s.b = append(s.b, t...)
}

func (s *Summer) addr(a netip.AddrPort) {
	if a.IsValid() {
		s.b, _ = a.AppendBinary(s.b) // it never fails
	}
	s.b = append(s.b, 0)
}

func (s *Summer) err(err error) {
	if err != nil {
		s.text(err.Error())
	}
	s.b = append(s.b, 0)
}

func (s *Summer) bool(v bool) {
	if v {
		s.b = append(s.b, 1)
		return
	}
	s.b = append(s.b, 0)
}

// stream sums up what is sent; how it is sealed is drawn at random.
func (s *Summer) stream(o *swim.StreamOut) {
	s.numbers(uint64(o.ID), uint64(o.Kind), uint64(o.Deadline))
	s.addr(o.To)
	s.bool(o.Report)
	s.bytes(o.Data)
	for _, p := range o.More {
		s.bytes(p)
	}
}

func (s *Summer) event(e *swim.Event) {
	s.numbers(uint64(e.Kind), uint64(e.Member), uint64(len(e.Members)), uint64(e.Op), e.LTime,
		uint64(e.N), uint64(e.RTT))
	for _, id := range e.Members {
		s.numbers(uint64(id))
	}
	s.bool(e.Flag)
	s.addr(e.Addr)
	s.bytes(e.Name)
	s.bytes(e.Data)
	for _, p := range e.More {
		s.bytes(p)
	}
	s.err(e.Err)
}

func (s *Summer) note(n *swim.Note) {
	s.numbers(uint64(n.Level), uint64(n.Code), uint64(n.Member), uint64(n.Other), uint64(n.N))
	s.addr(n.From)
	s.text(n.Text)
	s.err(n.Err)
}
