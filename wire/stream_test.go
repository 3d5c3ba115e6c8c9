package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// feed gives block to a reader in chunks of the given size.
func feed(r *StreamReader, block []byte, chunk int) (used int, done bool, err error) {
	for len(block) > used && !done && err == nil {
		n := copy(r.Space(), block[used:min(used+chunk, len(block))])
		used += n
		done, err = r.Fed(n)
	}
	return used, done, err
}

type streamVector struct {
	name   string
	sealer *Sealer
	block  []byte
}

func streamVectors(t testing.TB) []streamVector {
	var found []streamVector
	for _, v := range loadVectors(t, "memberlist.json") {
		if !strings.HasPrefix(v.Name, "stream-") {
			continue
		}
		s := &Sealer{Label: v.Fields.text("Label"),
			Compress: strings.Contains(v.Name, "compressed"), EncryptVersion: 1}
		block := v.bytes(t)
		if k := v.Fields.raw(t, "Key"); len(k) > 0 {
			s.Keys = keyring(t, k)
			start := streamHead
			if s.Label != "" {
				start += labelHead + len(s.Label)
			}
			s.Nonce = fixedNonce(block[start+1:][:nonceSize])
		}
		found = append(found, streamVector{v.Name, s, block})
	}
	if len(found) != 4 {
		t.Fatalf("%d stream vectors, want 4", len(found))
	}
	return found
}

// vectorPushPull writes the push/pull that is in all stream vectors.
func vectorPushPull() []byte {
	vsn := []byte{1, 5, 2, 2, 5, 5}
	local := []byte{127, 0, 0, 1}
	v6 := []byte("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01")
	states := []NodeState{
		{local, 3, []byte{255, 128}, []byte("n1"), 7946, StateAlive, vsn},
		{v6, 9, nil, []byte("n2"), 80, StateSuspect, vsn},
		{local, 70000, []byte("web"), []byte("n3"), 7947, StateDead, vsn},
		{local, 0, nil, []byte("n4"), 7948, StateLeft, vsn},
	}
	user := "user-state-bytes"
	h := PushPullHeader{Join: true, Nodes: len(states), UserStateLen: len(user)}
	b := h.Append(nil)
	for i := range states {
		b = states[i].Append(b)
	}
	return append(b, user...)
}

func TestStreamVectors(t *testing.T) {
	msg := vectorPushPull()
	for _, v := range streamVectors(t) {
		if got := v.sealer.SealStream(nil, msg); !bytes.Equal(got, v.block) {
			t.Errorf("%s\n got %x\nwant %x", v.name, got, v.block)
		}
		got, err := v.sealer.OpenStream(v.block)
		if err != nil || !bytes.Equal(got, msg) {
			t.Errorf("%s: opened %x, %v\nwant %x", v.name, got, err, msg)
		}
	}
}

func TestStreamVectorsTruncated(t *testing.T) {
	for _, v := range streamVectors(t) {
		for n := range v.block {
			if msg, err := v.sealer.OpenStream(v.block[:n]); err == nil {
				t.Errorf("%s cut to %d of %d bytes opens: %x", v.name, n, len(v.block), msg)
			}
			r := NewStreamReader(v.sealer)
			if _, done, err := feed(r, v.block[:n], 1000); done || err != nil {
				t.Errorf("%s cut to %d of %d bytes: done %v, %v", v.name, n, len(v.block), done,
					err)
			}
		}
	}
}

func TestParsePushPull(t *testing.T) {
	msg := vectorPushPull()
	pp, err := ParsePushPull(msg[1:])
	if err != nil {
		t.Fatal(err)
	}
	h := PushPullHeader{Join: pp.Join, Nodes: pp.Nodes, UserStateLen: len(pp.UserState)}
	again := h.Append(nil)
	for it := pp.States(); it.Next(); {
		again = it.State.Append(again)
	}
	if again = append(again, pp.UserState...); !bytes.Equal(again, msg) {
		t.Errorf("written again\n got %x\nwant %x", again, msg)
	}
	for n := 1; n < len(msg); n++ {
		if _, err := ParsePushPull(msg[1:n]); err == nil {
			t.Errorf("cut to %d of %d bytes is accepted", n, len(msg))
		}
	}
	if _, err := ParsePushPull(append(bytes.Clone(msg[1:]), 1, 2, 3)); err != nil {
		t.Errorf("bytes after the end: %v", err)
	}
}

