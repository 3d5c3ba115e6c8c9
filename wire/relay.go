package wire

import "serf/internal/msgpack"

// Relay asks the receiver to forward Msg to the member DestName at DestIP and DestPort.
type Relay struct {
	DestIP   []byte // 4 or 16 bytes
	DestPort uint16
	DestZone []byte
	DestName []byte
	Msg      []byte // one complete Serf message
}

// Append appends the message, Serf type byte first.
func (m *Relay) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(SerfRelay)), 2)
	b = msgpack.AppendMap(msgpack.AppendKey(b, "DestAddr"), 3)
	b = msgpack.RawOrNilField(b, "IP", m.DestIP)
	b = msgpack.IntField(b, "Port", int64(m.DestPort))
	b = msgpack.RawField(b, "Zone", m.DestZone)
	b = msgpack.RawField(b, "DestName", m.DestName)
	return append(b, m.Msg...)
}

// ParseRelay parses a relay without its type byte. The result borrows from body. Msg isn't empty.
func ParseRelay(body []byte) (Relay, error) {
	var m Relay
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "DestAddr":
			m.parseAddr(&c)
		case "DestName":
			m.DestName = c.Name()
		default:
			c.Skip()
		}
	}
	m.Msg = c.P
	if len(m.Msg) == 0 {
		c.Fail(ErrShort)
	}
	return m, c.Err
}

func (m *Relay) parseAddr(c *msgpack.Cursor) {
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "IP":
			m.DestIP = c.Bytes()
		case "Port":
			m.DestPort = c.Uint16()
		case "Zone":
			m.DestZone = c.Name()
		default:
			c.Skip()
		}
	}
}
