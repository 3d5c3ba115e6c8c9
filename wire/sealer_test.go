package wire

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func mustOpen(t *testing.T, s *Sealer, p []byte) [][]byte {
	t.Helper()
	msgs, err := s.OpenPacket(p, new(Scratch), nil)
	if err != nil {
		t.Fatalf("open packet: %v", err)
	}
	return msgs
}

func wantMessages(t *testing.T, got [][]byte, want ...[]byte) {
	t.Helper()
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("messages\n got %x\nwant %x", got, want)
	}
}

// encryptedVectors calls each with every vector of an encrypted packet, its plain text and a sealer
// with its key and version.
func encryptedVectors(t *testing.T, each func(name string, s *Sealer, plain, packet []byte)) {
	count := 0
	for _, v := range loadVectors(t, "memberlist.json") {
		if !strings.HasPrefix(v.Name, "encrypted-") {
			continue
		}
		count++
		packet := v.bytes(t)
		s := &Sealer{
			Label: v.Fields.text("Label"), Keys: keyring(t, v.Fields.raw(t, "Key")),
			EncryptVersion: uint8(v.Fields.uint("Version")),
		}
		start := 0
		if s.Label != "" {
			start = labelHead + len(s.Label)
		}
		s.Nonce = fixedNonce(packet[start+1:][:nonceSize])
		each(v.Name, s, v.Fields.raw(t, "Plain"), packet)
	}
	if count != 12 {
		t.Errorf("%d encrypted vectors, want 12", count)
	}
}

func TestEncryptedVectors(t *testing.T) {
	encryptedVectors(t, func(name string, s *Sealer, plain, packet []byte) {
		if got := s.SealPacket(nil, plain, false, new(Scratch)); !bytes.Equal(got, packet) {
			t.Errorf("%s\n got %x\nwant %x", name, got, packet)
		}
		wantMessages(t, mustOpen(t, s, packet), plain)
	})
}

func TestEncryptedVectorsTruncated(t *testing.T) {
	encryptedVectors(t, func(name string, s *Sealer, _, packet []byte) {
		for n := range packet {
			if msgs, err := s.OpenPacket(packet[:n], new(Scratch), nil); err == nil ||
				len(msgs) > 0 {
				t.Errorf("%s cut to %d bytes: %x, %v", name, n, msgs, err)
			}
		}
	})
}

func TestEncryptedVectorsTampered(t *testing.T) {
	encryptedVectors(t, func(name string, s *Sealer, _, packet []byte) {
		for i := range packet {
			bad := bytes.Clone(packet)
			bad[i] ^= 0x10
			if msgs, err := s.OpenPacket(bad, new(Scratch), nil); err == nil || len(msgs) > 0 {
				t.Errorf("%s with byte %d changed: %x, %v", name, i, msgs, err)
			}
		}
	})
}

func TestLayerVectors(t *testing.T) {
	alive := findVector(t, "memberlist.json", "alive").bytes(t)
	suspect := findVector(t, "memberlist.json", "suspect").bytes(t)

	t.Run("crc", func(t *testing.T) {
		want := findVector(t, "memberlist.json", "crc").bytes(t)
		if got := (*Sealer)(nil).SealPacket(nil, alive, true, new(Scratch)); !bytes.Equal(got, want) {
			t.Errorf("got %x\nwant %x", got, want)
		}
		wantMessages(t, mustOpen(t, nil, want), alive)
	})
	t.Run("compound", func(t *testing.T) {
		want := findVector(t, "memberlist.json", "compound").bytes(t)
		var p Packer
		p.Reset(1400)
		p.Add(alive)
		p.Add(suspect)
		if got := p.AppendTo(nil); !bytes.Equal(got, want) {
			t.Errorf("got %x\nwant %x", got, want)
		}
		wantMessages(t, mustOpen(t, nil, want), alive, suspect)
	})
	t.Run("compress", func(t *testing.T) {
		v := findVector(t, "memberlist.json", "compress")
		var enc lzwEncoder
		data, ok := enc.encode(nil, v.Fields.raw(t, "Plain"), 1000)
		if got := appendCompress(nil, data); !ok || !bytes.Equal(got, v.bytes(t)) {
			t.Errorf("got %x\nwant %s", got, v.Hex)
		}
		wantMessages(t, mustOpen(t, nil, v.bytes(t)), v.Fields.raw(t, "Plain"))
	})
}

