package wire

// ConflictAnswer says what the answering member knows of the one asked about.
// It is nil on the wire if Known is false.
type ConflictAnswer struct {
	Known    bool
	Addr     []byte // 4 or 16 bytes
	Name     []byte
	Port     uint16
	Versions [6]byte // protocol min, max, current, Serf protocol min, max, current
	Status   uint8   // 1 alive, 2 leaving, 3 left, 4 failed
	Tags     Tags
	// Uptime, in ms, is for who is asked about its own name and tells that it has it. 0: not told.
	// The original has no such field, and skips it.
	Uptime uint64
}

// Append appends the message, Serf type byte first.
func (m *ConflictAnswer) Append(b []byte) []byte {
	b = append(b, byte(SerfConflictAnswer))
	if !m.Known {
		return append(b, mpNil)
	}
	fields := 11
	if m.Uptime > 0 {
		fields++
	}
	b = appendMapHeader(b, fields)
	b = fieldBytes(b, "Addr", m.Addr)
	b = fieldUint(b, "DelegateCur", uint64(m.Versions[5]))
	b = fieldUint(b, "DelegateMax", uint64(m.Versions[4]))
	b = fieldUint(b, "DelegateMin", uint64(m.Versions[3]))
	b = fieldName(b, "Name", m.Name)
	b = fieldUint(b, "Port", uint64(m.Port))
	b = fieldUint(b, "ProtocolCur", uint64(m.Versions[2]))
	b = fieldUint(b, "ProtocolMax", uint64(m.Versions[1]))
	b = fieldUint(b, "ProtocolMin", uint64(m.Versions[0]))
	b = fieldInt(b, "Status", int64(m.Status))
	b = m.Tags.append(appendKey(b, "Tags"))
	if m.Uptime > 0 {
		b = fieldUint(b, "Uptime", m.Uptime)
	}
	return b
}

// ParseConflictAnswer parses a conflict answer without its type byte. The
// result borrows from body.
func ParseConflictAnswer(body []byte) (ConflictAnswer, error) {
	m := ConflictAnswer{Known: len(body) > 0 && body[0] != mpNil}
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "Addr":
			m.Addr = c.bytes()
		case "DelegateCur":
			m.Versions[5] = c.uint8()
		case "DelegateMax":
			m.Versions[4] = c.uint8()
		case "DelegateMin":
			m.Versions[3] = c.uint8()
		case "Name":
			m.Name = c.name()
		case "Port":
			m.Port = c.uint16()
		case "ProtocolCur":
			m.Versions[2] = c.uint8()
		case "ProtocolMax":
			m.Versions[1] = c.uint8()
		case "ProtocolMin":
			m.Versions[0] = c.uint8()
		case "Status":
			m.Status = c.uint8()
		case "Tags":
			m.Tags = c.tags()
		case "Uptime":
			m.Uptime = c.uint64()
		default:
			c.skip()
		}
	}
	return m, c.err
}

// KeyRequest asks to install, use, remove or (without a key) list keys; the name
// of the query says which.
type KeyRequest struct {
	Key []byte
}

// Append appends the message, Serf type byte first.
func (m *KeyRequest) Append(b []byte) []byte {
	b = appendMapHeader(append(b, byte(SerfKeyRequest)), 1)
	return fieldBytes(b, "Key", m.Key)
}

// ParseKeyRequest parses a key request without its type byte. The result
// borrows from body.
func ParseKeyRequest(body []byte) (KeyRequest, error) {
	var m KeyRequest
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "Key":
			m.Key = c.bytes()
		default:
			c.skip()
		}
	}
	return m, c.err
}

// KeyAnswer answers a key request.
type KeyAnswer struct {
	Keys       List   // base64; only when they were asked for
	Message    []byte // why Result is false
	PrimaryKey []byte // base64
	Result     bool
}

// Append appends the message, Serf type byte first.
func (m *KeyAnswer) Append(b []byte) []byte {
	b = appendMapHeader(append(b, byte(SerfKeyAnswer)), 4)
	b = m.Keys.append(appendKey(b, "Keys"))
	b = fieldName(b, "Message", m.Message)
	b = fieldName(b, "PrimaryKey", m.PrimaryKey)
	return fieldBool(b, "Result", m.Result)
}

// ParseKeyAnswer parses a key answer without its type byte. The result borrows
// from body.
func ParseKeyAnswer(body []byte) (KeyAnswer, error) {
	var m KeyAnswer
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "Keys":
			m.Keys = c.names()
		case "Message":
			m.Message = c.name()
		case "PrimaryKey":
			m.PrimaryKey = c.name()
		case "Result":
			m.Result = c.bool()
		default:
			c.skip()
		}
	}
	return m, c.err
}
