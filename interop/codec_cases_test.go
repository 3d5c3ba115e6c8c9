package interop

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"serf/wire"
)

// duel is one task that both sides can do. Ours writes into reused memory, as its callers do; the
// original always returns new memory.
type duel struct {
	name     string
	packet   bool   // part of handling a packet: ours may not allocate
	bytes    int    // size of the message, for the rate
	times    int    // how often a call does the task; 0 is once
	against  string // what the other side is, if not the published program
	ours     func() error
	original func() error
	// agree checks that both do the same.
	agree func(t *testing.T)
}

// Sizes of push/pulls.
const (
	smallCluster = 100
	largeCluster = 10_000
	// fullPayload is the size of what is compressed and encrypted: about what fits a packet.
	fullPayload = 1300
)

// duels is all tasks.
func duels(tb testing.TB) []duel {
	var all []duel
	for _, m := range packetMessages(tb) {
		all = append(all, m.encodeDuel(tb, true), m.decodeDuel(tb, true))
	}
	all = append(all, packDuel(tb), unpackDuel(tb), splitDuel(tb))
	for _, m := range []message{
		serfStateMessage(smallCluster), serfStateMessage(largeCluster), pushPullMessage(tb, smallCluster), pushPullMessage(tb, largeCluster),
	} {
		all = append(all, m.encodeDuel(tb, false), m.decodeDuel(tb, false))
	}
	all = append(all, compressDuels(tb)...)
	return append(all, bareDuels(tb)...)
}

// message is one message as either side encodes and decodes it.
type message struct {
	name      string
	append    func(b []byte) []byte
	parse     func(message []byte) error
	encode    func() ([]byte, error)
	decode    func(message []byte) (any, error)
	unordered bool // the original writes a map in random order
}

// perCall is how often one call does the task.
func (d *duel) perCall() int { return max(d.times, 1) }

func (m *message) encodeDuel(tb testing.TB, packet bool) duel {
	buf := m.append(nil)
	return duel{
		name: "encode " + m.name, packet: packet, bytes: len(buf),
		ours:     func() error { buf = m.append(buf[:0]); return nil },
		original: func() error { _, err := m.encode(); return err },
		agree:    m.agree,
	}
}

func (m *message) decodeDuel(tb testing.TB, packet bool) duel {
	b := m.append(nil)
	return duel{
		name: "decode " + m.name, packet: packet, bytes: len(b),
		ours:     func() error { return m.parse(b) },
		original: func() error { _, err := m.decode(b); return err },
		agree:    m.agree,
	}
}

// agree checks that the original decodes our bytes as it decodes its own, and that the bytes are
// equal where the original has a fixed order.
func (m *message) agree(t *testing.T) {
	ours := m.append(nil)
	theirs, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	if !m.unordered && !bytes.Equal(ours, theirs) {
		t.Errorf("ours     %x\noriginal %x", ours, theirs)
	}
	a, errA := m.decode(ours)
	b, errB := m.decode(theirs)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("the original reads\n%+v\nin ours, and in its own\n%+v", a, b)
	}
	if err := m.parse(theirs); err != nil {
		t.Errorf("ours can't read the original's: %v", err)
	}
}

// memberlistMessage is a message of the membership.
func memberlistMessage[T any](name string, kind wire.Type, ours func([]byte) []byte, parse func([]byte) error, original *T) message {
	return message{
		name: name, append: ours,
		parse: func(b []byte) error { return parse(b[1:]) },
		encode: func() ([]byte, error) {
			b, err := memberlistEncode(uint8(kind), original, false)
			return b.Bytes(), err
		},
		decode: func(b []byte) (any, error) { v := new(T); return v, memberlistDecode(b[1:], v) },
	}
}

// serfMessage is the same for a message of Serf.
func serfMessage[T any](name string, kind wire.SerfType, ours func([]byte) []byte, parse func([]byte) error, original *T) message {
	return message{
		name: name, append: ours,
		parse:  func(b []byte) error { return parse(b[1:]) },
		encode: func() ([]byte, error) { return serfEncode(uint8(kind), original, false) },
		decode: func(b []byte) (any, error) { v := new(T); return v, serfDecode(b[1:], v) },
	}
}

