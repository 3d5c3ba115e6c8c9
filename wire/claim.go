package wire

import "serf/internal/msgpack"

// Suspect claims that Node doesn't answer From.
type Suspect struct {
	Inc        uint32
	Node, From []byte
}

// Append appends the message, type byte first.
func (m *Suspect) Append(b []byte) []byte { return m.append(append(b, byte(TypeSuspect))) }

// ParseSuspect parses a suspect without its type byte. The result borrows from body.
func ParseSuspect(body []byte) (Suspect, error) {
	if m, ok := usualSuspect(body); ok {
		return m, nil
	}
	return parseSuspect(body)
}

// usualSuspect reads a suspect whose fields are in the order in which all known senders write them.
func usualSuspect(body []byte) (m Suspect, ok bool) {
	c := msgpack.Cursor{P: body}
	ok = c.Literal("\x83\xa4From")
	m.From = c.Name()
	ok = ok && c.Literal("\xabIncarnation")
	m.Inc = c.Uint32()
	ok = ok && c.Literal("\xa4Node")
	m.Node = c.Name()
	return m, ok && c.OK()
}

func parseSuspect(body []byte) (Suspect, error) {
	var m Suspect
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Incarnation":
			m.Inc = c.Uint32()
		case "Node":
			m.Node = c.Name()
		case "From":
			m.From = c.Name()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}

func (m *Suspect) append(b []byte) []byte {
	b = msgpack.AppendMap(b, 3)
	b = msgpack.RawField(b, "From", m.From)
	b = msgpack.UintField(b, "Incarnation", uint64(m.Inc))
	return msgpack.RawField(b, "Node", m.Node)
}

// Dead claims that Node is dead. If From is Node, it left by itself.
type Dead Suspect

// Append appends the message, type byte first.
func (m *Dead) Append(b []byte) []byte { return (*Suspect)(m).append(append(b, byte(TypeDead))) }

// ParseDead parses a dead without its type byte. The result borrows from body.
func ParseDead(body []byte) (Dead, error) {
	m, err := ParseSuspect(body)
	return Dead(m), err
}

// Alive claims that Node is alive, and says where and what it is.
type Alive struct {
	Inc  uint32
	Node []byte
	Addr []byte // 4 or 16 bytes
	Port uint16
	Meta []byte
	Vsn  []byte // 6 bytes: protocol min, max, current, and the same of the layer above
}

// Append appends the message, type byte first.
func (m *Alive) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(TypeAlive)), 6)
	b = msgpack.RawOrNilField(b, "Addr", m.Addr)
	b = msgpack.UintField(b, "Incarnation", uint64(m.Inc))
	b = msgpack.RawOrNilField(b, "Meta", m.Meta)
	b = msgpack.RawField(b, "Node", m.Node)
	b = msgpack.UintField(b, "Port", uint64(m.Port))
	return msgpack.RawOrNilField(b, "Vsn", m.Vsn)
}

// ParseAlive parses an alive without its type byte. The result borrows from body. The caller checks
// the lengths of Addr, Meta and Vsn.
func ParseAlive(body []byte) (Alive, error) {
	if m, ok := usualAlive(body); ok {
		return m, nil
	}
	return parseAlive(body)
}

// usualAlive reads an alive whose fields are in the order in which all known senders write them.
// While many members join, nearly all messages are alives.
func usualAlive(body []byte) (m Alive, ok bool) {
	c := msgpack.Cursor{P: body}
	ok = c.Literal("\x86\xa4Addr")
	m.Addr = c.Bytes()
	ok = ok && c.Literal("\xabIncarnation")
	m.Inc = c.Uint32()
	ok = ok && c.Literal("\xa4Meta")
	m.Meta = c.Bytes()
	ok = ok && c.Literal("\xa4Node")
	m.Node = c.Name()
	ok = ok && c.Literal("\xa4Port")
	m.Port = c.Uint16()
	ok = ok && c.Literal("\xa3Vsn")
	m.Vsn = c.Bytes()
	return m, ok && c.OK()
}

func parseAlive(body []byte) (Alive, error) {
	var m Alive
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Incarnation":
			m.Inc = c.Uint32()
		case "Node":
			m.Node = c.Name()
		case "Addr":
			m.Addr = c.Bytes()
		case "Port":
			m.Port = c.Uint16()
		case "Meta":
			m.Meta = c.Bytes()
		case "Vsn":
			m.Vsn = c.Bytes()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}
