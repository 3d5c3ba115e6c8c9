package interop

import (
	"bufio"
	"bytes"
	"io"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/hashicorp/go-msgpack/v2/codec"
	_ "github.com/hashicorp/memberlist" // the targets of the links below
	_ "github.com/hashicorp/serf/serf"
)

// The original's codec is unexported. These are links to its functions, so that the benchmarks
// measure them and not a copy.

//go:linkname memberlistEncode github.com/hashicorp/memberlist.encode
func memberlistEncode(kind uint8, message any, newTimeFormat bool) (*bytes.Buffer, error)

//go:linkname memberlistDecode github.com/hashicorp/memberlist.decode
func memberlistDecode(body []byte, message any) error

//go:linkname memberlistPack github.com/hashicorp/memberlist.makeCompoundMessage
func memberlistPack(messages [][]byte) *bytes.Buffer

//go:linkname memberlistUnpack github.com/hashicorp/memberlist.decodeCompoundMessage
func memberlistUnpack(body []byte) (truncated int, parts [][]byte, err error)

//go:linkname memberlistCompress github.com/hashicorp/memberlist.compressPayload
func memberlistCompress(plain []byte, newTimeFormat bool) (*bytes.Buffer, error)

//go:linkname memberlistDecompress github.com/hashicorp/memberlist.decompressPayload
func memberlistDecompress(body []byte) ([]byte, error)

//go:linkname memberlistEncrypt github.com/hashicorp/memberlist.encryptPayload
func memberlistEncrypt(version uint, key, plain, extra []byte, to *bytes.Buffer) error

//go:linkname memberlistDecrypt github.com/hashicorp/memberlist.decryptPayload
func memberlistDecrypt(keys [][]byte, sealed, extra []byte) ([]byte, error)

//go:linkname serfEncode github.com/hashicorp/serf/serf.encodeMessage
func serfEncode(kind uint8, message any, newTimeFormat bool) ([]byte, error)

//go:linkname serfDecode github.com/hashicorp/serf/serf.decodeMessage
func serfDecode(body []byte, message any) error

// Messages as the original declares them: its codec depends on the names and types of fields.
type (
	originalPing struct {
		SeqNo      uint32
		Node       string
		SourceAddr []byte `codec:",omitempty"`
		SourcePort uint16 `codec:",omitempty"`
		SourceNode string `codec:",omitempty"`
	}
	originalAck struct {
		SeqNo   uint32
		Payload []byte
	}
	originalSuspect struct {
		Incarnation uint32
		Node        string
		From        string
	}
	originalAlive struct {
		Incarnation uint32
		Node        string
		Addr        []byte
		Port        uint16
		Meta        []byte
		Vsn         []uint8
	}
	originalPushPullHeader struct {
		Nodes        int
		UserStateLen int
		Join         bool
	}
	originalNodeState struct {
		Name        string
		Addr        []byte
		Port        uint16
		Meta        []byte
		Incarnation uint32
		State       int
		Vsn         []uint8
	}
	originalUserEvent struct {
		LTime   uint64
		Name    string
		Payload []byte
		CC      bool
	}
	originalQuery struct {
		LTime       uint64
		ID          uint32
		Addr        []byte
		Port        uint16
		SourceNode  string
		Filters     [][]byte
		Flags       uint32
		RelayFactor uint8
		Timeout     time.Duration
		Name        string
		Payload     []byte
	}
	originalSlotEvent struct {
		Name    string
		Payload []byte
	}
	originalSlot struct {
		LTime  uint64
		Events []originalSlotEvent
	}
	originalSerfState struct {
		LTime        uint64
		StatusLTimes map[string]uint64
		LeftMembers  []string
		EventLTime   uint64
		Events       []*originalSlot
		QueryLTime   uint64
	}
)

// originalPushPull is a whole push/pull.
type originalPushPull struct {
	header    originalPushPullHeader
	states    []originalNodeState
	userState []byte
}

// encode does what the original does within a longer function: one encoder, one value after the
// other.
func (p *originalPushPull) encode() ([]byte, error) {
	b := bytes.NewBuffer([]byte{6})
	e := codec.NewEncoder(b, &codec.MsgpackHandle{})
	if err := e.Encode(&p.header); err != nil {
		return nil, err
	}
	for i := range p.states {
		if err := e.Encode(&p.states[i]); err != nil {
			return nil, err
		}
	}
	b.Write(p.userState)
	return b.Bytes(), nil
}

// decodePushPull reverses encode, from a buffered stream as in the original.
func decodePushPull(body []byte) (*originalPushPull, error) {
	r := bufio.NewReader(bytes.NewReader(body))
	d := codec.NewDecoder(r, &codec.MsgpackHandle{})
	p := new(originalPushPull)
	if err := d.Decode(&p.header); err != nil {
		return nil, err
	}
	p.states = make([]originalNodeState, p.header.Nodes)
	for i := range p.states {
		if err := d.Decode(&p.states[i]); err != nil {
			return nil, err
		}
	}
	p.userState = make([]byte, p.header.UserStateLen)
	_, err := io.ReadFull(r, p.userState)
	return p, err
}