// only drops a parser's result and keeps its error.
func only[T any](parse func([]byte) (T, error)) func([]byte) error {
	return func(b []byte) error { _, err := parse(b); return err }
}

var (
	exampleAddr = []byte{10, 0, 0, 42}
	exampleVsn  = []byte{1, 5, 2, 2, 5, 5}
	exampleMeta = wire.AppendTags(nil, []wire.Tag{{Key: "dc", Value: "east"}, {Key: "role", Value: "web"}})
)

const (
	exampleName  = "member-00042"
	exampleOther = "member-00007"
)

// packetMessages are the messages that travel in packets.
func packetMessages(tb testing.TB) []message {
	name, other := []byte(exampleName), []byte(exampleOther)
	payload := bytes.Repeat([]byte("deploy "), 16)
	var filters wire.FilterList
	filters.AddNodes(exampleName, exampleOther)
	filters.AddTag("role", "^web$")
	var rawFilters [][]byte
	for it := filters.Iter(); it.Next(); {
		rawFilters = append(rawFilters, append([]byte{byte(it.Kind)}, it.Body...))
	}

	ping := wire.Ping{Seq: 70_000, Node: name, SourceAddr: exampleAddr, SourcePort: 7946, SourceNode: other}
	suspect := wire.Suspect{Inc: 7, Node: name, From: other}
	alive := wire.Alive{Inc: 7, Node: name, Addr: exampleAddr, Port: 7946, Meta: exampleMeta, Vsn: exampleVsn}
	event := wire.UserEvent{CC: true, LTime: 900, Name: []byte("deploy"), Payload: payload}
	query := wire.Query{
		Addr: exampleAddr, Filters: filters, Flags: wire.QueryWantAck, ID: 1 << 30, LTime: 901, Name: []byte("uptime"),
		Payload: payload, Port: 7946, RelayFactor: 2, SourceNode: other, Timeout: int64(5 * time.Second),
	}
	coordinate := wire.Coordinate{Vec: [8]float64{.1, -.2, .3, -.4, .5, -.6, .7, -.8}, Error: 1.2, Adjustment: -.01, Height: 1e-5}
	ack := wire.Ack{Seq: 70_000, Payload: wire.AppendAckPayload(nil, &coordinate)}
	return []message{
		memberlistMessage("ping", wire.TypePing, ping.Append, only(wire.ParsePing),
			&originalPing{70_000, exampleName, exampleAddr, 7946, exampleOther}),
		memberlistMessage("ack", wire.TypeAck, ack.Append, only(wire.ParseAck),
			&originalAck{70_000, ack.Payload}),
		memberlistMessage("suspect", wire.TypeSuspect, suspect.Append, only(wire.ParseSuspect),
			&originalSuspect{7, exampleName, exampleOther}),
		memberlistMessage("alive", wire.TypeAlive, alive.Append, only(wire.ParseAlive),
			&originalAlive{7, exampleName, exampleAddr, 7946, exampleMeta, exampleVsn}),
		serfMessage("user event", wire.SerfUserEvent, event.Append, only(wire.ParseUserEvent),
			&originalUserEvent{900, "deploy", payload, true}),
		serfMessage("query", wire.SerfQuery, query.Append, only(wire.ParseQuery), &originalQuery{
			901, 1 << 30, exampleAddr, 7946, exampleOther, rawFilters, wire.QueryWantAck, 2, 5 * time.Second, "uptime", payload,
		}),
	}
}

// tenAlives are the messages of a compound.
func tenAlives() [][]byte {
	var messages [][]byte
	for i := range 10 {
		m := wire.Alive{Inc: uint32(i), Node: []byte(memberName(i)), Addr: exampleAddr, Port: 7946, Meta: exampleMeta, Vsn: exampleVsn}
		messages = append(messages, m.Append(nil))
	}
	return messages
}

func memberName(i int) string { return fmt.Sprintf("member-%05d", i) }

