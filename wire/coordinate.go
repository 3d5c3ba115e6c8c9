package wire

import (
	"encoding/binary"
	"math"

	"serf/internal/msgpack"
)

// CoordinateDimensions is how many dimensions the vector of a coordinate has. Coordinates with any
// other number are refused.
const CoordinateDimensions = 8

// ackPayloadVersion is the first byte of an ack's payload.
const ackPayloadVersion = 1

// Coordinate is a network coordinate, in seconds except for Error, which has no unit. Values that
// were received may be infinite or NaN.
type Coordinate struct {
	Vec        [CoordinateDimensions]float64
	Error      float64
	Adjustment float64
	Height     float64
}

// AppendAckPayload appends c as the payload of an ack.
func AppendAckPayload(b []byte, c *Coordinate) []byte {
	b = msgpack.AppendMap(append(b, ackPayloadVersion), 4)
	b = msgpack.FloatField(b, "Adjustment", c.Adjustment)
	b = msgpack.FloatField(b, "Error", c.Error)
	b = msgpack.FloatField(b, "Height", c.Height)
	b = msgpack.AppendArray(msgpack.AppendKey(b, "Vec"), len(c.Vec))
	for _, x := range c.Vec {
		b = msgpack.AppendFloat(b, x)
	}
	return b
}

// ParseAckPayload parses the payload of an ack. The error is ErrType if it has another version, and
// ErrFormat if it has no vector of CoordinateDimensions.
func ParseAckPayload(payload []byte) (Coordinate, error) {
	if len(payload) == 0 {
		return Coordinate{}, ErrShort
	}
	if payload[0] != ackPayloadVersion {
		return Coordinate{}, ErrType
	}
	if m, ok := usualCoordinate(payload[1:]); ok {
		return m, nil
	}
	return parseCoordinate(payload[1:])
}

// usualCoordinate reads a coordinate of exactly the bytes that all known senders write. Each ack
// carries one, and reading it as a map of any numbers takes ten times as long.
func usualCoordinate(p []byte) (m Coordinate, ok bool) {
	const adjustment, uncertainty = "\x84\xaaAdjustment\xcb", "\xa5Error\xcb"
	const height, vec = "\xa6Height\xcb", "\xa3Vec\x98"
	const width, marked = 8, 9 // bytes of a number, without and with its type byte
	const size = len(adjustment) + len(uncertainty) + len(height) + 3*width +
		len(vec) + marked*CoordinateDimensions
	if len(p) != size {
		return m, false
	}
	ok = true
	take := func(mark string) float64 {
		ok = ok && string(p[:len(mark)]) == mark
		bits := binary.BigEndian.Uint64(p[len(mark):])
		p = p[len(mark)+width:]
		return math.Float64frombits(bits)
	}
	m.Adjustment, m.Error, m.Height = take(adjustment), take(uncertainty), take(height)
	ok = ok && string(p[:len(vec)]) == vec
	p = p[len(vec):]
	for i := range m.Vec {
		at := p[i*marked : (i+1)*marked]
		ok = ok && at[0] == msgpack.Float64
		m.Vec[i] = math.Float64frombits(binary.BigEndian.Uint64(at[1:]))
	}
	return m, ok
}

func parseCoordinate(p []byte) (Coordinate, error) {
	var m Coordinate
	var vec bool
	c := msgpack.Cursor{P: p}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Adjustment":
			m.Adjustment = c.Float()
		case "Error":
			m.Error = c.Float()
		case "Height":
			m.Height = c.Float()
		case "Vec":
			vec = parseVector(&c, &m.Vec)
		default:
			c.Skip()
		}
	}
	if !vec {
		c.Fail(ErrFormat)
	}
	return m, c.Err
}

func parseVector(c *msgpack.Cursor, vec *[CoordinateDimensions]float64) bool {
	if n, _ := c.Array(); n != len(vec) {
		c.Fail(ErrFormat)
		return false
	}
	for i := range vec {
		vec[i] = c.Float()
	}
	return true
}