// userStream is a user message in the form of streams.
func userStream(n int) []byte {
	h := UserMsgHeader{Len: n}
	return append(h.Append(nil), make([]byte, n)...)
}

func TestUserMsg(t *testing.T) {
	p := userStream(300)
	if msg, err := ParseUserMsg(p[1:]); err != nil || len(msg) != 300 {
		t.Errorf("%d bytes, %v", len(msg), err)
	}
	for n := 1; n < len(p); n++ {
		if _, err := ParseUserMsg(p[1:n]); err == nil {
			t.Errorf("cut to %d of %d bytes is accepted", n, len(p))
		}
	}
	if got := AppendUser([]byte("x"), []byte("yz")); string(got) != "x\x08yz" {
		t.Errorf("packet form: %q", got)
	}
}

// streamMessages has one message of each kind that streams carry.
func streamMessages() map[string][]byte {
	return map[string][]byte{
		"push/pull": bigPushPull(50, 4000),
		"user":      userStream(70000),
		"empty":     (&PushPullHeader{}).Append(nil),
		"ping":      (&Ping{Seq: 1, Node: []byte("n")}).Append(nil),
		"ack":       (&Ack{Seq: 1, Payload: make([]byte, 300)}).Append(nil),
		"nack":      (&Nack{Seq: 1}).Append(nil),
		"err":       (&Err{[]byte("no")}).Append(nil),
	}
}

func streamSealers(t testing.TB) map[string]*Sealer {
	keys := keyring(t, key(32, 1))
	return map[string]*Sealer{
		"plain":      nil,
		"label":      {Label: "blue"},
		"compressed": {Compress: true},
		"encrypted":  {Keys: keys, Nonce: countingNonce(), EncryptVersion: 1, Label: "blue"},
		"padded":     {Keys: keys, Nonce: countingNonce()},
		"everything": {Keys: keys, Nonce: countingNonce(), Compress: true, Label: "blue",
			EncryptVersion: 1},
	}
}

// The reader finds the same end however the bytes arrive, and leaves out what follows.
func TestStreamReaderFindsTheEnd(t *testing.T) {
	for layers, s := range streamSealers(t) {
		for kind, msg := range streamMessages() {
			block := s.SealStream(nil, msg)
			arriving := append(bytes.Clone(block), "more"...)
			for _, chunk := range []int{1, 2, 7, 1000, len(arriving)} {
				if chunk == 1 && len(block) > 10000 {
					continue // nothing new, but slow
				}
				r := NewStreamReader(s)
				_, done, err := feed(r, arriving, chunk)
				if !done || err != nil {
					t.Errorf("%s %s in chunks of %d: done %v, %v", layers, kind, chunk, done, err)
					continue
				}
				if !bytes.Equal(r.Block(), block) {
					t.Errorf("%s %s in chunks of %d: block of %d bytes, want %d", layers, kind,
						chunk, len(r.Block()), len(block))
				}
			}
			if got, err := s.OpenStream(block); err != nil || !bytes.Equal(got, msg) {
				t.Errorf("%s %s: opened %d bytes, %v, want %d", layers, kind, len(got), err,
					len(msg))
			}
		}
	}
}

// The reader looks at each byte once, even if bytes arrive one by one.
func TestStreamReaderIsLinear(t *testing.T) {
	block := bigPushPull(2000, 0)
	var f framer
	f.limit = StreamBlockMax
	for n := range block {
		before := f.pos
		if done, err := f.scan(block[:n]); done || err != nil {
			t.Fatalf("after %d bytes: done %v, %v", n, done, err)
		}
		if f.pos < before || n-f.pos > 9 { // 9 bytes: the longest head
			t.Fatalf("after %d bytes the reader is at %d, was at %d", n, f.pos, before)
		}
	}
}