func TestTruncatedCRC(t *testing.T) {
	p := findVector(t, "memberlist.json", "crc").bytes(t)
	for n := range p {
		if msgs, err := (*Sealer)(nil).OpenPacket(p[:n], new(Scratch), nil); err == nil ||
			len(msgs) > 0 {
			t.Errorf("cut to %d bytes: %x, %v", n, msgs, err)
		}
	}
}

// A truncated compound loses only the missing parts.
func TestTruncatedCompound(t *testing.T) {
	p := findVector(t, "memberlist.json", "compound").bytes(t)
	first := findVector(t, "memberlist.json", "alive").bytes(t)
	for n := range p {
		msgs, err := (*Sealer)(nil).OpenPacket(p[:n], new(Scratch), nil)
		if err != ErrShort {
			t.Errorf("cut to %d bytes: error %v, want %v", n, err, ErrShort)
		}
		if n < 6+len(first) {
			wantMessages(t, msgs)
		} else {
			wantMessages(t, msgs, first)
		}
	}
}

func TestTruncatedCompress(t *testing.T) {
	p := findVector(t, "memberlist.json", "compress").bytes(t)
	for n := range p {
		if msgs, err := (*Sealer)(nil).OpenPacket(p[:n], new(Scratch), nil); err == nil ||
			len(msgs) > 0 {
			t.Errorf("cut to %d bytes: %x, %v", n, msgs, err)
		}
	}
}

// TestSealOpen tries all combinations of layers, and checks that none exceeds Overhead.
func TestSealOpen(t *testing.T) {
	alive := exampleAlive().Append(nil)
	bodies := map[string][]byte{"one": alive,
		"many": compound(slices.Repeat([][]byte{alive}, 10)...)}
	for i := range 64 {
		has := func(bit int) bool { return i&(1<<bit) != 0 }
		s := &Sealer{Nonce: countingNonce(), Compress: has(0)}
		if has(1) {
			s.Label = "blue"
		}
		if has(2) {
			s.Keys = keyring(t, key(32, 1), key(16, 2))
		}
		if has(3) {
			s.EncryptVersion = 1
		}
		body := bodies["one"]
		if has(4) {
			body = bodies["many"]
		}
		p := s.SealPacket([]byte("before"), body, has(5), new(Scratch))
		name := fmt.Sprintf("layers %06b", i)
		if !bytes.HasPrefix(p, []byte("before")) {
			t.Fatalf("%s: what was in dst is gone", name)
		}
		p = p[len("before"):]
		if len(p) > len(body)+s.Overhead() {
			t.Errorf("%s: packet of %d bytes for a body of %d, with an overhead of %d", name,
				len(p), len(body), s.Overhead())
		}
		msgs := mustOpen(t, s, p)
		if has(4) {
			wantMessages(t, msgs, slices.Repeat([][]byte{alive}, 10)...)
		} else {
			wantMessages(t, msgs, alive)
		}
	}
}

// The padding of version 0 can make an overhead off by one.
func TestOverheadIsReached(t *testing.T) {
	s := &Sealer{Label: "blue", Keys: keyring(t, key(16, 1)), Nonce: countingNonce()}
	most := 0
	for n := range 40 {
		body := make([]byte, n)
		most = max(most, len(s.SealPacket(nil, body, true, new(Scratch)))-n)
	}
	if most != s.Overhead() {
		t.Errorf("layers added up to %d bytes, Overhead is %d", most, s.Overhead())
	}
}

