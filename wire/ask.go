package wire

import (
	"encoding/binary"
	"math"

	"serf/internal/msgpack"
)

// Ask is what a member wants to know of another of this implementation: the payload of a query. The
// answer always has the figures of its view; each group of fields below asks for more.
type Ask struct {
	// Sums compares views: that of the names whose hash begins with the first Depth bits of Prefix,
	// cut into slices by the bits that follow. Each slice has SumSize bytes: the lowest of the sum
	// of the hashes of the members that are here, big-endian. From is the first slice whose members
	// are to be listed if it differs.
	Sums   []byte
	Depth  uint8
	Prefix uint64
	From   uint16

	// Member is whose history is wanted; empty for nobody's.
	Member []byte

	// RoundTrips: those that the member has measured are wanted.
	RoundTrips bool
}

// SumSize is the bytes of a sum in Ask.Sums: one slice in 16 million that differs looks equal.
const SumSize = 3

// Append appends the message, Serf type byte first. Fields that are zero are left out.
func (m *Ask) Append(b []byte) []byte {
	f := fieldList{b: append(b, byte(SerfAsk), 0)}
	f.uint("Depth", uint64(m.Depth))
	f.uint("From", uint64(m.From))
	f.raw("Member", m.Member)
	f.uint("Prefix", m.Prefix)
	f.bool("RoundTrips", m.RoundTrips)
	f.raw("Sums", m.Sums)
	return f.end(len(b) + 1)
}

// ParseAsk parses an ask without its type byte. The result borrows from body.
func ParseAsk(body []byte) (Ask, error) {
	var m Ask
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Depth":
			m.Depth = c.Uint8()
		case "From":
			m.From = c.Uint16()
		case "Member":
			m.Member = c.Name()
		case "Prefix":
			m.Prefix = c.Uint64()
		case "RoundTrips":
			m.RoundTrips = c.Bool()
		case "Sums":
			m.Sums = c.Bytes()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}

// AskAnswer answers an Ask.
type AskAnswer struct {
	Clock  uint64 // µs since the member started, when it answered
	Digest uint64
	Health uint8

	Alive, Suspect, Leaving, Failed, Left uint32 // members; the suspects are alive, too

	Busy bool // no views are compared now: the member was asked too often

	// Differ is a bit for each slice of Ask.Sums that differs, the lowest of each byte first. The
	// first Listed of those that differ, from Ask.From on, are in Members with all of their
	// members: a status, as in ConflictAnswer, and a name each.
	Differ  []byte
	Listed  uint16
	Members List

	// History is the last changes of Ask.Member, in the compact form of package history, and Status
	// what it is listed as.
	History []byte
	Status  uint8

	// RoundTrips are the last that the member has measured, in the form of [AppendRoundTrip].
	RoundTrips []byte
}

// Append appends the message, Serf type byte first. Fields that are zero are left out.
func (m *AskAnswer) Append(b []byte) []byte {
	f := fieldList{b: append(b, byte(SerfAskAnswer), 0)}
	f.uint("Alive", uint64(m.Alive))
	f.bool("Busy", m.Busy)
	f.uint("Clock", m.Clock)
	f.raw("Differ", m.Differ)
	f.uint("Digest", m.Digest)
	f.uint("Failed", uint64(m.Failed))
	f.uint("Health", uint64(m.Health))
	f.raw("History", m.History)
	f.uint("Leaving", uint64(m.Leaving))
	f.uint("Left", uint64(m.Left))
	f.uint("Listed", uint64(m.Listed))
	f.list("Members", m.Members)
	f.raw("RoundTrips", m.RoundTrips)
	f.uint("Status", uint64(m.Status))
	f.uint("Suspect", uint64(m.Suspect))
	return f.end(len(b) + 1)
}

// ParseAskAnswer parses an answer without its type byte. The result borrows from body.
func ParseAskAnswer(body []byte) (AskAnswer, error) {
	var m AskAnswer
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Alive":
			m.Alive = c.Uint32()
		case "Busy":
			m.Busy = c.Bool()
		case "Clock":
			m.Clock = c.Uint64()
		case "Differ":
			m.Differ = c.Bytes()
		case "Digest":
			m.Digest = c.Uint64()
		case "Failed":
			m.Failed = c.Uint32()
		case "Health":
			m.Health = c.Uint8()
		case "History":
			m.History = c.Bytes()
		case "Leaving":
			m.Leaving = c.Uint32()
		case "Left":
			m.Left = c.Uint32()
		case "Listed":
			m.Listed = c.Uint16()
		case "Members":
			m.Members = parseList(&c)
		case "RoundTrips":
			m.RoundTrips = c.Bytes()
		case "Status":
			m.Status = c.Uint8()
		case "Suspect":
			m.Suspect = c.Uint32()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}

// RoundTrip is how long a ping of a member took, by the highest 32 bits of the hash of its name.
type RoundTrip struct {
	Member uint32
	Micros uint32
}

// RoundTripMax is how many bytes a round trip takes at most.
const RoundTripMax = 4 + binary.MaxVarintLen32

// AppendRoundTrip appends a round trip: the member's four bytes, big-endian, and the time as a
// varint of seven bits a byte, the lowest first.
func AppendRoundTrip(b []byte, r RoundTrip) []byte {
	return binary.AppendUvarint(binary.BigEndian.AppendUint32(b, r.Member), uint64(r.Micros))
}

// ParseRoundTrips reads what AppendRoundTrip wrote. An error means that it is something else.
func ParseRoundTrips(b []byte) (list []RoundTrip, err error) {
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, msgpack.ErrFormat
		}
		micros, n := binary.Uvarint(b[4:])
		if n <= 0 || micros > math.MaxUint32 {
			return nil, msgpack.ErrFormat
		}
		list = append(list, RoundTrip{binary.BigEndian.Uint32(b), uint32(micros)})
		b = b[4+n:]
	}
	return list, nil
}

// fieldList appends the fields of a map that are not zero, at most 15.
type fieldList struct {
	b []byte
	n int
}

func (f *fieldList) uint(key string, v uint64) {
	if v != 0 {
		f.b, f.n = msgpack.UintField(f.b, key, v), f.n+1
	}
}

func (f *fieldList) bool(key string, v bool) {
	if v {
		f.b, f.n = msgpack.BoolField(f.b, key, v), f.n+1
	}
}

func (f *fieldList) raw(key string, v []byte) {
	if len(v) > 0 {
		f.b, f.n = msgpack.RawField(f.b, key, v), f.n+1
	}
}

func (f *fieldList) list(key string, v List) {
	if v.n > 0 {
		f.b, f.n = v.append(msgpack.AppendKey(f.b, key)), f.n+1
	}
}

// end writes the head of the map, for which there is a byte at, and returns all bytes.
func (f *fieldList) end(at int) []byte {
	msgpack.AppendMap(f.b[:at], f.n)
	return f.b
}
