package wire

import "serf/internal/msgpack"

// Ping asks the receiver for an ack.
type Ping struct {
	Seq uint32
	// Node is the name that the sender expects at the address. Empty means any member.
	Node []byte
	// SourceAddr (4 or 16 bytes), SourcePort and SourceNode identify the sender; each is omitted if
	// empty. Without them the ack goes to where the packet came from.
	SourceAddr []byte
	SourcePort uint16
	SourceNode []byte
}

// Append appends the message, type byte first.
func (m *Ping) Append(b []byte) []byte {
	n := 2 + sourceFields(m.SourceAddr, m.SourcePort, m.SourceNode)
	b = msgpack.AppendMap(append(b, byte(TypePing)), n)
	b = msgpack.RawField(b, "Node", m.Node)
	b = msgpack.UintField(b, "SeqNo", uint64(m.Seq))
	return appendSource(b, m.SourceAddr, m.SourcePort, m.SourceNode)
}

// ParsePing parses a ping without its type byte. The result borrows from body.
func ParsePing(body []byte) (Ping, error) {
	var m Ping
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "SeqNo":
			m.Seq = c.Uint32()
		case "Node":
			m.Node = c.Name()
		case "SourceAddr":
			m.SourceAddr = c.Bytes()
		case "SourcePort":
			m.SourcePort = c.Uint16()
		case "SourceNode":
			m.SourceNode = c.Name()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}

// IndirectPing asks the receiver to ping Node at Target and Port, and to relay its ack.
type IndirectPing struct {
	Seq    uint32
	Target []byte // 4 or 16 bytes
	Port   uint16
	Node   []byte
	Nack   bool // answer with a nack if no ack comes
	// See Ping.
	SourceAddr []byte
	SourcePort uint16
	SourceNode []byte
}

// Append appends the message, type byte first.
func (m *IndirectPing) Append(b []byte) []byte {
	n := 5 + sourceFields(m.SourceAddr, m.SourcePort, m.SourceNode)
	b = msgpack.AppendMap(append(b, byte(TypeIndirectPing)), n)
	b = msgpack.BoolField(b, "Nack", m.Nack)
	b = msgpack.RawField(b, "Node", m.Node)
	b = msgpack.UintField(b, "Port", uint64(m.Port))
	b = msgpack.UintField(b, "SeqNo", uint64(m.Seq))
	b = appendSource(b, m.SourceAddr, m.SourcePort, m.SourceNode)
	return msgpack.RawOrNilField(b, "Target", m.Target)
}

// ParseIndirectPing parses an indirect ping without its type byte. The result borrows from body.
func ParseIndirectPing(body []byte) (IndirectPing, error) {
	var m IndirectPing
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "SeqNo":
			m.Seq = c.Uint32()
		case "Target":
			m.Target = c.Bytes()
		case "Port":
			m.Port = c.Uint16()
		case "Node":
			m.Node = c.Name()
		case "Nack":
			m.Nack = c.Bool()
		case "SourceAddr":
			m.SourceAddr = c.Bytes()
		case "SourcePort":
			m.SourcePort = c.Uint16()
		case "SourceNode":
			m.SourceNode = c.Name()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}

func sourceFields(addr []byte, port uint16, name []byte) int {
	n := 0
	if len(addr) > 0 {
		n++
	}
	if port != 0 {
		n++
	}
	if len(name) > 0 {
		n++
	}
	return n
}

func appendSource(b, addr []byte, port uint16, name []byte) []byte {
	if len(addr) > 0 {
		b = msgpack.RawOrNilField(b, "SourceAddr", addr)
	}
	if len(name) > 0 {
		b = msgpack.RawField(b, "SourceNode", name)
	}
	if port != 0 {
		b = msgpack.UintField(b, "SourcePort", uint64(port))
	}
	return b
}

// Ack answers the ping of the same Seq.
type Ack struct {
	Seq     uint32
	Payload []byte // for the layer above; see AppendAckPayload
}

// Append appends the message, type byte first.
func (m *Ack) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(TypeAck)), 2)
	b = msgpack.RawOrNilField(b, "Payload", m.Payload)
	return msgpack.UintField(b, "SeqNo", uint64(m.Seq))
}

// ParseAck parses an ack without its type byte. The result borrows from body.
func ParseAck(body []byte) (Ack, error) {
	var m Ack
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "SeqNo":
			m.Seq = c.Uint32()
		case "Payload":
			m.Payload = c.Bytes()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}

// Nack says that the indirect ping of the same Seq got no ack so far. It shows that the helper is
// alive, whatever the state of the target.
type Nack struct {
	Seq uint32
}

// Append appends the message, type byte first.
func (m *Nack) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(TypeNack)), 1)
	return msgpack.UintField(b, "SeqNo", uint64(m.Seq))
}

// ParseNack parses a nack without its type byte.
func ParseNack(body []byte) (Nack, error) {
	var m Nack
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "SeqNo":
			m.Seq = c.Uint32()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}
