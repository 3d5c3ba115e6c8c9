package wire

// Suspect claims that Node doesn't answer From.
type Suspect struct {
	Inc        uint32
	Node, From []byte
}

// Append appends the message, type byte first.
func (m *Suspect) Append(b []byte) []byte {
	return appendClaim(append(b, byte(TypeSuspect)), m.Inc, m.Node, m.From)
}

// ParseSuspect parses a suspect without its type byte. The result borrows from body.
func ParseSuspect(body []byte) (Suspect, error) {
	inc, node, from, err := parseClaim(body)
	return Suspect{inc, node, from}, err
}

// Dead claims that Node is dead. From == Node: it left by itself.
type Dead struct {
	Inc        uint32
	Node, From []byte
}

// Append appends the message, type byte first.
func (m *Dead) Append(b []byte) []byte {
	return appendClaim(append(b, byte(TypeDead)), m.Inc, m.Node, m.From)
}

// ParseDead parses a dead without its type byte. The result borrows from body.
func ParseDead(body []byte) (Dead, error) {
	inc, node, from, err := parseClaim(body)
	return Dead{inc, node, from}, err
}

func appendClaim(b []byte, inc uint32, node, from []byte) []byte {
	b = appendMapHeader(b, 3)
	b = fieldName(b, "From", from)
	b = fieldUint(b, "Incarnation", uint64(inc))
	return fieldName(b, "Node", node)
}

func parseClaim(body []byte) (inc uint32, node, from []byte, err error) {
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "Incarnation":
			inc = c.uint32()
		case "Node":
			node = c.name()
		case "From":
			from = c.name()
		default:
			c.skip()
		}
	}
	return inc, node, from, c.err
}

// Alive claims that Node is alive, and says where and what it is.
type Alive struct {
	Inc  uint32
	Node []byte
	Addr []byte // 4 or 16 bytes
	Port uint16
	Meta []byte
	Vsn  []byte // 6 bytes: protocol min, max, current, then those of the layer above
}

// Append appends the message, type byte first.
func (m *Alive) Append(b []byte) []byte {
	b = appendMapHeader(append(b, byte(TypeAlive)), 6)
	b = fieldBytes(b, "Addr", m.Addr)
	b = fieldUint(b, "Incarnation", uint64(m.Inc))
	b = fieldBytes(b, "Meta", m.Meta)
	b = fieldName(b, "Node", m.Node)
	b = fieldUint(b, "Port", uint64(m.Port))
	return fieldBytes(b, "Vsn", m.Vsn)
}

// ParseAlive parses an alive without its type byte. The result borrows from
// body. Lengths of Addr, Meta and Vsn are the caller's to judge.
func ParseAlive(body []byte) (Alive, error) {
	if m, ok := usualAlive(body); ok {
		return m, nil
	}
	return parseAlive(body)
}

// usualAlive reads an alive whose fields are in the order in which all known senders write them. While
// many members come at once, most of what arrives is alives.
func usualAlive(body []byte) (m Alive, ok bool) {
	c := cursor{p: body}
	ok = c.lit("\x86\xa4Addr")
	m.Addr = c.bytes()
	ok = ok && c.lit("\xabIncarnation")
	m.Inc = c.uint32()
	ok = ok && c.lit("\xa4Meta")
	m.Meta = c.bytes()
	ok = ok && c.lit("\xa4Node")
	m.Node = c.name()
	ok = ok && c.lit("\xa4Port")
	m.Port = c.uint16()
	ok = ok && c.lit("\xa3Vsn")
	m.Vsn = c.bytes()
	return m, ok && c.ok()
}

func parseAlive(body []byte) (Alive, error) {
	var m Alive
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "Incarnation":
			m.Inc = c.uint32()
		case "Node":
			m.Node = c.name()
		case "Addr":
			m.Addr = c.bytes()
		case "Port":
			m.Port = c.uint16()
		case "Meta":
			m.Meta = c.bytes()
		case "Vsn":
			m.Vsn = c.bytes()
		default:
			c.skip()
		}
	}
	return m, c.err
}