func packDuel(tb testing.TB) duel {
	messages := tenAlives()
	var p wire.Packer
	var buf []byte
	pack := func() {
		p.Reset(1400)
		for _, m := range messages {
			p.Add(m)
		}
		buf = p.AppendTo(buf[:0])
	}
	return duel{
		name: "encode compound of 10", packet: true, bytes: len(memberlistPack(messages).Bytes()),
		ours:     func() error { pack(); return nil },
		original: func() error { memberlistPack(messages); return nil },
		agree: func(t *testing.T) {
			if pack(); !bytes.Equal(buf, memberlistPack(messages).Bytes()) {
				t.Errorf("ours %x", buf)
			}
		},
	}
}

func unpackDuel(tb testing.TB) duel {
	packed := memberlistPack(tenAlives()).Bytes()
	var sealer *wire.Sealer
	var sc wire.Scratch
	var messages [][]byte
	ours := func() (err error) {
		messages, err = sealer.OpenPacket(packed, &sc, messages[:0])
		return err
	}
	return duel{
		name: "decode compound of 10", packet: true, bytes: len(packed), ours: ours,
		original: func() error { _, _, err := memberlistUnpack(packed[1:]); return err },
		agree: func(t *testing.T) {
			_, want, _ := memberlistUnpack(packed[1:])
			if err := ours(); err != nil || fmt.Sprint(messages) != fmt.Sprint(want) {
				t.Errorf("ours %v %x", err, messages)
			}
		},
	}
}

// splitDuel is what a receiver does with a compound: it takes it apart and parses each message.
func splitDuel(tb testing.TB) duel {
	packed := memberlistPack(tenAlives()).Bytes()
	var sealer *wire.Sealer
	var sc wire.Scratch
	var messages [][]byte
	var last wire.Alive
	ours := func() (err error) {
		if messages, err = sealer.OpenPacket(packed, &sc, messages[:0]); err != nil {
			return err
		}
		for _, m := range messages {
			if last, err = wire.ParseAlive(m[1:]); err != nil {
				return err
			}
		}
		return nil
	}
	var lastOriginal originalAlive
	original := func() error {
		_, parts, err := memberlistUnpack(packed[1:])
		for _, part := range parts {
			lastOriginal = originalAlive{}
			if err := memberlistDecode(part[1:], &lastOriginal); err != nil {
				return err
			}
		}
		return err
	}
	return duel{
		name: "split and decode compound of 10", packet: true, bytes: len(packed), ours: ours, original: original,
		agree: func(t *testing.T) {
			must(t, errors.Join(ours(), original()))
			if string(last.Node) != lastOriginal.Node || last.Inc != lastOriginal.Incarnation || len(messages) != 10 {
				t.Errorf("ours reads %d messages, of which the last is %+v, the original %+v", len(messages), last, lastOriginal)
			}
		},
	}
}

// serfStateMessage is the Serf part of a push/pull of a cluster of n, with 20 remembered events.
func serfStateMessage(n int) message {
	const slots, filled = 512, 20
	original := &originalSerfState{
		LTime: 400, EventLTime: 300, QueryLTime: 200, StatusLTimes: make(map[string]uint64),
		LeftMembers: []string{memberName(3)}, Events: make([]*originalSlot, slots),
	}
	var names []string
	for i := range n {
		names = append(names, memberName(i))
		original.StatusLTimes[memberName(i)] = uint64(200 + i)
	}
	payload := []byte("v1.2.3")
	for i := range filled {
		original.Events[i] = &originalSlot{LTime: uint64(i), Events: []originalSlotEvent{{"deploy", payload}}}
	}
	event := []byte("deploy")
	write := func(b []byte) []byte {
		w := wire.AppendSerfState(b, 300, slots)
		for i := range slots {
			if i >= filled {
				w.EmptySlot()
				continue
			}
			w.Slot(uint64(i), 1)
			w.Event(event, payload)
		}
		w.LeftMembers(400, 1)
		w.LeftMember(names[3])
		w.StatusLTimes(200, len(names))
		for i, name := range names {
			w.StatusLTime(name, uint64(200+i))
		}
		return w.Bytes()
	}
	m := serfMessage(fmt.Sprintf("Serf state of %d", n), wire.SerfPushPull, write, readSerfState, original)
	m.unordered = true
	return m
}

