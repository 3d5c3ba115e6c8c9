package wire

import "serf/internal/msgpack"

// Flags of a query and of a response to one.
const (
	QueryWantAck     uint32 = 1 << 0
	QueryNoBroadcast uint32 = 1 << 1 // don't pass it on

	ResponseIsAck uint32 = 1 << 0

	// The flags below are between members of this implementation. The original ignores them.

	// QueryExtended: the originator understands the two flags below. It may repeat the query to
	// single members, with QueryNoBroadcast; a member that has replied then replies again.
	QueryExtended uint32 = 1 << 8
	// ResponseExtended, with ResponseIsAck: the member replies again when the query is repeated.
	ResponseExtended uint32 = 1 << 8
	// ResponseDeclined, with ResponseIsAck: the member is not going to respond.
	ResponseDeclined uint32 = 1 << 9
)

// Query asks all members that match its filters.
type Query struct {
	Addr        []byte // of the originator, for responses: 4 or 16 bytes
	Filters     FilterList
	Flags       uint32
	ID          uint32
	LTime       uint64
	Name        []byte
	Payload     []byte
	Port        uint16
	RelayFactor uint8 // how many other members are to relay each response as well
	SourceNode  []byte
	Timeout     int64 // ns
}

// Append appends the message, Serf type byte first.
func (m *Query) Append(b []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(SerfQuery)), 11)
	b = msgpack.RawOrNilField(b, "Addr", m.Addr)
	b = m.Filters.list.append(msgpack.AppendKey(b, "Filters"))
	b = msgpack.UintField(b, "Flags", uint64(m.Flags))
	b = msgpack.UintField(b, "ID", uint64(m.ID))
	b = msgpack.UintField(b, "LTime", m.LTime)
	b = msgpack.RawField(b, "Name", m.Name)
	b = msgpack.RawOrNilField(b, "Payload", m.Payload)
	b = msgpack.UintField(b, "Port", uint64(m.Port))
	b = msgpack.UintField(b, "RelayFactor", uint64(m.RelayFactor))
	b = msgpack.RawField(b, "SourceNode", m.SourceNode)
	return msgpack.IntField(b, "Timeout", m.Timeout)
}

// ParseQuery parses a query without its type byte. The result borrows from body. The bodies of
// filters are checked when they are parsed.
func ParseQuery(body []byte) (Query, error) {
	var m Query
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Addr":
			m.Addr = c.Bytes()
		case "Filters":
			m.Filters.list = parseList(&c)
		case "Flags":
			m.Flags = c.Uint32()
		case "ID":
			m.ID = c.Uint32()
		case "LTime":
			m.LTime = c.Uint64()
		case "Name":
			m.Name = c.Name()
		case "Payload":
			m.Payload = c.Bytes()
		case "Port":
			m.Port = c.Uint16()
		case "RelayFactor":
			m.RelayFactor = c.Uint8()
		case "SourceNode":
			m.SourceNode = c.Name()
		case "Timeout":
			m.Timeout = c.Int64()
		default:
			c.Skip()
		}
	}
	return m, c.Err
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
	b = msgpack.AppendMap(append(b, byte(SerfQueryResponse)), 5)
	b = msgpack.UintField(b, "Flags", uint64(m.Flags))
	b = msgpack.RawField(b, "From", m.From)
	b = msgpack.UintField(b, "ID", uint64(m.ID))
	b = msgpack.UintField(b, "LTime", m.LTime)
	return msgpack.RawOrNilField(b, "Payload", m.Payload)
}

// ParseQueryResponse parses a query response without its type byte. The result borrows from body.
func ParseQueryResponse(body []byte) (QueryResponse, error) {
	var m QueryResponse
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Flags":
			m.Flags = c.Uint32()
		case "From":
			m.From = c.Name()
		case "ID":
			m.ID = c.Uint32()
		case "LTime":
			m.LTime = c.Uint64()
		case "Payload":
			m.Payload = c.Bytes()
		default:
			c.Skip()
		}
	}
	return m, c.Err
}