func TestCompressOnlyWhenSmaller(t *testing.T) {
	s := &Sealer{Compress: true}
	noise := make([]byte, 1000)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	ping := (&Ping{Seq: 1, Node: []byte("member-00001"), SourceAddr: []byte{10, 0, 0, 1},
		SourcePort: 7946, SourceNode: []byte("member-00002")}).Append(nil)
	alive := exampleAlive().Append(nil)
	for _, test := range []struct {
		name string
		body []byte
		want bool
	}{
		{"noise", noise, false},
		{"ping", ping, false},
		{"a lone alive", alive, false},
		{"two alives", compound(alive, alive), true},
		{"one byte under the floor", bytes.Repeat([]byte("a"), compressFloor-1), false},
		{"at the floor", bytes.Repeat([]byte("a"), compressFloor), true},
	} {
		p := s.SealPacket(nil, test.body, false, new(Scratch))
		if got := Type(p[0]) == TypeCompress; got != test.want {
			t.Errorf("%s, %d bytes: compressed is %v", test.name, len(test.body), got)
		}
		if len(p) > len(test.body) {
			t.Errorf("%s: %d bytes became %d", test.name, len(test.body), len(p))
		}
	}
}

func TestRefusals(t *testing.T) {
	alive := exampleAlive().Append(nil)
	ours, theirs := keyring(t, key(16, 1)), keyring(t, key(16, 2))
	seal := func(s Sealer) []byte {
		s.Nonce = countingNonce()
		return s.SealPacket(nil, alive, false, new(Scratch))
	}
	doubleLabel := append([]byte("\xf4\x04blue"), seal(Sealer{Label: "blue"})...)
	badSum := (*Sealer)(nil).SealPacket(nil, alive, true, new(Scratch))
	badSum[2]++
	for _, test := range []struct {
		name   string
		sealer Sealer
		packet []byte
		want   error
	}{
		{"empty", Sealer{}, nil, ErrShort},
		{"no label", Sealer{Label: "blue"}, seal(Sealer{}), ErrNoLabel},
		{"unwanted label", Sealer{}, seal(Sealer{Label: "blue"}), ErrLabel},
		{"other label", Sealer{Label: "blue"}, seal(Sealer{Label: "grey"}), ErrLabel},
		{"longer label", Sealer{Label: "blue"}, seal(Sealer{Label: "blues"}), ErrLabel},
		{"shorter label", Sealer{Label: "blue"}, seal(Sealer{Label: "blu"}), ErrLabel},
		{"empty label", Sealer{}, append([]byte{244, 0}, alive...), ErrLabel},
		{"two labels", Sealer{Label: "blue"}, doubleLabel, ErrLabel},
		{"nothing but a label", Sealer{Label: "blue"}, []byte("\xf4\x04blue"), ErrShort},
		{"plain", Sealer{Keys: ours}, seal(Sealer{}), ErrNotEncrypted},
		{"other key", Sealer{Keys: ours}, seal(Sealer{Keys: theirs, EncryptVersion: 1}), ErrNoKey},
		{"key under another label", Sealer{Label: "grey", Keys: ours},
			append([]byte("\xf4\x04grey"), seal(Sealer{Label: "blue", Keys: ours})[6:]...), ErrNoKey},
		{"version 2", Sealer{Keys: ours}, append([]byte{2}, seal(Sealer{Keys: ours})[1:]...),
			ErrNotEncrypted},
		{"bad checksum", Sealer{}, badSum, ErrChecksum},
		{"checksum inside", Sealer{}, compound((*Sealer)(nil).SealPacket(nil, alive, true, new(Scratch))), ErrType},
		{"label inside", Sealer{}, compound([]byte("\xf4\x04blue")), ErrType},
		{"encrypt inside", Sealer{}, []byte{byte(TypeEncrypt), 0, 0, 0, 1, 1}, ErrType},
		{"other algorithm", Sealer{}, []byte("\x09\x82\xa4Algo\x01\xa3Buf\xa0"), ErrCompress},
		{"nothing compressed", Sealer{}, compressed(t, nil), ErrShort},
	} {
		msgs, err := test.sealer.OpenPacket(test.packet, new(Scratch), nil)
		if err != test.want || len(msgs) != 0 {
			t.Errorf("%s: %x, error %v, want %v", test.name, msgs, err, test.want)
		}
	}
}

func TestPlainInAndOut(t *testing.T) {
	alive := exampleAlive().Append(nil)
	s := &Sealer{Keys: keyring(t, key(16, 1)), Nonce: countingNonce(), PlainIn: true,
		PlainOut: true, EncryptVersion: 1}
	plain := s.SealPacket(nil, alive, false, new(Scratch))
	if !bytes.Equal(plain, alive) {
		t.Errorf("sent %x, want plain text", plain)
	}
	if got, want := s.Overhead(), (*Sealer)(nil).Overhead(); got != want {
		t.Errorf("overhead %d of plain text, want %d", got, want)
	}
	wantMessages(t, mustOpen(t, s, plain), alive)

	encrypting := &Sealer{Keys: s.Keys, Nonce: s.Nonce, EncryptVersion: 1}
	wantMessages(t, mustOpen(t, s, encrypting.SealPacket(nil, alive, false, new(Scratch))), alive)
}