// readSerfState parses a state and visits all of it, as a node does.
func readSerfState(body []byte) error {
	s, err := wire.ParseSerfState(body)
	if err != nil {
		return err
	}
	for it := s.LeftMembers.Iter(); it.Next(); {
	}
	for it := s.StatusLTimes.Iter(); it.Next(); {
	}
	for it := s.Events.Iter(); it.Next(); {
		for e := it.Slot.Iter(); e.Next(); {
		}
	}
	return nil
}

// pushPullMessage is a push/pull of n members.
func pushPullMessage(tb testing.TB, n int) message {
	original := &originalPushPull{header: originalPushPullHeader{Nodes: n, UserStateLen: 256, Join: true}, userState: make([]byte, 256)}
	states := make([]wire.NodeState, n)
	for i := range states {
		addr := []byte{10, 0, byte(i >> 8), byte(i)}
		states[i] = wire.NodeState{Addr: addr, Inc: uint32(i + 1), Meta: exampleMeta, Name: []byte(memberName(i)), Port: 7946, Vsn: exampleVsn}
		original.states = append(original.states, originalNodeState{memberName(i), addr, 7946, exampleMeta, uint32(i + 1), 0, exampleVsn})
	}
	return message{
		name: fmt.Sprintf("push/pull of %d", n),
		append: func(b []byte) []byte {
			h := wire.PushPullHeader{Join: true, Nodes: n, UserStateLen: len(original.userState)}
			b = h.Append(b)
			for i := range states {
				b = states[i].Append(b)
			}
			return append(b, original.userState...)
		},
		parse: func(b []byte) error {
			pp, err := wire.ParsePushPull(b[1:])
			if err != nil {
				return err
			}
			for it := pp.States(); it.Next(); {
			}
			return nil
		},
		encode: original.encode,
		decode: func(b []byte) (any, error) { return decodePushPull(b[1:]) },
	}
}

// fullBody is a user message of the size that a full packet has, with some repetition as real ones.
func fullBody() []byte {
	b := []byte{byte(wire.TypeUser)}
	for i := 0; len(b) < fullPayload; i++ {
		b = append(b, tenAlives()[i%10]...)
	}
	return b[:fullPayload]
}

// compressDuels are the layers around a packet's messages.
func compressDuels(tb testing.TB) []duel {
	body, key := fullBody(), bytes.Repeat([]byte{7}, 32)
	ring, err := wire.NewKeyring(key)
	if err != nil {
		tb.Fatal(err)
	}
	random := func(b []byte) { rand.Read(b) }
	compressed, err := memberlistCompress(body, false)
	if err != nil {
		tb.Fatal(err)
	}
	var encrypted bytes.Buffer
	if err := memberlistEncrypt(1, key, body, nil, &encrypted); err != nil {
		tb.Fatal(err)
	}
	ping := wire.Ping{Seq: 70_000, Node: []byte(exampleName), SourceAddr: exampleAddr, SourcePort: 7946, SourceNode: []byte(exampleOther)}
	lone := ping.Append(nil)
	return []duel{
		loneDuel(lone),
		sealDuel("compress", body, &wire.Sealer{Compress: true},
			func() ([]byte, error) { b, err := memberlistCompress(body, false); return b.Bytes(), err },
			func(b []byte) ([]byte, error) { return memberlistDecompress(b[1:]) }),
		openDuel("decompress", body, compressed.Bytes(), &wire.Sealer{Compress: true},
			func(b []byte) ([]byte, error) { return memberlistDecompress(b[1:]) }),
		sealDuel("encrypt", body, &wire.Sealer{Keys: ring, EncryptVersion: 1, Nonce: random},
			func() ([]byte, error) {
				var to bytes.Buffer
				err := memberlistEncrypt(1, key, body, nil, &to)
				return to.Bytes(), err
			},
			func(b []byte) ([]byte, error) { return memberlistDecrypt([][]byte{key}, b, nil) }),
		openDuel("decrypt", body, encrypted.Bytes(), &wire.Sealer{Keys: ring, EncryptVersion: 1, Nonce: random},
			func(b []byte) ([]byte, error) { return memberlistDecrypt([][]byte{key}, b, nil) }),
	}
}

