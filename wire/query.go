package wire

// Flags of a query and of a response to one.
const (
	QueryWantAck     uint32 = 1 << 0
	QueryNoBroadcast uint32 = 1 << 1 // don't pass it on

	ResponseIsAck uint32 = 1 << 0

	// The rest is between members of this kind. Serf looks at the flags above only, so it
	// takes what carries these for what it is without them.

	// QueryExtended: the asker understands the two flags below. It may repeat the query to
	// single members, with QueryNoBroadcast; who has replied then does so again.
	QueryExtended uint32 = 1 << 8
	// ResponseExtended, with ResponseIsAck: who acks replies again when the query is repeated.
	ResponseExtended uint32 = 1 << 8
	// ResponseDeclined, with ResponseIsAck: nobody there is going to answer.
	ResponseDeclined uint32 = 1 << 9
)

// Query asks all members that pass its filters.
type Query struct {
	Addr        []byte // where to answer: 4 or 16 bytes
	Filters     FilterList
	Flags       uint32
	ID          uint32
	LTime       uint64
	Name        []byte
	Payload     []byte
	Port        uint16
	RelayFactor uint8 // how many others shall pass the answer on as well
	SourceNode  []byte
	Timeout     int64 // ns
}

// Append appends the message, Serf type byte first.
func (m *Query) Append(b []byte) []byte {
	b = appendMapHeader(append(b, byte(SerfQuery)), 11)
	b = fieldBytes(b, "Addr", m.Addr)
	b = m.Filters.list.append(appendKey(b, "Filters"))
	b = fieldUint(b, "Flags", uint64(m.Flags))
	b = fieldUint(b, "ID", uint64(m.ID))
	b = fieldUint(b, "LTime", m.LTime)
	b = fieldName(b, "Name", m.Name)
	b = fieldBytes(b, "Payload", m.Payload)
	b = fieldUint(b, "Port", uint64(m.Port))
	b = fieldUint(b, "RelayFactor", uint64(m.RelayFactor))
	b = fieldName(b, "SourceNode", m.SourceNode)
	return fieldInt(b, "Timeout", m.Timeout)
}

// ParseQuery parses a query without its type byte. The result borrows from
// body. What is inside the filters is checked as they are read.
func ParseQuery(body []byte) (Query, error) {
	var m Query
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "Addr":
			m.Addr = c.bytes()
		case "Filters":
			m.Filters.list = c.names()
		case "Flags":
			m.Flags = c.uint32()
		case "ID":
			m.ID = c.uint32()
		case "LTime":
			m.LTime = c.uint64()
		case "Name":
			m.Name = c.name()
		case "Payload":
			m.Payload = c.bytes()
		case "Port":
			m.Port = c.uint16()
		case "RelayFactor":
			m.RelayFactor = c.uint8()
		case "SourceNode":
			m.SourceNode = c.name()
		case "Timeout":
			m.Timeout = c.int64()
		default:
			c.skip()
		}
	}
	return m, c.err
}

// QueryResponse answers the query of the same ID and LTime.
type QueryResponse struct {
	Flags   uint32
	From    []byte
	ID      uint32
	LTime   uint64
	Payload []byte
}

// Append appends the message, Serf type byte first.
func (m *QueryResponse) Append(b []byte) []byte {
	b = appendMapHeader(append(b, byte(SerfQueryResponse)), 5)
	b = fieldUint(b, "Flags", uint64(m.Flags))
	b = fieldName(b, "From", m.From)
	b = fieldUint(b, "ID", uint64(m.ID))
	b = fieldUint(b, "LTime", m.LTime)
	return fieldBytes(b, "Payload", m.Payload)
}

// ParseQueryResponse parses a query response without its type byte. The result
// borrows from body.
func ParseQueryResponse(body []byte) (QueryResponse, error) {
	var m QueryResponse
	c := cursor{p: body}
	for n := c.fields(); n > 0 && c.ok(); n-- {
		switch string(c.key()) {
		case "Flags":
			m.Flags = c.uint32()
		case "From":
			m.From = c.name()
		case "ID":
			m.ID = c.uint32()
		case "LTime":
			m.LTime = c.uint64()
		case "Payload":
			m.Payload = c.bytes()
		default:
			c.skip()
		}
	}
	return m, c.err
}
