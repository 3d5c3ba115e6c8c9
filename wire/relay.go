package wire

// Relay asks the receiver to pass Msg on to the member DestName at DestIP and DestPort.
type Relay struct {
	DestIP   []byte // 4 or 16 bytes
	DestPort uint16
	DestZone []byte
	DestName []byte
	Msg      []byte // one whole Serf message
}

// Append appends the message, Serf type byte first.
func (m *Relay) Append(b []byte) []byte {
	b = appendMapHeader(append(b, byte(SerfRelay)), 2)
	b = appendMapHeader(appendKey(b, "DestAddr"), 3)
	b = fieldBytes(b, "IP", m.DestIP)
	b = fieldInt(b, "Port", int64(m.DestPort))
	b = fieldName(b, "Zone", m.DestZone)
	b = fieldName(b, "DestName", m.DestName)
	return append(b, m.Msg...)
}

// ParseRelay parses a relay without its type byte. The result borrows from
// body. Msg has at least its type byte.
func ParseRelay(body []byte) (Relay, error) {
	var m Relay
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "DestAddr":
			m.parseAddr(&c)
		case "DestName":
			m.DestName = c.name()
		default:
			c.skip()
		}
	}
	m.Msg = c.p
	if len(m.Msg) == 0 {
		c.fail(ErrShort)
	}
	return m, c.err
}

func (m *Relay) parseAddr(c *cursor) {
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "IP":
			m.DestIP = c.bytes()
		case "Port":
			m.DestPort = c.uint16()
		case "Zone":
			m.DestZone = c.name()
		default:
			c.skip()
		}
	}
}
