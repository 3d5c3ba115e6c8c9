package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// vector is one message written by the original, with its values.
type vector struct {
	Name   string
	Fields vectorFields
	Hex    string
}

func (v vector) bytes(t testing.TB) []byte { return unhex(t, v.Hex) }

// vectorFields returns the values of a vector as the types of this package.
type vectorFields map[string]any

func (f vectorFields) name(key string) []byte { s, _ := f[key].(string); return []byte(s) }
func (f vectorFields) text(key string) string { s, _ := f[key].(string); return s }
func (f vectorFields) bool(key string) bool   { b, _ := f[key].(bool); return b }
func (f vectorFields) uint(key string) uint64 { n, _ := f[key].(float64); return uint64(n) }
func (f vectorFields) float(key string) float64 {
	n, _ := f[key].(float64)
	return n
}

// raw is nil if the field is null or missing.
func (f vectorFields) raw(t testing.TB, key string) []byte {
	s, ok := f[key].(string)
	if !ok {
		return nil
	}
	return unhex(t, s)
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func loadVectors(t testing.TB, file string) []vector {
	data, err := os.ReadFile(filepath.Join("..", "testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(data, &vs); err != nil {
		t.Fatal(err)
	}
	return vs
}

func findVector(t testing.TB, file, name string) vector {
	for _, v := range loadVectors(t, file) {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no vector %q in %s", name, file)
	return vector{}
}

// message is any message.
type message interface{ Append(b []byte) []byte }

// memberMessage builds the message of a vector of the membership layer. It returns nil for vectors
// of layers.
func memberMessage(t testing.TB, v vector) message {
	f := v.Fields
	switch v.Name {
	case "ping", "ping-no-source":
		return &Ping{uint32(f.uint("SeqNo")), f.name("Node"), f.raw(t, "SourceAddr"),
			uint16(f.uint("SourcePort")), f.name("SourceNode")}
	case "indirect-ping":
		return &IndirectPing{
			Seq: uint32(f.uint("SeqNo")), Target: f.raw(t, "Target"), Port: uint16(f.uint("Port")),
			Node: f.name("Node"), Nack: f.bool("Nack"), SourceAddr: f.raw(t, "SourceAddr"),
			SourcePort: uint16(f.uint("SourcePort")), SourceNode: f.name("SourceNode"),
		}
	case "ack", "ack-nil-payload":
		return &Ack{uint32(f.uint("SeqNo")), f.raw(t, "Payload")}
	case "nack":
		return &Nack{uint32(f.uint("SeqNo"))}
	case "err":
		return &Err{f.name("Error")}
	case "suspect":
		return &Suspect{uint32(f.uint("Incarnation")), f.name("Node"), f.name("From")}
	case "dead":
		return &Dead{uint32(f.uint("Incarnation")), f.name("Node"), f.name("From")}
	case "alive", "alive-ipv6-long-meta":
		return &Alive{
			uint32(f.uint("Incarnation")), f.name("Node"), f.raw(t, "Addr"),
			uint16(f.uint("Port")), f.raw(t, "Meta"), f.raw(t, "Vsn"),
		}
	case "push-pull-header":
		return &PushPullHeader{
			Join: f.bool("Join"), Nodes: int(f.uint("Nodes")), UserStateLen: int(f.uint("UserStateLen")),
		}
	case "user-msg-header":
		return &UserMsgHeader{int(f.uint("UserMsgLen"))}
	}
	return nil
}

// serfMessage builds the message of a vector of Serf. It returns nil for vectors that aren't
// messages.
func serfMessage(t testing.TB, v vector) message {
	f := v.Fields
	switch v.Name {
	case "join":
		return &JoinIntent{f.uint("LTime"), f.name("Node")}
	case "leave":
		return &LeaveIntent{f.uint("LTime"), f.name("Node"), f.bool("Prune")}
	case "user-event", "user-event-nil-payload":
		return &UserEvent{f.bool("CC"), f.uint("LTime"), f.name("Name"), f.raw(t, "Payload")}
	case "query", "query-no-filter":
		q := &Query{
			Addr: f.raw(t, "Addr"), Flags: uint32(f.uint("Flags")), ID: uint32(f.uint("ID")),
			LTime: f.uint("LTime"), Name: f.name("Name"), Payload: f.raw(t, "Payload"),
			Port: uint16(f.uint("Port")), RelayFactor: uint8(f.uint("RelayFactor")),
			SourceNode: f.name("SourceNode"), Timeout: int64(f.uint("Timeout")),
		}
		if f["Filters"] != nil {
			q.Filters.AddNodes("n1", "n2")
			q.Filters.AddTag("role", "web.*")
		}
		return q
	case "query-response", "query-ack":
		return &QueryResponse{uint32(f.uint("Flags")), f.name("From"), uint32(f.uint("ID")),
			f.uint("LTime"), f.raw(t, "Payload")}
	case "relay":
		to := vectorFields(f["DestAddr"].(map[string]any))
		return &Relay{
			DestIP: to.raw(t, "IP"), DestPort: uint16(to.uint("Port")), DestZone: to.name("Zone"),
			DestName: f.name("DestName"),
			Msg:      (&QueryResponse{From: []byte("n2"), ID: 7, LTime: 1}).Append(nil),
		}
	case "conflict-response":
		return &ConflictAnswer{
			Known: true, Addr: f.raw(t, "Addr"), Name: f.name("Name"), Port: uint16(f.uint("Port")),
			Versions: [6]byte{
				byte(f.uint("ProtocolMin")), byte(f.uint("ProtocolMax")),
				byte(f.uint("ProtocolCur")),
				byte(f.uint("DelegateMin")), byte(f.uint("DelegateMax")),
				byte(f.uint("DelegateCur")),
			},
			Status: uint8(f.uint("Status")), Tags: NewTags([]Tag{{"a", "b"}}),
		}
	case "conflict-response-unknown":
		return &ConflictAnswer{}
	case "key-request", "key-request-empty":
		return &KeyRequest{f.raw(t, "Key")}
	case "key-response":
		return &KeyAnswer{NewList("k"), f.name("Message"), f.name("PrimaryKey"), f.bool("Result")}
	}
	return nil
}

// parseMember parses a message of the membership layer, to be written again.
func parseMember(p []byte) (message, error) {
	body := p[1:]
	switch Type(p[0]) {
	case TypePing:
		return asMessage(ParsePing(body))
	case TypeIndirectPing:
		return asMessage(ParseIndirectPing(body))
	case TypeAck:
		return asMessage(ParseAck(body))
	case TypeNack:
		return asMessage(ParseNack(body))
	case TypeSuspect:
		return asMessage(ParseSuspect(body))
	case TypeAlive:
		return asMessage(ParseAlive(body))
	case TypeDead:
		return asMessage(ParseDead(body))
	case TypeErr:
		return asMessage(ParseErr(body))
	}
	return nil, ErrType
}

// parseSerf is parseMember for Serf messages.
func parseSerf(p []byte) (message, error) {
	body := p[1:]
	switch SerfType(p[0]) {
	case SerfLeave:
		return asMessage(ParseLeaveIntent(body))
	case SerfJoin:
		return asMessage(ParseJoinIntent(body))
	case SerfUserEvent:
		return asMessage(ParseUserEvent(body))
	case SerfQuery:
		return asMessage(ParseQuery(body))
	case SerfQueryResponse:
		return asMessage(ParseQueryResponse(body))
	case SerfConflictAnswer:
		return asMessage(ParseConflictAnswer(body))
	case SerfKeyRequest:
		return asMessage(ParseKeyRequest(body))
	case SerfKeyAnswer:
		return asMessage(ParseKeyAnswer(body))
	case SerfRelay:
		return asMessage(ParseRelay(body))
	case SerfAsk:
		return asMessage(ParseAsk(body))
	case SerfAskAnswer:
		return asMessage(ParseAskAnswer(body))
	}
	return nil, ErrType
}

func asMessage[M any, P interface {
	*M
	message
}](m M, err error) (message, error) {
	if err != nil {
		return nil, err
	}
	return P(&m), nil
}

// Each message with the values of its vector is written as the vector.
func TestAppendVectors(t *testing.T) {
	files := map[string]func(testing.TB, vector) message{"memberlist.json": memberMessage,
		"serf.json": serfMessage}
	for file, build := range files {
		count := 0
		for _, v := range loadVectors(t, file) {
			m := build(t, v)
			if m == nil {
				continue
			}
			count++
			if got := m.Append(nil); !bytes.Equal(got, v.bytes(t)) {
				t.Errorf("%s: %s\n got %x\nwant %s", file, v.Name, got, v.Hex)
			}
		}
		if count < 12 {
			t.Errorf("%s: only %d messages checked", file, count)
		}
	}
}

// Each vector that is parsed and written again is the same. Every truncation is refused: a message
// has no optional end.
func TestParseVectors(t *testing.T) {
	files := map[string]struct {
		build func(testing.TB, vector) message
		parse func([]byte) (message, error)
	}{"memberlist.json": {memberMessage, parseMember}, "serf.json": {serfMessage, parseSerf}}
	for file, how := range files {
		for _, v := range loadVectors(t, file) {
			switch m := how.build(t, v); m.(type) {
			case nil, *PushPullHeader, *UserMsgHeader: // these are checked with what follows them
				continue
			}
			whole := v.bytes(t)
			m, err := how.parse(whole)
			if err != nil {
				t.Errorf("%s: %s: %v", file, v.Name, err)
				continue
			}
			if got := m.Append(nil); !bytes.Equal(got, whole) {
				t.Errorf("%s: %s, written again\n got %x\nwant %s", file, v.Name, got, v.Hex)
			}
			parts := len(whole)
			if v.Name == "relay" { // what it carries isn't parsed: one byte of it is enough
				parts -= len(m.(*Relay).Msg) - 1
			}
			for n := 1; n < parts; n++ {
				if m, err := how.parse(whole[:n]); err == nil {
					t.Errorf("%s: %s cut to %d of %d bytes gives %+v", file, v.Name, n, len(whole),
						m)
				}
			}
		}
	}
}
