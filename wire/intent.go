package wire

import "serf/internal/msgpack"

// LeaveIntent says that Node is about to leave or, with Prune, that all are to forget it.
type LeaveIntent struct {
	LTime uint64
	Node  []byte
	Prune bool
}

// Append appends the message, Serf type byte first.
func (m *LeaveIntent) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(SerfLeave)), 3)
	b = msgpack.UintField(b, "LTime", m.LTime)
	b = msgpack.RawField(b, "Node", m.Node)
	return msgpack.BoolField(b, "Prune", m.Prune)
}

// ParseLeaveIntent parses a leave intent without its type byte. The result borrows from body.
func ParseLeaveIntent(body []byte) (LeaveIntent, error) {
	var m LeaveIntent
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "LTime":
			m.LTime = c.Uint64()
		case "Node":
			m.Node = c.Name()
		case "Prune":
			m.Prune = c.Bool()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}

// JoinIntent says that Node joined at LTime.
type JoinIntent struct {
	LTime uint64
	Node  []byte
}

// Append appends the message, Serf type byte first.
func (m *JoinIntent) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(SerfJoin)), 2)
	b = msgpack.UintField(b, "LTime", m.LTime)
	return msgpack.RawField(b, "Node", m.Node)
}

// ParseJoinIntent parses a join intent without its type byte. The result borrows from body.
func ParseJoinIntent(body []byte) (JoinIntent, error) {
	m, err := ParseLeaveIntent(body) // the same fields and one more
	return JoinIntent{m.LTime, m.Node}, err
}
