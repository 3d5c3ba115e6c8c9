package wire

// UserEvent is an event that a user fired.
type UserEvent struct {
	CC      bool // may be coalesced with others of its name
	LTime   uint64
	Name    []byte
	Payload []byte
}

// Append appends the message, Serf type byte first.
func (m *UserEvent) Append(b []byte) []byte {
	b = appendMapHeader(append(b, byte(SerfUserEvent)), 4)
	b = fieldBool(b, "CC", m.CC)
	b = fieldUint(b, "LTime", m.LTime)
	b = fieldName(b, "Name", m.Name)
	return fieldBytes(b, "Payload", m.Payload)
}

// ParseUserEvent parses a user event without its type byte. The result borrows
// from body.
func ParseUserEvent(body []byte) (UserEvent, error) {
	var m UserEvent
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "CC":
			m.CC = c.bool()
		case "LTime":
			m.LTime = c.uint64()
		case "Name":
			m.Name = c.name()
		case "Payload":
			m.Payload = c.bytes()
		default:
			c.skip()
		}
	}
	return m, c.err
}
