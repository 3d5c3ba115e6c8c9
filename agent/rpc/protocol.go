// Package rpc is the agent's control port and its client: MessagePack over TCP, the protocol that
// the Serf command line and client libraries speak.
//
// A client sends requests, each a header map {Command, Seq} followed by a body map if the command has
// one. The agent answers with a header {Error, Seq} that repeats the request's Seq, and a body if the
// command's answer has one. The commands stream, monitor and query go on with records under the
// same Seq: a header and a body each. Many requests may be in flight on one connection; those that
// have to wait for the cluster are answered when they are done, in any order.
//
// The first request is handshake, the second auth if the agent has a key.
//
// [Server] serves an [Agent]; [Dial] makes a [Client].
package rpc

import (
	"errors"
	"net/netip"

	"github.com/vmihailenco/msgpack/v5"
)

// version is the only version of this protocol there has been.
const version = 1

// What a refused request is answered with. Clients match on these texts.
const (
	textUnsupportedCommand = "Unsupported command"
	textUnsupportedVersion = "Unsupported IPC version"
	textDuplicateHandshake = "Handshake already performed"
	textHandshakeRequired  = "Handshake required"
	textMonitorExists      = "Monitor already exists"
	textInvalidFilter      = "Invalid event filter"
	textStreamExists       = "Stream with given sequence exists"
	textNoSuchQuery        = "No pending queries matching ID"
	textAuthRequired       = "Authentication required"
	textInvalidToken       = "Invalid authentication token"
	textTooManyStreams     = "Too many streams"
)

// Commands.
const (
	cmdHandshake       = "handshake"
	cmdAuth            = "auth"
	cmdEvent           = "event"
	cmdForceLeave      = "force-leave"
	cmdJoin            = "join"
	cmdMembers         = "members"
	cmdMembersFiltered = "members-filtered"
	cmdTags            = "tags"
	cmdStream          = "stream"
	cmdMonitor         = "monitor"
	cmdStop            = "stop"
	cmdLeave           = "leave"
	cmdQuery           = "query"
	cmdRespond         = "respond"
	cmdInstallKey      = "install-key"
	cmdUseKey          = "use-key"
	cmdRemoveKey       = "remove-key"
	cmdListKeys        = "list-keys"
	cmdStats           = "stats"
	cmdCoordinate      = "get-coordinate"
)

// Types of records that a query's answers come in.
const (
	recordAck      = "ack"
	recordResponse = "response"
	recordDone     = "done"
)

// ErrNoSuchQuery is what [Agent.Respond] returns for a query that is over or never was.
//
//lint:ignore ST1005 clients know these words of the original
var ErrNoSuchQuery = errors.New(textNoSuchQuery)

// The fields of every struct below are in the order of their names, because that's how the
// original writes its maps.

type requestHeader struct {
	Command string
	Seq     uint64
}

type responseHeader struct {
	Error string
	Seq   uint64
}

type handshakeRequest struct{ Version signed }

type authRequest struct{ AuthKey string }

type eventRequest struct {
	Coalesce bool
	Name     string
	Payload  []byte
}

type forceLeaveRequest struct {
	Node  string
	Prune bool
}

type joinRequest struct {
	Existing []string
	Replay   bool
}

type joinResponse struct{ Num signed }

type membersFilteredRequest struct {
	Name   string
	Status string
	Tags   map[string]string
}

type wireMember struct {
	Addr        []byte
	DelegateCur uint8
	DelegateMax uint8
	DelegateMin uint8
	Name        string
	Port        uint16
	ProtocolCur uint8
	ProtocolMax uint8
	ProtocolMin uint8
	Status      string
	Tags        map[string]string
}

type tagsRequest struct {
	DeleteTags []string
	Tags       map[string]string
}

type streamRequest struct{ Type string }

type monitorRequest struct{ LogLevel string }

type stopRequest struct{ Stop uint64 }

type queryRequest struct {
	FilterNodes []string
	FilterTags  map[string]string
	Name        string
	Payload     []byte
	RelayFactor uint8
	RequestAck  bool
	Timeout     signed // nanoseconds
}

type queryRecord struct {
	From    string
	Payload []byte
	Type    string
}

type respondRequest struct {
	ID      uint64
	Payload []byte
}

type keyRequest struct{ Key string }

type keyResponse struct {
	Keys     map[string]int
	Messages map[string]string
	NumErr   signed
	NumNodes signed
	NumResp  signed
}

type coordinateRequest struct{ Node string }

type coordinateResponse struct {
	Coord wireCoordinate
	Ok    bool
}