// loneDuel is a ping with compression on: the original compresses it and discards the result, ours
// doesn't try.
func loneDuel(ping []byte) duel {
	s := &wire.Sealer{Compress: true}
	var sc wire.Scratch
	var buf []byte
	ours := func() error { buf = s.SealPacket(buf[:0], ping, false, &sc); return nil }
	return duel{
		name: "compress a lone ping", packet: true, bytes: len(ping), ours: ours,
		original: func() error { _, err := memberlistCompress(ping, false); return err },
		agree: func(t *testing.T) {
			compressed, err := memberlistCompress(ping, false)
			must(t, errors.Join(ours(), err))
			if !bytes.Equal(buf, ping) || compressed.Len() < len(ping) {
				t.Errorf("ours sends %x; compressed the ping has %d bytes of %d", buf, compressed.Len(), len(ping))
			}
		},
	}
}

// bareDuels compare encryption with the standard library's AES-GCM alone, under a single nonce: the
// difference is what the layers cost.
func bareDuels(tb testing.TB) []duel {
	body, key, nonce := fullBody(), bytes.Repeat([]byte{7}, 32), make([]byte, 12)
	ring, err := wire.NewKeyring(key)
	must(tb, err)
	block, err := aes.NewCipher(key)
	must(tb, err)
	gcm, err := cipher.NewGCM(block)
	must(tb, err)
	s := &wire.Sealer{Keys: ring, EncryptVersion: 1, Nonce: func(b []byte) { clear(b) }}
	var sc wire.Scratch
	var buf, bare, text []byte
	var messages [][]byte
	bare = gcm.Seal(nil, nonce, body, nil)
	sealed := s.SealPacket(nil, body, false, &sc)
	agree := func(t *testing.T) {
		if !bytes.HasSuffix(sealed, bare) {
			t.Errorf("ours %x, want at its end %x", sealed, bare)
		}
	}
	return []duel{
		{
			name: "encrypt 1300 B", against: "crypto/cipher alone", packet: true, bytes: len(body), agree: agree,
			ours:     func() error { buf = s.SealPacket(buf[:0], body, false, &sc); return nil },
			original: func() error { bare = gcm.Seal(bare[:0], nonce, body, nil); return nil },
		}, {
			name: "decrypt 1300 B", against: "crypto/cipher alone", packet: true, bytes: len(body), agree: agree,
			ours: func() (err error) {
				messages, err = s.OpenPacket(sealed, &sc, messages[:0])
				return err
			},
			original: func() (err error) {
				text, err = gcm.Open(text[:0], nonce, bare, nil)
				return err
			},
		},
	}
}

// sealDuel puts a layer around body; open is the original's way to take it off.
func sealDuel(name string, body []byte, s *wire.Sealer, seal func() ([]byte, error), open func([]byte) ([]byte, error)) duel {
	var sc wire.Scratch
	var buf []byte
	ours := func() error { buf = s.SealPacket(buf[:0], body, false, &sc); return nil }
	return duel{
		name: fmt.Sprintf("%s %d B", name, len(body)), packet: true, bytes: len(body), ours: ours,
		original: func() error { _, err := seal(); return err },
		agree: func(t *testing.T) {
			ours()
			if got, err := open(buf); err != nil || !bytes.Equal(got, body) {
				t.Errorf("the original gets %x out of ours, %v", got, err)
			}
		},
	}
}

// openDuel takes a layer off sealed.
func openDuel(name string, body, sealed []byte, s *wire.Sealer, open func([]byte) ([]byte, error)) duel {
	var sc wire.Scratch
	var messages [][]byte
	ours := func() (err error) {
		messages, err = s.OpenPacket(sealed, &sc, messages[:0])
		return err
	}
	return duel{
		name: fmt.Sprintf("%s %d B", name, len(body)), packet: true, bytes: len(body), ours: ours,
		original: func() error { _, err := open(sealed); return err },
		agree: func(t *testing.T) {
			if err := ours(); err != nil || len(messages) != 1 || !bytes.Equal(messages[0], body) {
				t.Errorf("ours gets %x, %v", messages, err)
			}
		},
	}
}
