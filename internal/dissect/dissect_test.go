package dissect

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"serf/wire"
)

var update = flag.Bool("update", false, "rewrite testdata/vectors.txt")

type vector struct{ Name, Hex string }

func (v vector) bytes(t testing.TB) []byte {
	b, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func vectors(t testing.TB, file string) (list []vector) {
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", file))
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// The words for what the original sends, to be read before they change.
func TestWordsOfVectors(t *testing.T) {
	var d Dissector
	var b strings.Builder
	for _, v := range vectors(t, "memberlist.json") {
		packet, stream := d.Packet(v.bytes(t)), StreamMessage(v.bytes(t))
		fmt.Fprintf(&b, "# %s\n%sstream: %s", v.Name, packet.Text(0, 8), stream.Text(0, 8))
	}
	for _, v := range vectors(t, "serf.json") {
		x := serf(v.bytes(t))
		fmt.Fprintf(&b, "# %s\n%s", v.Name, x.Text(0, 8))
	}
	golden := filepath.Join("testdata", "vectors.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, _ := os.ReadFile(golden); string(want) != b.String() {
		t.Errorf("%s differs, see with -update:\n%s", golden, b.String())
	}
}

// layersOnly are the types that aren't messages: the words for a packet say that they were there.
var layersOnly = map[wire.Type]bool{wire.TypeCompound: true, wire.TypeCompress: true,
	wire.TypeEncrypt: true, wire.TypeCRC: true, wire.TypeLabel: true, wire.TypeUser: true}

// A message that package wire knows has words here.
func TestEachTypeHasWords(t *testing.T) {
	for n := range 256 {
		typ := wire.Type(n)
		if typ.String() == fmt.Sprintf("type %d", n) || layersOnly[typ] {
			continue
		}
		if x := Message([]byte{byte(n), 0x80}); len(x.Fields) > 0 && x.Fields[0].Name == "bytes" {
			t.Errorf("no words for messages of type %v", typ)
		}
		if examples[typ.String()] == nil && typ != wire.TypePushPull {
			t.Errorf("no example of a message of type %v", typ)
		}
	}
	for n := range 256 {
		typ := wire.SerfType(n)
		if typ.String() == fmt.Sprintf("serf type %d", n) {
			continue
		}
		if x := serf([]byte{byte(n), 0x80, 0}); len(x.Fields) > 0 && x.Fields[0].Name == "bytes" {
			t.Errorf("no words for Serf's messages of type %v", typ)
		}
		if examples["serf "+typ.String()] == nil && typ != wire.SerfPushPull {
			t.Errorf("no example of Serf's messages of type %v", typ)
		}
	}
}

type message interface{ Append([]byte) []byte }

var (
	ip       = []byte{10, 0, 0, 1}
	versions = []byte{1, 5, 2, 2, 5, 5}
	name     = []byte("n1")
)

func queryFilters() (f wire.FilterList) {
	f.AddNodes("n1", "n2")
	f.AddTag("dc", "east|west")
	return f
}

// examples are messages with all fields set.
var examples = map[string]message{
	"ping": &wire.Ping{Seq: 1, Node: name, SourceAddr: ip, SourcePort: 2, SourceNode: name},
	"indirect ping": &wire.IndirectPing{Seq: 1, Target: ip, Port: 2, Node: name, Nack: true, SourceAddr: ip,
		SourcePort: 3, SourceNode: name},
	"ack": &wire.Ack{Seq: 1, Payload: wire.AppendAckPayload(nil,
		&wire.Coordinate{Vec: [8]float64{1}, Error: 1, Adjustment: 1, Height: 1})},
	"nack":    &wire.Nack{Seq: 1},
	"suspect": &wire.Suspect{Inc: 1, Node: name, From: name},
	"dead":    &wire.Dead{Inc: 1, Node: name, From: name},
	"alive":   &wire.Alive{Inc: 1, Node: name, Addr: ip, Port: 2, Meta: []byte("role"), Vsn: versions},
	"err":     &wire.Err{Text: name},

	"serf leave":      &wire.LeaveIntent{LTime: 1, Node: name, Prune: true},
	"serf join":       &wire.JoinIntent{LTime: 1, Node: name},
	"serf user event": &wire.UserEvent{CC: true, LTime: 1, Name: name, Payload: name},
	"serf query": &wire.Query{Addr: ip, Filters: queryFilters(), Flags: 1, ID: 1, LTime: 1, Name: name,
		Payload: name, Port: 1, RelayFactor: 1, SourceNode: name, Timeout: 1},
	"serf query response": &wire.QueryResponse{Flags: 1, From: name, ID: 1, LTime: 1, Payload: name},
	"serf conflict answer": &wire.ConflictAnswer{Known: true, Addr: ip, Name: name, Port: 1,
		Versions: [6]byte(versions), Status: 1, Tags: wire.NewTags([]wire.Tag{{Key: "a", Value: "b"}}), Uptime: 1},
	"serf key request": &wire.KeyRequest{Key: make([]byte, 16)},
	"serf key answer": &wire.KeyAnswer{Keys: wire.NewList(base64.StdEncoding.EncodeToString(make([]byte, 16))),
		Message: name, PrimaryKey: []byte(base64.StdEncoding.EncodeToString(make([]byte, 32))), Result: true},
	"serf relay": &wire.Relay{DestIP: ip, DestPort: 1, DestName: name, DestZone: []byte("eth0"),
		Msg: (&wire.JoinIntent{LTime: 1, Node: name}).Append(nil)},
	"serf ask": &wire.Ask{Sums: name, Depth: 1, Prefix: 1, From: 1, Member: name, RoundTrips: true},
	"serf ask answer": &wire.AskAnswer{Clock: 1, Digest: 1, Health: 1, Alive: 1, Suspect: 1, Leaving: 1, Failed: 1,
		Left: 1, Busy: true, Differ: name, Listed: 1, Members: wire.NewList("x"), History: name, Status: 1, RoundTrips: name},
}

// Each field shows: without it, the words are others.
func TestEachFieldShows(t *testing.T) {
	text := func(kind string, m message) string {
		var x Part
		if strings.HasPrefix(kind, "serf ") {
			x = serf(m.Append(nil))
		} else {
			x = Message(m.Append(nil))
		}
		return x.Text(0, 100)
	}
	for kind, m := range examples {
		whole := text(kind, m)
		v := reflect.ValueOf(m).Elem()
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			if v.Field(i).IsZero() {
				t.Errorf("%s: the example doesn't set %s", kind, f.Name)
			}
			without := reflect.New(v.Type())
			without.Elem().Set(v)
			without.Elem().Field(i).SetZero()
			if got := text(kind, without.Interface().(message)); got == whole {
				t.Errorf("%s: %s doesn't show in %q", kind, f.Name, whole)
			}
		}
	}
}

func examplePushPull() []byte {
	w := wire.AppendSerfState(nil, 9, 1)
	w.Slot(7, 1)
	w.Event([]byte("deploy"), []byte("v2"))
	w.LeftMembers(8, 1)
	w.LeftMember("gone")
	w.StatusLTimes(4, 1)
	w.StatusLTime("n1", 6)
	state := w.Bytes()
	h := wire.PushPullHeader{Join: true, Nodes: 1, UserStateLen: len(state), Diff: wire.Diff{
		Step: wire.DiffParts, Root: 11, Sums: []byte("abcd"), Salt: 12, Parts: []byte{5}, Above: []byte("xyz")}}
	n := wire.NodeState{Addr: ip, Inc: 3, Meta: []byte("web"), Name: name, Port: 7946, State: wire.StateSuspect,
		Vsn: versions}
	return append(n.Append(h.Append(nil)), state...)
}

func TestPushPullShowsBothStatesAndTheDifference(t *testing.T) {
	x := StreamMessage(examplePushPull())
	want := `push/pull Above=xyz Diff=parts Join Nodes=1 Parts=0x05 Root=11 Salt=12 Sums=abcd UserStateLen=117
  member Addr=10.0.0.1 Incarnation=3 Tags=role=web Name=n1 Port=7946 State=suspect Vsn="1 5 2 2 5 5"
  serf state EventLTime=9 LTime=8 LeftMembers=gone QueryLTime=4 StatusLTimes=n1=6
    Events LTime=7
      Events Name=deploy Payload=v2
`
	if got := x.Text(0, 8); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if text := x.Text(0, 1); !strings.Contains(text, "... and 1 more") {
		t.Errorf("it isn't said that parts are left out:\n%s", text)
	}
}

// Whoever sees the words of a packet mustn't learn a key from them, even if it is malformed.
func TestKeysNeverShow(t *testing.T) {
	key := []byte("0123456789abcdef")
	encoded := base64.StdEncoding.EncodeToString(key)
	request := (&wire.KeyRequest{Key: key}).Append(nil)
	answer := (&wire.KeyAnswer{Result: true, PrimaryKey: []byte(encoded), Keys: wire.NewList(encoded)}).Append(nil)
	query := (&wire.Query{Name: []byte("_serf_install-key"), Payload: request}).Append(nil)
	response := (&wire.QueryResponse{From: name, Payload: answer}).Append(nil)
	relay := (&wire.Relay{DestName: name, Msg: response}).Append(nil)
	hides := func(msg []byte) {
		t.Helper()
		p, s := Message(wire.AppendUser(nil, msg)), StreamMessage(append(
			(&wire.UserMsgHeader{Len: len(msg)}).Append(nil), msg...))
		js, err := json.Marshal(&p)
		if err != nil {
			t.Fatal(err)
		}
		all := p.Text(0, 8) + s.Text(0, 8) + string(js)
		for _, secret := range []string{string(key[:8]), encoded[:8], hex.EncodeToString(key[:6])} {
			if strings.Contains(all, secret) {
				t.Errorf("%q shows in %s", secret, all)
			}
		}
	}
	for _, msg := range [][]byte{query, response, relay, request, answer} {
		for n := range msg {
			hides(msg[:n+1])
		}
		for i := range msg {
			broken := append([]byte(nil), msg...)
			broken[i] ^= 0x40
			if !strings.Contains(string(broken), "_serf_") && strings.Contains(string(msg), "_serf_") {
				continue // a query of a user's now
			}
			hides(broken)
		}
	}
	x := serf(query)
	if text := x.Text(0, 8); !strings.Contains(text, "key request Key="+wire.FingerprintOf(key).String()) {
		t.Errorf("the fingerprint doesn't show in %s", text)
	}
}

func TestPacketShowsItsLayers(t *testing.T) {
	keys, err := wire.NewKeyring([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	s := &wire.Sealer{Label: "prod", Keys: keys, Nonce: func([]byte) {}, EncryptVersion: 1, Compress: true}
	msg := wire.AppendUser(nil, (&wire.UserEvent{Name: name, Payload: make([]byte, 300)}).Append(nil))
	var d Dissector
	packet := s.SealPacket(nil, msg, true, new(wire.Scratch))
	d.Sealer = s
	x := d.Packet(packet)
	want := fmt.Sprintf("packet bytes=%d label key=%v encryption=1 checksum compressed\n"+
		"  user event LTime=0 Name=n1 Payload=0x%s... Payload_bytes=300\n", len(packet), keys.Fingerprints()[0], strings.Repeat("00", 64))
	if got := x.Text(0, 8); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	d.Sealer = nil
	x = d.Packet(packet)
	if got := x.Text(0, 8); !strings.Contains(got, `error="labelled, and not as this cluster" head=0xf40470726f64`) {
		t.Errorf("a packet that can't be opened: %s", got)
	}
}

func FuzzDissect(f *testing.F) {
	for _, file := range []string{"memberlist.json", "serf.json"} {
		for _, v := range vectors(f, file) {
			f.Add(v.bytes(f))
		}
	}
	for kind, m := range examples {
		msg := m.Append(nil)
		if strings.HasPrefix(kind, "serf ") {
			msg = wire.AppendUser(nil, msg)
		}
		f.Add(msg)
	}
	f.Add(examplePushPull())
	var d Dissector
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, x := range []Part{d.Packet(p), StreamMessage(p), Message(p)} {
			text := x.Text(0, 8)
			for _, r := range text {
				if r != '\n' && r < ' ' {
					t.Fatalf("%q has a control character", text)
				}
			}
			if _, err := json.Marshal(&x); err != nil {
				t.Fatal(err)
			}
		}
	})
}
