package wire

import "serf/internal/msgpack"

// AppendUser appends a user message in the form of packets: the type byte and msg.
func AppendUser(b, msg []byte) []byte {
	return append(append(b, byte(TypeUser)), msg...)
}

// UserMsgHeader begins a user message on a stream. It is followed by Len bytes.
type UserMsgHeader struct {
	Len int // at most UserStateMax
}

// Append appends the header, type byte first.
func (m *UserMsgHeader) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(TypeUser)), 1)
	return msgpack.IntField(b, "UserMsgLen", int64(m.Len))
}

func (m *UserMsgHeader) parse(c *msgpack.Cursor) {
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "UserMsgLen":
			m.Len = parseCount(c, UserStateMax)
		default:
			c.Skip()
		}
	}
}

// ParseUserMsg parses a user message from a stream without its type byte, and returns its content,
// borrowed from body. Bytes after the end are ignored.
func ParseUserMsg(body []byte) ([]byte, error) {
	var h UserMsgHeader
	c := msgpack.Cursor{P: body}
	h.parse(&c)
	msg := c.Take(uint64(h.Len))
	return msg, c.Err
}

// Err is the answer to a push/pull that was refused.
type Err struct {
	Text []byte
}

// Append appends the message, type byte first.
func (m *Err) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(TypeErr)), 1)
	return msgpack.RawField(b, "Error", m.Text)
}

// ParseErr parses an err without its type byte. The result borrows from body.
func ParseErr(body []byte) (Err, error) {
	var m Err
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Error":
			m.Text = c.Name()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}