func TestOpenTriesAllKeys(t *testing.T) {
	alive := exampleAlive().Append(nil)
	old := &Sealer{Keys: keyring(t, key(16, 1)), Nonce: countingNonce()}
	s := &Sealer{Keys: keyring(t, key(32, 9), key(24, 5), key(16, 1))}
	wantMessages(t, mustOpen(t, s, old.SealPacket(nil, alive, true, new(Scratch))), alive)
	block := old.SealStream(nil, bigPushPull(3, 5))
	if _, err := s.OpenStream(block); err != nil {
		t.Errorf("stream: %v", err)
	}
}

// A bad part of a compound must not affect the others.
func TestBadPartLosesOnlyItself(t *testing.T) {
	alive := exampleAlive().Append(nil)
	bomb := compressed(t, make([]byte, PacketPlainMax+1))
	msgs, err := (*Sealer)(nil).OpenPacket(compound(alive, nil, bomb, alive), new(Scratch), nil)
	if err != ErrShort {
		t.Errorf("error %v, want that of the first bad part: %v", err, ErrShort)
	}
	wantMessages(t, msgs, alive, alive)
}

func TestNestingLimit(t *testing.T) {
	wrap := map[string]func([]byte) []byte{
		"compound": func(p []byte) []byte { return compound(p) },
		"compress": func(p []byte) []byte { return compressed(t, p) },
	}
	for name, layer := range wrap {
		p := exampleAlive().Append(nil)
		for range NestingMax {
			p = layer(p)
		}
		if msgs, err := (*Sealer)(nil).OpenPacket(p, new(Scratch), nil); err != nil ||
			len(msgs) != 1 {
			t.Errorf("%d layers of %s: %d messages, %v", NestingMax, name, len(msgs), err)
		}
		if msgs, err := (*Sealer)(nil).OpenPacket(layer(p), new(Scratch), nil); err != ErrNesting ||
			len(msgs) != 0 {
			t.Errorf("%d layers of %s: %d messages, %v, want %v", NestingMax+1, name, len(msgs),
				err, ErrNesting)
		}
	}
}

func TestPacketPlainLimit(t *testing.T) {
	if _, err := (*Sealer)(nil).OpenPacket(compressed(t, bytes.Repeat([]byte{8}, PacketPlainMax)), new(Scratch), nil); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := (*Sealer)(nil).OpenPacket(compressed(t, bytes.Repeat([]byte{8}, PacketPlainMax+1)), new(Scratch), nil); err != ErrLimit {
		t.Errorf("beyond the limit: error %v, want %v", err, ErrLimit)
	}
	half := compressed(t, bytes.Repeat([]byte{8}, PacketPlainMax/2+1))
	msgs, err := (*Sealer)(nil).OpenPacket(compound(half, half), new(Scratch), nil)
	if err != ErrLimit || len(msgs) != 1 {
		t.Errorf("two halves and a bit: %d messages, error %v; the limit is for all together",
			len(msgs), err)
	}
}

func TestPacketMessagesLimit(t *testing.T) {
	pings := func(n int) []byte {
		var parts [][]byte
		for n > 0 {
			some := min(n, CompoundMax)
			parts = append(parts, compound(slices.Repeat([][]byte{{0}}, some)...))
			n -= some
		}
		return compound(parts...)
	}
	before := [][]byte{{1}, {2}}
	msgs, err := (*Sealer)(nil).OpenPacket(pings(PacketMessagesMax), new(Scratch), before)
	if err != nil || len(msgs) != len(before)+PacketMessagesMax {
		t.Errorf("at the limit: %d messages, %v", len(msgs), err)
	}
	msgs, err = (*Sealer)(nil).OpenPacket(pings(PacketMessagesMax+1), new(Scratch), before)
	if err != ErrLimit || len(msgs) != len(before)+PacketMessagesMax {
		t.Errorf("beyond the limit: %d messages, error %v", len(msgs), err)
	}
}