func TestStreamReaderRefusesAtOnce(t *testing.T) {
	keys := keyring(t, key(16, 1))
	encrypted := func(n uint32) []byte {
		return binary.BigEndian.AppendUint32([]byte{byte(TypeEncrypt)}, n)
	}
	for _, test := range []struct {
		name   string
		sealer *Sealer
		start  []byte
		want   error
	}{
		{"no label", &Sealer{Label: "blue"}, []byte{6}, ErrNoLabel},
		{"unwanted label", nil, []byte{244}, ErrLabel},
		{"label of another length", &Sealer{Label: "blue"}, []byte{244, 9}, ErrLabel},
		{"two labels", &Sealer{Label: "b"}, []byte{244, 1, 'b', 244}, ErrLabel},
		{"plain", &Sealer{Keys: keys}, []byte{6}, ErrNotEncrypted},
		{"encrypted", &Sealer{}, []byte{10}, ErrEncrypted},
		{"encrypted beyond the limit", &Sealer{Keys: keys}, encrypted(StreamBlockMax + 1),
			ErrLimit},
		{"alive", nil, []byte{4}, ErrType},
		{"compound", nil, []byte{7}, ErrType},
		{"http", nil, []byte("GET / HTTP/1.1\r\n"), ErrType},
		{"meaningless byte", nil, []byte{6, 0xc1}, ErrFormat},
		{"raw32 in a ping", nil, []byte("\x00\x81\xa4Node\xdb\x00\x01\x00\x00"), ErrLimit},
		{"raw32 in a push/pull", nil, []byte("\x06\x81\xa4Join\xdb\xff\xff\xff\xff"), ErrLimit},
		{"map32", nil, []byte("\x06\xdf\xff\xff\xff\xff"), ErrLimit},
		{"array32 in array32", nil, []byte("\x06\x81\xa1x\xdd\x00\x80\x00\x00\xdd\x00\xd0\x00\x00"),
			ErrLimit},
		{"too many nodes", nil, (&PushPullHeader{Nodes: NodeStatesMax + 1}).Append(nil), ErrLimit},
		{"negative nodes", nil, (&PushPullHeader{Nodes: -1}).Append(nil), ErrRange},
		{"too much user state", nil, (&PushPullHeader{UserStateLen: UserStateMax + 1}).Append(nil),
			ErrLimit},
		{"too much of both", nil, (&PushPullHeader{Nodes: 1000, UserStateLen: UserStateMax - 1000}).Append(nil), ErrLimit},
		{"too long a user message", nil, (&UserMsgHeader{Len: UserStateMax + 1}).Append(nil),
			ErrLimit},
		{"compressed beyond the limit", nil, []byte("\x09\x81\xa3Buf\xdb\x01\x40\x00\x00"),
			ErrLimit},
	} {
		_, done, err := feed(NewStreamReader(test.sealer), test.start, 1)
		if done || err != test.want {
			t.Errorf("%s: done %v, error %v, want %v", test.name, done, err, test.want)
		}
	}
}

func TestStreamReaderErrorSticks(t *testing.T) {
	r := NewStreamReader(nil)
	feed(r, []byte{4}, 1)
	if _, done, err := feed(r, vectorPushPull(), 100); done || err != ErrType {
		t.Errorf("done %v, error %v after %v", done, err, ErrType)
	}
}

// A block of exactly the limit is accepted, with all that a layer adds to it.
func TestStreamBlockAtTheLimit(t *testing.T) {
	h := PushPullHeader{UserStateLen: UserStateMax - 40}
	head := len(h.Append(nil))
	h.UserStateLen = StreamBlockMax - head
	msg := append(h.Append(nil), make([]byte, h.UserStateLen)...)
	if len(msg) != StreamBlockMax {
		t.Fatalf("message of %d bytes", len(msg))
	}
	r := NewStreamReader(nil)
	if _, done, err := feed(r, msg, 1<<20); !done || err != nil {
		t.Errorf("done %v, %v", done, err)
	}
	if r.Memory() > 2*StreamBlockMax {
		t.Errorf("holds %d bytes for a block of %d", r.Memory(), len(msg))
	}
	if _, err := (*Sealer)(nil).OpenStream(msg); err != nil {
		t.Errorf("open: %v", err)
	}
	h.UserStateLen++
	if _, _, err := feed(NewStreamReader(nil), h.Append(nil), 100); err != ErrLimit {
		t.Errorf("one byte more: error %v, want %v", err, ErrLimit)
	}
}

func TestStreamPlainLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("decompresses 80 MiB")
	}
	s := &Sealer{Compress: true}
	for _, test := range []struct {
		size int
		want error
	}{{StreamPlainMax, nil}, {StreamPlainMax + 1, ErrLimit}} {
		// Node states of all that is allowed, filled up by a key that nobody knows.
		h := PushPullHeader{Nodes: 1, UserStateLen: UserStateMax}
		msg := append(h.Append(nil), "\x81\xa1x\xdb\x00\x00\x00\x00"...)
		pad := test.size - len(msg) - UserStateMax
		binary.BigEndian.PutUint32(msg[len(msg)-4:], uint32(pad))
		msg = append(msg, make([]byte, pad+UserStateMax)...)
		got, err := s.OpenStream(s.SealStream(nil, msg))
		if err != test.want || err == nil && !bytes.Equal(got, msg) {
			t.Errorf("%d bytes: opened %d, error %v, want %v", test.size, len(got), err, test.want)
		}
	}
}

