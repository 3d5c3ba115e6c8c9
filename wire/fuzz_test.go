package wire

import (
	"bytes"
	"math"
	"testing"
)

// hostile lists inputs that have crashed members of this protocol or used up their memory: false
// lengths and counts, decompression bombs, endless layers.
func hostile(t testing.TB) map[string][]byte {
	alive := exampleAlive().Append(nil)
	zeros := make([]byte, 1<<20)
	nested := func(layer func([]byte) []byte, times int) []byte {
		p := alive
		for range times {
			p = layer(p)
		}
		return p
	}
	squeeze := func(p []byte) []byte { return compressed(t, p) }
	return map[string][]byte{
		"bomb":                  compressed(t, append([]byte{byte(TypeUser)}, zeros...)),
		"bomb in bomb":          compressed(t, compressed(t, zeros)),
		"bombs in a compound":   compound(compressed(t, zeros), compressed(t, zeros), alive),
		"compress without end":  nested(squeeze, 20),
		"compounds without end": nested(func(p []byte) []byte { return compound(p, p) }, 8),
		"both without end": nested(func(p []byte) []byte {
			return squeeze(compound(p, p))
		}, 6),
		"encrypt in compress": compressed(t, []byte{byte(TypeEncrypt), 0, 0, 0, 4, 1, 2, 3, 4}),
		"encrypt of 4 GiB":    {byte(TypeEncrypt), 255, 255, 255, 255},
		"compound of nothing": {byte(TypeCompound), 255},
		"compound of long ones": append([]byte{byte(TypeCompound), 2, 255, 255, 255, 255},
			alive...),
		"compound of empty": append([]byte{byte(TypeCompound), 255}, zeros[:510]...),
		"crc alone":         {byte(TypeCRC), 0, 0},
		"label alone":       {byte(TypeLabel), 255, 'x'},
		"raw32":             []byte("\x02\x82\xa7Payload\xdb\xff\xff\xff\xff\xa5SeqNo\x01"),
		"bin32":             []byte("\x02\x82\xa7Payload\xc6\xff\xff\xff\xff\xa5SeqNo\x01"),
		"ext32":             []byte("\x02\x82\xa1x\xc9\xff\xff\xff\xff\xa5SeqNo\x01"),
		"map32":             []byte("\x00\xdf\xff\xff\xff\xff\xa4Node\xa1x"),
		"array32":           []byte("\x04\x81\xa1x\xdd\xff\xff\xff\xff"),
		"nested arrays": append([]byte("\x03\x81\xa1x"),
			bytes.Repeat([]byte{0x91}, 50_000)...),
		"nested maps": append([]byte("\x03\x81\xa1x"),
			bytes.Repeat([]byte{0x81}, 50_000)...),
		"nodes": (&PushPullHeader{Nodes: NodeStatesMax,
			UserStateLen: 0}).Append(nil),
		"nil nodes": append((&PushPullHeader{Nodes: 1000}).Append(nil),
			bytes.Repeat([]byte{0xc0}, 1000)...),
		"negative nodes":        (&PushPullHeader{Nodes: -1, UserStateLen: -1}).Append(nil),
		"user state":            (&PushPullHeader{UserStateLen: UserStateMax}).Append(nil),
		"user message":          (&UserMsgHeader{Len: math.MaxInt}).Append(nil),
		"negative user message": (&UserMsgHeader{Len: -1}).Append(nil),
	}
}

func hostileSerf() map[string][]byte {
	return map[string][]byte{
		"events array32": []byte("\x02\x81\xa6Events\xdd\xff\xff\xff\xff"),
		"nil events":     []byte("\x02\x81\xa6Events\xdd\x00\x00\x00\x04\xc0\xc0\xc0\xc0"),
		"slot events":    []byte("\x02\x81\xa6Events\x91\x81\xa6Events\xdd\xff\xff\xff\xff"),
		"nil in slot":    []byte("\x02\x81\xa6Events\x91\x81\xa6Events\x92\xc0\xc0"),
		"status map32":   []byte("\x02\x81\xacStatusLTimes\xdf\xff\xff\xff\xff"),
		"left array32":   []byte("\x02\x81\xabLeftMembers\xdd\xff\xff\xff\xff"),
		"filters":        []byte("\x04\x81\xa7Filters\xdd\xff\xff\xff\xff"),
		"empty filter":   []byte("\x04\x81\xa7Filters\x92\xa0\xc0"),
		"events twice":   []byte("\x02\x82\xa6Events\x91\xc0\xa6Events\xc0"),
		"relay only":     []byte("\x09\x80"),
		"relay to relay": []byte("\x09\x80\x09\x80\x09\x80\x01"),
		"tags map32":     []byte("\x06\x81\xa4Tags\xdf\xff\xff\xff\xff"),
	}
}

func seedMember(f *testing.F) {
	for _, v := range loadVectors(f, "memberlist.json") {
		f.Add(v.bytes(f))
	}
	for _, p := range hostile(f) {
		f.Add(p)
	}
}

// checkAgain checks that m, which was parsed, is the same after it is written and parsed again.
func checkAgain(t *testing.T, m message, parse func([]byte) (message, error)) {
	b := m.Append(nil)
	again, err := parse(b)
	if err != nil {
		t.Fatalf("%+v doesn't parse after it was written: %v", m, err)
	}
	if c := again.Append(nil); !bytes.Equal(b, c) {
		t.Fatalf("written twice\n first %x\nsecond %x", b, c)
	}
}

