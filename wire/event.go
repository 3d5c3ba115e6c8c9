package wire

import "serf/internal/msgpack"

// UserEvent is an event that a user fired.
type UserEvent struct {
	CC      bool // may be coalesced with other events of its name
	LTime   uint64
	Name    []byte
	Payload []byte
}

// Append appends the message, Serf type byte first.
func (m *UserEvent) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(SerfUserEvent)), 4)
	b = msgpack.BoolField(b, "CC", m.CC)
	b = msgpack.UintField(b, "LTime", m.LTime)
	b = msgpack.RawField(b, "Name", m.Name)
	return msgpack.RawOrNilField(b, "Payload", m.Payload)
}

// ParseUserEvent parses a user event without its type byte. The result borrows from body.
func ParseUserEvent(body []byte) (UserEvent, error) {
	var m UserEvent
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "CC":
			m.CC = c.Bool()
		case "LTime":
			m.LTime = c.Uint64()
		case "Name":
			m.Name = c.Name()
		case "Payload":
			m.Payload = c.Bytes()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}