func TestSealerBugsPanic(t *testing.T) {
	for name, s := range map[string]*Sealer{
		"label too long": {Label: strings.Repeat("x", LabelMax+1)},
		"no nonce":       {Keys: keyring(t, key(16, 1))},
		"unknown version": {Keys: keyring(t, key(16, 1)), Nonce: countingNonce(),
			EncryptVersion: 2},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			s.SealPacket(nil, []byte{8}, false, new(Scratch))
		})
	}
	longest := &Sealer{Label: strings.Repeat("x", LabelMax)}
	wantMessages(t, mustOpen(t, longest, longest.SealPacket(nil, []byte{8}, false, new(Scratch))),
		[]byte{8})
}

func TestKeyring(t *testing.T) {
	a, b, c := key(16, 1), key(24, 2), key(32, 3)
	want := func(what string, k *Keyring, keys ...[]byte) {
		t.Helper()
		if !slices.EqualFunc(k.Keys(), keys, bytes.Equal) || k.Len() != len(keys) ||
			!bytes.Equal(k.Primary(), keys[0]) {
			t.Errorf("%s: keys %x, want %x", what, k.Keys(), keys)
		}
	}
	must := func(k *Keyring, err error) *Keyring {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := must(NewKeyring(a, b, a))
	want("repeated keys count once", k, a, b)
	k2 := must(k.Install(c))
	want("installed last", k2, a, b, c)
	want("the old ring is as it was", k, a, b)
	want("installed beside it", must(k.Install(key(16, 9))), a, b, key(16, 9))
	want("and not into it", k2, a, b, c)
	want("primary first", must(k2.Use(c)), c, a, b)
	want("primary used again", must(k2.Use(a)), a, b, c)
	want("removed", must(k2.Remove(b)), a, c)
	want("the old ring still is", k2, a, b, c)
	want("a stranger removed", must(k2.Remove(key(16, 9))), a, b, c)
	k2.Keys()[0][0]++
	k2.Primary()[0]++
	want("copies given out", k2, a, b, c)
}

func TestKeyringErrors(t *testing.T) {
	k := keyring(t, key(16, 0))
	_, useErr := k.Use(key(16, 9))
	_, removeErr := k.Remove(key(16, 0))
	for _, test := range []struct {
		name      string
		err, want error
	}{{"unknown", useErr, ErrKeyUnknown}, {"primary", removeErr, ErrKeyPrimary}} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: error %v, want %v", test.name, test.err, test.want)
		}
	}
	for size := range 40 {
		_, err := NewKeyring(key(size, 1))
		if ok := size == 16 || size == 24 || size == 32; ok != (err == nil) ||
			!ok && !errors.Is(err, ErrKeySize) {
			t.Errorf("key of %d bytes: %v", size, err)
		}
	}
	for i := 1; i < KeysMax; i++ {
		var err error
		if k, err = k.Install(key(16, byte(i))); err != nil {
			t.Fatalf("key %d: %v", i+1, err)
		}
	}
	if _, err := k.Install(key(16, KeysMax)); !errors.Is(err, ErrKeyLimit) {
		t.Errorf("key %d: error %v, want %v", KeysMax+1, err, ErrKeyLimit)
	}
}

// The version isn't authenticated, so padding can be any bytes.
func TestBadPadding(t *testing.T) {
	s := &Sealer{Keys: keyring(t, key(16, 1)), Nonce: countingNonce(), EncryptVersion: 1}
	ending := func(tail ...byte) []byte {
		return append(bytes.Repeat([]byte{byte(TypeUser)}, 16-len(tail)), tail...)
	}
	for _, test := range []struct {
		name string
		text []byte
		want error
	}{
		{"none", ending(0), ErrFormat},
		{"more than a block", ending(17), ErrFormat},
		{"more than there is", bytes.Repeat([]byte{17}, 16), ErrFormat},
		{"uneven", ending(2, 3, 3), ErrFormat},
		{"not whole blocks", append(ending(1), 1), ErrFormat},
		{"nothing", nil, ErrFormat},
		{"good", ending(3, 3, 3), nil},
	} {
		p := s.SealPacket(nil, test.text, false, new(Scratch))
		p[0] = 0
		if msgs, err := s.OpenPacket(p, new(Scratch), nil); err != test.want ||
			(len(msgs) == 1) != (err == nil) {
			t.Errorf("%s: %x, error %v, want %v", test.name, msgs, err, test.want)
		}
	}
}