type wireCoordinate struct {
	Adjustment float64
	Error      float64
	Height     float64
	Vec        []float64
}

type logRecord struct{ Log string }

type memberEventRecord struct {
	Event   string
	Members []wireMember
}

type userEventRecord struct {
	Coalesce bool
	Event    string
	LTime    uint64
	Name     string
	Payload  []byte
}

type queryEventRecord struct {
	Event   string
	ID      uint64
	LTime   uint64
	Name    string
	Payload []byte
}

// eventRecord is any of the three above, as a client reads them.
type eventRecord struct {
	Coalesce bool
	Event    string
	ID       uint64
	LTime    uint64
	Members  []wireMember
	Name     string
	Payload  []byte
}

// signed is an integer that is written in the signed forms only, as the original writes what it
// declares as signed. Any form is read.
type signed int64

// EncodeMsgpack implements msgpack.CustomEncoder.
func (n signed) EncodeMsgpack(e *msgpack.Encoder) error {
	switch {
	case n <= 1<<7-1:
		return e.EncodeInt(int64(n)) // one byte, or negative and so signed anyway
	case n <= 1<<15-1:
		return e.EncodeInt16(int16(n))
	case n <= 1<<31-1:
		return e.EncodeInt32(int32(n))
	}
	return e.EncodeInt64(int64(n))
}

// DecodeMsgpack implements msgpack.CustomDecoder.
func (n *signed) DecodeMsgpack(d *msgpack.Decoder) error {
	v, err := d.DecodeInt64()
	*n = signed(v)
	return err
}

// bodyAppender is a value that is written without the library.
type bodyAppender interface{ appendBody(b []byte) []byte }

// bodyParser is a value that is read without the library, from bytes that hold it as a whole.
type bodyParser interface{ parseBody(p []byte) error }

// appendValues appends the encodings of values to b. It panics if one can't be encoded: they
// are all types of this package.
func appendValues(b []byte, values ...any) []byte {
	var to encodeBuffer = b
	e := msgpack.NewEncoder(&to)
	e.UseCompactInts(true)
	e.SetSortMapKeys(true)
	for _, v := range values {
		if a, ok := v.(bodyAppender); ok {
			to = a.appendBody(to)
			continue
		}
		if err := e.Encode(v); err != nil {
			panic("BUG: rpc: encode: " + err.Error())
		}
	}
	return to
}

// encodeBuffer is where the library writes to.
type encodeBuffer []byte

func (b *encodeBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

func (b *encodeBuffer) WriteByte(c byte) error {
	*b = append(*b, c)
	return nil
}

func wireMembers(members []Member) []wireMember {
	list := make([]wireMember, len(members))
	for i, m := range members {
		list[i] = wireMember{
			Name:        m.Name,
			Addr:        m.Addr.Addr().AsSlice(),
			Port:        m.Addr.Port(),
			Tags:        m.Tags,
			Status:      m.Status,
			ProtocolMin: m.Protocol.Min,
			ProtocolMax: m.Protocol.Max,
			ProtocolCur: m.Protocol.Current,
			DelegateMin: m.Delegate.Min,
			DelegateMax: m.Delegate.Max,
			DelegateCur: m.Delegate.Current,
		}
		if list[i].Tags == nil {
			list[i].Tags = map[string]string{} // never nil on the wire
		}
	}
	return list
}

// A Member is what an agent says about one member of its cluster.
type Member struct {
	Name   string
	Addr   netip.AddrPort    // invalid if the agent sent no usable address
	Tags   map[string]string // shared, not to be changed
	Status string            // alive, leaving, left, failed or none

	// Protocol is the membership protocol, Delegate the Serf protocol on top of it.
	Protocol, Delegate Versions
}

// Versions is the range of protocol versions that a member understands, and the one it speaks.
type Versions struct{ Min, Max, Current uint8 }

func (w *wireMember) member() Member {
	addr, _ := netip.AddrFromSlice(w.Addr) // else the zero Addr
	return Member{
		Name:     w.Name,
		Addr:     netip.AddrPortFrom(addr.Unmap(), w.Port),
		Tags:     w.Tags,
		Status:   w.Status,
		Protocol: Versions{Min: w.ProtocolMin, Max: w.ProtocolMax, Current: w.ProtocolCur},
		Delegate: Versions{Min: w.DelegateMin, Max: w.DelegateMax, Current: w.DelegateCur},
	}
}

func fromWire(list []wireMember) []Member {
	members := make([]Member, len(list))
	for i := range list {
		members[i] = list[i].member()
	}
	return members
}