func FuzzOpenPacket(f *testing.F) {
	seedMember(f)
	var sc Scratch
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > PacketPlainMax {
			return // not a packet
		}
		before := bytes.Clone(p)
		msgs, _ := (*Sealer)(nil).OpenPacket(p, &sc, nil)
		if !bytes.Equal(p, before) {
			t.Fatal("the packet was changed")
		}
		if len(msgs) > PacketMessagesMax {
			t.Fatalf("%d messages", len(msgs))
		}
		for _, msg := range msgs {
			if m, err := parseMember(msg); err == nil {
				checkAgain(t, m, parseMember)
			}
		}
	})
}

// FuzzOpenSealed opens what a sender with the key could send.
func FuzzOpenSealed(f *testing.F) {
	seedMember(f)
	var sc Scratch
	s := &Sealer{Label: "blue", Keys: keyring(f, key(16, 1)), Nonce: countingNonce(),
		EncryptVersion: 1}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > PacketPlainMax {
			return
		}
		want, wantErr := (*Sealer)(nil).OpenPacket(body, new(Scratch), nil)
		if wantErr == ErrLabel { // within the layers it is something else
			return
		}
		got, err := s.OpenPacket(s.SealPacket(nil, body, false, &sc), &sc, nil)
		if err != wantErr || len(got) != len(want) {
			t.Fatalf("%d messages, %v sealed; %d, %v plain", len(got), err, len(want), wantErr)
		}
	})
}

func FuzzOpenStream(f *testing.F) {
	seedMember(f)
	f.Fuzz(func(t *testing.T, block []byte) {
		msg, err := (*Sealer)(nil).OpenStream(block)
		if err != nil {
			return
		}
		switch Type(msg[0]) {
		case TypePushPull:
			checkPushPull(t, msg)
		case TypeUser:
			if _, err := ParseUserMsg(msg[1:]); err != nil {
				t.Fatalf("a whole user message doesn't parse: %v", err)
			}
		default:
			parseMember(msg)
		}
	})
}

func checkPushPull(t *testing.T, msg []byte) {
	pp, err := ParsePushPull(msg[1:])
	if err != nil {
		return
	}
	n := 0
	for it := pp.States(); it.Next(); {
		n++
	}
	if n != pp.Nodes {
		t.Fatalf("%d states of %d", n, pp.Nodes)
	}
}

// FuzzStreamReader checks that the reader finds the same end however the bytes arrive, and that
// OpenStream agrees.
func FuzzStreamReader(f *testing.F) {
	seedMember(f)
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > 4096 {
			return // byte by byte takes too long
		}
		whole, single := NewStreamReader(nil), NewStreamReader(nil)
		_, done, err := feed(whole, p, len(p))
		_, done1, err1 := feed(single, p, 1)
		if done != done1 || err != err1 {
			t.Fatalf("at once: %v, %v; byte by byte: %v, %v", done, err, done1, err1)
		}
		if done && !bytes.Equal(whole.Block(), single.Block()) {
			t.Fatalf("at once: %d bytes; byte by byte: %d", len(whole.Block()), len(single.Block()))
		}
		msg, openErr := (*Sealer)(nil).OpenStream(p)
		if openErr == nil && !done {
			t.Fatalf("opens, but isn't whole: %v", err)
		}
		if openErr == nil && Type(p[0]) != TypeCompress && !bytes.Equal(msg, whole.Block()) {
			t.Fatal("opens to something else than the block")
		}
	})
}

func FuzzSerf(f *testing.F) {
	for _, v := range loadVectors(f, "serf.json") {
		f.Add(v.bytes(f))
	}
	for _, p := range hostileSerf() {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) == 0 {
			return
		}
		if m, err := parseSerf(p); err == nil {
			checkAgain(t, m, parseSerf)
		}
		if q, err := ParseQuery(p[1:]); err == nil {
			for it := q.Filters.Iter(); it.Next(); {
				ParseNodeFilter(it.Body)
				ParseTagFilter(it.Body)
			}
		}
		checkSerfState(t, p[1:])
		if tags, err := ParseTags(p); err == nil && len(pairsOf(tags)) != tags.Len() {
			t.Fatalf("%d tags of %d", len(pairsOf(tags)), tags.Len())
		}
		ParseAckPayload(p)
	})
}

func checkSerfState(t *testing.T, body []byte) {
	s, err := ParseSerfState(body)
	if err != nil {
		return
	}
	b := rewritten(&s)
	again, err := ParseSerfState(b[1:])
	if err != nil {
		t.Fatalf("doesn't parse after it was written: %v", err)
	}
	if c := rewritten(&again); !bytes.Equal(b, c) {
		t.Fatalf("written twice\n first %x\nsecond %x", b, c)
	}
}

func FuzzLZW(f *testing.F) {
	for _, plain := range [][]byte{nil, []byte("hello hello hello"), make([]byte, 5000), vectorPushPull()} {
		f.Add(lzwBytes(f, plain))
	}
	var dec lzwDecoder
	f.Fuzz(func(t *testing.T, data []byte) { compareLZW(t, &dec, data) })
}

// Each hostile input is refused, as a packet and as a stream, except for those listed, which are
// merely odd.
func TestHostileInputsAreRefused(t *testing.T) {
	harmless := map[string]bool{"nil nodes": true}
	for name, p := range hostile(t) {
		if harmless[name] {
			continue
		}
		if len(p) <= PacketPlainMax {
			msgs, err := (*Sealer)(nil).OpenPacket(p, new(Scratch), nil)
			for _, msg := range msgs {
				if _, bad := parseMember(msg); err == nil {
					err = bad
				}
			}
			if err == nil {
				t.Errorf("%s: accepted as a packet", name)
			}
		}
		r := NewStreamReader(nil)
		_, done, err := feed(r, p, 1000)
		if done && err == nil {
			if _, err = (*Sealer)(nil).OpenStream(r.Block()); err == nil {
				t.Errorf("%s: accepted as a stream", name)
			}
		}
	}
}
