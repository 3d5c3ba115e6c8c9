package wire

// LeaveIntent tells that Node is about to leave, or, with Prune, that it is to be
// forgotten.
type LeaveIntent struct {
	LTime uint64
	Node  []byte
	Prune bool
}

// Append appends the message, Serf type byte first.
func (m *LeaveIntent) Append(b []byte) []byte {
	b = appendMapHeader(append(b, byte(SerfLeave)), 3)
	b = fieldUint(b, "LTime", m.LTime)
	b = fieldName(b, "Node", m.Node)
	return fieldBool(b, "Prune", m.Prune)
}

// ParseLeaveIntent parses a leave intent without its type byte. The result
// borrows from body.
func ParseLeaveIntent(body []byte) (LeaveIntent, error) {
	var m LeaveIntent
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "LTime":
			m.LTime = c.uint64()
		case "Node":
			m.Node = c.name()
		case "Prune":
			m.Prune = c.bool()
		default:
			c.skip()
		}
	}
	return m, c.err
}

// JoinIntent tells that Node joined at LTime.
type JoinIntent struct {
	LTime uint64
	Node  []byte
}

// Append appends the message, Serf type byte first.
func (m *JoinIntent) Append(b []byte) []byte {
	b = appendMapHeader(append(b, byte(SerfJoin)), 2)
	b = fieldUint(b, "LTime", m.LTime)
	return fieldName(b, "Node", m.Node)
}

// ParseJoinIntent parses a join intent without its type byte. The result
// borrows from body.
func ParseJoinIntent(body []byte) (JoinIntent, error) {
	m, err := ParseLeaveIntent(body) // the same fields and one more
	return JoinIntent{m.LTime, m.Node}, err
}