func TestOpenStreamRefusals(t *testing.T) {
	keys := keyring(t, key(16, 1))
	sealing := &Sealer{Keys: keys, Nonce: countingNonce(), EncryptVersion: 1}
	msg := vectorPushPull()
	tampered := sealing.SealStream(nil, msg)
	tampered[4]-- // the length is authenticated too
	for _, test := range []struct {
		name   string
		sealer *Sealer
		block  []byte
		want   error
	}{
		{"plain", &Sealer{Keys: keys}, msg, ErrNotEncrypted},
		{"encrypted", nil, sealing.SealStream(nil, msg), ErrEncrypted},
		{"other key", &Sealer{Keys: keyring(t, key(16, 2))}, sealing.SealStream(nil, msg),
			ErrNoKey},
		{"other label", &Sealer{Keys: keys, Label: "blue"},
			append([]byte("\xf4\x04blue"), sealing.SealStream(nil, msg)...), ErrNoKey},
		{"length changed", &Sealer{Keys: keys}, tampered, ErrNoKey},
		{"encrypted twice", &Sealer{Keys: keys},
			sealing.SealStream(nil, sealing.SealStream(nil, msg)), ErrNesting},
		{"compressed twice", nil, compressed(t, compressed(t, msg)), ErrNesting},
		{"encrypted inside compressed", &Sealer{Keys: keys, PlainIn: true},
			compressed(t, sealing.SealStream(nil, msg)), ErrNesting},
		{"nothing compressed", nil, compressed(t, nil), ErrShort},
		{"compressed and cut", nil, compressed(t, msg[:len(msg)-1]), ErrShort},
		{"announced beyond the limit", &Sealer{Keys: keys},
			[]byte{byte(TypeEncrypt), 255, 255, 255, 255}, ErrLimit},
		{"no compressed data", nil, appendCompress(nil, []byte{255, 255}), ErrCompress},
		{"compressed nonsense", nil, compressed(t, append([]byte{byte(TypePushPull), 0xc1}, msg...)), ErrFormat},
		{"label alone", &Sealer{Label: "b"}, []byte("\xf4\x01b"), ErrShort},
		{"compressed with another algorithm", nil, []byte("\x09\x81\xa4Algo\x01"), ErrCompress},
		{"a packet's message", nil, exampleAlive().Append(nil), ErrType},
	} {
		if got, err := test.sealer.OpenStream(test.block); err != test.want {
			t.Errorf("%s: %x, error %v, want %v", test.name, got, err, test.want)
		}
	}
	plainIn := &Sealer{Keys: keys, PlainIn: true}
	if got, err := plainIn.OpenStream(msg); err != nil || !bytes.Equal(got, msg) {
		t.Errorf("plain text let in: %v", err)
	}
}

// An announced length costs no memory: only bytes that arrive do.
func TestStreamReaderMemory(t *testing.T) {
	for layers, s := range streamSealers(t) {
		block := s.SealStream(nil, bigPushPull(20000, 100))
		r := NewStreamReader(s)
		sizes := map[int]bool{}
		for used, done := 0, false; !done; {
			taking, held := r.Taking(), r.Memory()
			space := r.Space()
			if got := r.Memory() - held; got > 0 && r.Memory() != taking || got == 0 && taking > 0 {
				t.Fatalf("%s: %d bytes were to be taken, %d are held now and %d were", layers,
					taking, r.Memory(), held)
			}
			n := copy(space, block[used:min(used+1<<14, len(block))])
			used += n
			var err error
			if done, err = r.Fed(n); err != nil {
				t.Fatalf("%s: %v", layers, err)
			}
			sizes[r.Memory()] = true
			if r.Memory() > 2*used+2*streamStep {
				t.Fatalf("%s: %d bytes held after %d arrived", layers, r.Memory(), used)
			}
		}
		if len(sizes) > 20 { // doubled each time, 10 are enough for 4 MiB
			t.Errorf("%s: %d times more memory", layers, len(sizes))
		}
	}
	claims := []byte{byte(TypeEncrypt), 0x01, 0x40, 0, 0}
	r := NewStreamReader(&Sealer{Keys: keyring(t, key(16, 1))})
	feed(r, append(claims, make([]byte, 100)...), 50)
	if r.Memory() > 2*streamStep {
		t.Errorf("%d bytes held on the word of a header", r.Memory())
	}
}

