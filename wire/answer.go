package wire

import "serf/internal/msgpack"

// ConflictAnswer says what a member knows about the member with a disputed name. It is nil on the
// wire if Known is false.
type ConflictAnswer struct {
	Known    bool
	Addr     []byte // 4 or 16 bytes
	Name     []byte
	Port     uint16
	Versions [6]byte // protocol min, max, current, Serf protocol min, max, current
	Status   uint8   // 1 alive, 2 leaving, 3 left, 4 failed
	Tags     Tags
	// Uptime, in ms, is sent by a member that is asked about its own name; 0 means not sent. The
	// original has no such field and skips it.
	Uptime uint64
}

// Append appends the message, Serf type byte first.
func (m *ConflictAnswer) Append(b []byte) []byte {
	b = append(b, byte(SerfConflictAnswer))
	if !m.Known {
		return append(b, msgpack.Nil)
	}
	fields := 11
	if m.Uptime > 0 {
		fields++
	}
	b = msgpack.AppendMap(b, fields)
	b = msgpack.RawOrNilField(b, "Addr", m.Addr)
	b = msgpack.UintField(b, "DelegateCur", uint64(m.Versions[5]))
	b = msgpack.UintField(b, "DelegateMax", uint64(m.Versions[4]))
	b = msgpack.UintField(b, "DelegateMin", uint64(m.Versions[3]))
	b = msgpack.RawField(b, "Name", m.Name)
	b = msgpack.UintField(b, "Port", uint64(m.Port))
	b = msgpack.UintField(b, "ProtocolCur", uint64(m.Versions[2]))
	b = msgpack.UintField(b, "ProtocolMax", uint64(m.Versions[1]))
	b = msgpack.UintField(b, "ProtocolMin", uint64(m.Versions[0]))
	b = msgpack.IntField(b, "Status", int64(m.Status))
	b = m.Tags.append(msgpack.AppendKey(b, "Tags"))
	if m.Uptime > 0 {
		b = msgpack.UintField(b, "Uptime", m.Uptime)
	}
	return b
}

// ParseConflictAnswer parses a conflict answer without its type byte. The result borrows from body.
func ParseConflictAnswer(body []byte) (ConflictAnswer, error) {
	m := ConflictAnswer{Known: len(body) > 0 && body[0] != msgpack.Nil}
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Addr":
			m.Addr = c.Bytes()
		case "DelegateCur":
			m.Versions[5] = c.Uint8()
		case "DelegateMax":
			m.Versions[4] = c.Uint8()
		case "DelegateMin":
			m.Versions[3] = c.Uint8()
		case "Name":
			m.Name = c.Name()
		case "Port":
			m.Port = c.Uint16()
		case "ProtocolCur":
			m.Versions[2] = c.Uint8()
		case "ProtocolMax":
			m.Versions[1] = c.Uint8()
		case "ProtocolMin":
			m.Versions[0] = c.Uint8()
		case "Status":
			m.Status = c.Uint8()
		case "Tags":
			m.Tags = parseTagPairs(&c)
		case "Uptime":
			m.Uptime = c.Uint64()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}

// KeyRequest asks a member to install, use, remove or (without a key) list keys. The name of the
// query says which.
type KeyRequest struct {
	Key []byte
}

// Append appends the message, Serf type byte first.
func (m *KeyRequest) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(SerfKeyRequest)), 1)
	return msgpack.RawOrNilField(b, "Key", m.Key)
}

// ParseKeyRequest parses a key request without its type byte. The result borrows from body.
func ParseKeyRequest(body []byte) (KeyRequest, error) {
	var m KeyRequest
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Key":
			m.Key = c.Bytes()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}

// KeyAnswer answers a key request.
type KeyAnswer struct {
	Keys       List   // base64; only in answer to a request for them
	Message    []byte // why Result is false
	PrimaryKey []byte // base64
	Result     bool
}

// Append appends the message, Serf type byte first.
func (m *KeyAnswer) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(SerfKeyAnswer)), 4)
	b = m.Keys.append(msgpack.AppendKey(b, "Keys"))
	b = msgpack.RawField(b, "Message", m.Message)
	b = msgpack.RawField(b, "PrimaryKey", m.PrimaryKey)
	return msgpack.BoolField(b, "Result", m.Result)
}

// ParseKeyAnswer parses a key answer without its type byte. The result borrows from body.
func ParseKeyAnswer(body []byte) (KeyAnswer, error) {
	var m KeyAnswer
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Keys":
			m.Keys = parseList(&c)
		case "Message":
			m.Message = c.Name()
		case "PrimaryKey":
			m.PrimaryKey = c.Name()
		case "Result":
			m.Result = c.Bool()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}
