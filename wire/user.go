package wire

// AppendUser appends a user message as packets carry it: the type byte and msg.
func AppendUser(b, msg []byte) []byte {
	return append(append(b, byte(TypeUser)), msg...)
}

// UserMsgHeader opens a user message on a stream, of Len bytes that follow it.
type UserMsgHeader struct {
	Len int // at most UserStateMax
}

// Append appends the header, type byte first.
func (m *UserMsgHeader) Append(b []byte) []byte {
	b = appendMapHeader(append(b, byte(TypeUser)), 1)
	return fieldInt(b, "UserMsgLen", int64(m.Len))
}

func (m *UserMsgHeader) parse(c *cursor) {
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "UserMsgLen":
			m.Len = c.count(UserStateMax)
		default:
			c.skip()
		}
	}
}

// ParseUserMsg parses a user message from a stream, without its type byte, and
// returns the bytes that it carries, borrowed. Bytes after the end are ignored.
func ParseUserMsg(body []byte) ([]byte, error) {
	var h UserMsgHeader
	c := cursor{p: body}
	h.parse(&c)
	msg := c.take(uint64(h.Len))
	return msg, c.err
}

// Err answers a push/pull that was refused.
type Err struct {
	Text []byte
}

// Append appends the message, type byte first.
func (m *Err) Append(b []byte) []byte {
	b = appendMapHeader(append(b, byte(TypeErr)), 1)
	return fieldName(b, "Error", m.Text)
}

// ParseErr parses an err without its type byte. The result borrows from body.
func ParseErr(body []byte) (Err, error) {
	var m Err
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "Error":
			m.Text = c.name()
		default:
			c.skip()
		}
	}
	return m, c.err
}