func TestKeyThatOpened(t *testing.T) {
	alive := exampleAlive().Append(nil)
	s := &Sealer{Keys: keyring(t, key(16, 1), key(24, 2), key(32, 3)), Nonce: countingNonce(),
		PlainIn: true}
	ack := (&Ack{Seq: 7}).Append(nil)
	var sc Scratch
	for want := range 3 {
		p := s.WithKey(want).SealPacket(nil, alive, false, new(Scratch))
		if _, err := s.OpenPacket(p, &sc, nil); err != nil || sc.Key() != want {
			t.Errorf("sealed with key %d: opened with %d, %v", want, sc.Key(), err)
		}
		block := s.WithKey(want).SealStream(nil, ack)
		msg, answer, err := s.OpenRequest(block)
		if err != nil || !bytes.Equal(msg, ack) ||
			!bytes.Equal(answer.Keys.Primary(), s.Keys.Keys()[want]) {
			t.Errorf("stream sealed with key %d: %v", want, err)
		}
	}
	for name, p := range map[string][]byte{"plain": alive, "nothing": nil, "noise": bytes.Repeat([]byte{1}, 100)} {
		if s.OpenPacket(p, &sc, nil); sc.Key() != NoKey {
			t.Errorf("%s: opened with key %d", name, sc.Key())
		}
	}
	if _, answer, err := s.OpenRequest(ack); err != nil || answer != s {
		t.Errorf("a plain request is answered by %v, %v, want the usual", answer, err)
	}
}

func TestSealerValidate(t *testing.T) {
	ring, err := NewKeyring(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	nonce := func([]byte) {}
	for _, tt := range []struct {
		name string
		s    *Sealer
		ok   bool
	}{
		{"none", nil, true},
		{"plain", &Sealer{}, true},
		{"label at the limit", &Sealer{Label: strings.Repeat("x", LabelMax)}, true},
		{"label beyond", &Sealer{Label: strings.Repeat("x", LabelMax+1)}, false},
		{"keys", &Sealer{Keys: ring, Nonce: nonce, EncryptVersion: maxEncryption}, true},
		{"another version", &Sealer{Keys: ring, Nonce: nonce, EncryptVersion: maxEncryption + 1},
			false},
		{"no key", &Sealer{Keys: new(Keyring), Nonce: nonce}, false},
		{"no nonces", &Sealer{Keys: ring}, false},
		{"no nonces needed", &Sealer{Keys: ring, PlainOut: true}, true},
	} {
		if err := tt.s.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// Every node has two, and most never compress anything, or never get anything compressed.
func TestTablesAreMadeWhenNeeded(t *testing.T) {
	if size := reflect.TypeFor[Scratch]().Size(); size > 256 {
		t.Errorf("an unused Scratch has %d bytes, want at most 256", size)
	}
	sealer := &Sealer{Compress: true}
	var sealed, opened Scratch
	p := sealer.SealPacket(nil, bytes.Repeat([]byte{8, 1}, 100), false, &sealed)
	if _, err := sealer.OpenPacket(p, &opened, nil); err != nil {
		t.Fatal(err)
	}
	if sealed.enc == nil || sealed.dec != nil || opened.dec == nil || opened.enc != nil {
		t.Error("want an encoder where something was sealed, a decoder where something was opened")
	}
}

// Files have fingerprints: they stay as they are.
func TestFingerprintsStay(t *testing.T) {
	primary, other := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 32)
	keys, err := NewKeyring(primary, other)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(keys.Fingerprints())
	if want := "[b76c3386000cd640 d1724732692a2d56]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if FingerprintOf(other) != keys.Fingerprints()[1] {
		t.Error("a key has another fingerprint in a keyring")
	}
	if (*Keyring)(nil).Fingerprints() != nil {
		t.Error("no keyring has fingerprints")
	}
}