// Each message may cost four times its size and 64 KiB. A decompression bomb counts with its size
// when it is detected, which is after the first step if it is no message.
func TestMemoryPerMessage(t *testing.T) {
	zeros := make([]byte, 32<<20)
	alive := exampleAlive().Append(nil)
	var sc Scratch
	(*Sealer)(nil).OpenPacket(compressed(t, compressed(t, alive)), &sc, nil) // the scratch is there
	open := func(p []byte) func() { return func() { (*Sealer)(nil).OpenPacket(p, &sc, nil) } }
	stream := func(p []byte) func() {
		return func() {
			r := NewStreamReader(nil)
			if _, done, _ := feed(r, p, 1<<15); done {
				if msg, err := (*Sealer)(nil).OpenStream(r.Block()); err == nil &&
					Type(msg[0]) == TypePushPull {
					ParsePushPull(msg[1:])
				}
			}
		}
	}
	bomb := compressed(t, zeros)
	state := bigPushPull(3000, 1<<20)
	for _, test := range []struct {
		name string
		size int
		f    func()
	}{
		{"packet: bomb", 1000, open(bomb)},
		{"packet: bomb within", 1000, open(compound(compressed(t, zeros[:1<<20])))},
		{"packet: nested bombs", 1000, open(compressed(t, compressed(t, zeros[:1<<20])))},
		{"packet: many parts", 65000, open(compound(bytes.Split(bytes.Repeat([]byte("\x00x"), 250), []byte("x"))...))},
		{"packet: raw32", 20, open([]byte("\x09\x82\xa3Buf\xdb\xff\xff\xff\xff"))},
		{"stream: bomb", len(bomb), stream(bomb)},
		{"stream: nodes announced", 30, stream((&PushPullHeader{Nodes: NodeStatesMax}).Append(nil))},
		{"stream: user state announced", 30,
			stream((&PushPullHeader{UserStateLen: UserStateMax}).Append(nil))},
		{"stream: plain", len(state), stream(state)},
		{"stream: compressed", len(state), stream(compressed(t, state))},
	} {
		if got, limit := allocatedBy(test.f), uint64(4*test.size+64<<10); got > limit {
			t.Errorf("%s: %d bytes allocated for a message of %d, limit %d", test.name, got,
				test.size, limit)
		}
	}
}

func ExampleStreamReader() {
	block := (&Sealer{Label: "blue"}).SealStream(nil, (&Nack{Seq: 1}).Append(nil))
	r := NewStreamReader(&Sealer{Label: "blue"})
	for _, b := range block {
		r.Space()[0] = b
		if done, err := r.Fed(1); done || err != nil {
			fmt.Println(done, err, len(r.Block()) == len(block))
		}
	}
	// Output: true <nil> true
}

// The original expects answers without a label header, and reads one as a message of type 244. The
// label is authenticated all the same.
func TestAnswersHaveNoLabelHeader(t *testing.T) {
	msg := (&Ack{Seq: 7}).Append(nil)
	for _, s := range []*Sealer{
		{Label: "blue"},
		{Label: "blue", Compress: true},
		{Label: "blue", Keys: keyring(t, key(32, 1)), Nonce: countingNonce(), EncryptVersion: 1},
	} {
		block := s.SealAnswer(nil, msg)
		if Type(block[0]) == TypeLabel {
			t.Fatal("an answer with a label header")
		}
		r := NewAnswerReader(s)
		n := copy(r.Space(), block)
		if done, err := r.Fed(n); !done || err != nil {
			t.Fatalf("the reader says %v, %v", done, err)
		}
		if got, err := s.OpenAnswer(r.Block()); err != nil || !bytes.Equal(got, msg) {
			t.Errorf("opened as %x, %v", got, err)
		}
		labelled := s.SealStream(nil, msg)
		if _, err := s.OpenAnswer(labelled); err != ErrLabel {
			t.Errorf("an answer with a label header: %v", err)
		}
		r = NewAnswerReader(s)
		if _, err := r.Fed(copy(r.Space(), labelled)); err != ErrLabel {
			t.Errorf("the reader of one: %v", err)
		}
		other := *s
		other.Label = "green"
		if _, err := other.OpenAnswer(block); s.Keys != nil && err == nil {
			t.Error("encrypted under another label, and opened")
		}
	}
}
