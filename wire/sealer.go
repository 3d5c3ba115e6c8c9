package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"serf/internal/invariant"
	"serf/internal/msgpack"
)

// Sealer puts the layers around what is sent, and takes them off what is received: label,
// encryption, checksum and compression (docs/protocol.md, Sealing and compression). It doesn't
// change, and is safe for concurrent use if Nonce is; each user brings its own Scratch. A nil
// Sealer has no label, no keys, and doesn't compress.
type Sealer struct {
	// Label separates clusters: packets with another label, or with none, are refused. At most
	// LabelMax bytes.
	Label string
	// Keys encrypts and decrypts. Nil means plain text in both directions.
	Keys *Keyring
	// Nonce fills a nonce of 12 bytes, which must never repeat under one key. It is needed with
	// Keys unless PlainOut.
	Nonce func([]byte)
	// PacketNonce, if set, is Nonce for packets: only SealPacket calls it, and need not be safe for
	// concurrent use then. Whoever repeats a run needs the same nonces for the same packets.
	PacketNonce func([]byte)
	// EncryptVersion is the version of encryption to write, 0 or 1. Both are read. Members that
	// speak protocol 1 write 0, all others 1.
	EncryptVersion uint8
	// PlainIn accepts plain text besides what the keys open, PlainOut sends plain text. They are
	// for turning encryption on in a running cluster.
	PlainIn, PlainOut bool
	// Compress compresses what is sent. Compressed messages are always accepted.
	Compress bool
}

// Validate returns why s can't seal anything, or nil.
func (s *Sealer) Validate() error {
	switch {
	case s == nil:
	case len(s.Label) > LabelMax:
		return fmt.Errorf("label: %d bytes, at most %d", len(s.Label), LabelMax)
	case s.EncryptVersion > maxEncryption:
		return fmt.Errorf("version of encryption: %d, allowed 0 to %d",
			s.EncryptVersion, maxEncryption)
	case s.Keys != nil && s.Keys.Len() == 0:
		return errors.New("keyring: has no keys")
	case s.encrypts() && s.Nonce == nil:
		return errors.New("nonces: no source, with keys")
	}
	return nil
}

// Scratch is working memory for sealing and opening packets. The zero value is ready to use. It
// serves one call at a time, of any Sealer.
type Scratch struct {
	enc  *lzwEncoder // nil until something is compressed: they are large
	dec  *lzwDecoder
	lzw  []byte // compressed body of the packet being sealed
	text []byte // decrypted packet
	out  []byte // all decompressed parts of a packet; its capacity is PacketPlainMax
	key  int    // the number of the key that opened the packet
}

// NoKey is the number of the key of what wasn't encrypted.
const NoKey = -1

// Key is the number of the key that opened the last packet: 0 for the primary of the Sealer that
// opened it, or NoKey if it wasn't encrypted.
func (sc *Scratch) Key() int { return sc.key }

const (
	labelHead     = 2 // type byte and length
	crcHead       = 5 // type byte and CRC-32
	nonceSize     = 12
	tagSize       = 16
	cryptHead     = 1 + nonceSize // version and nonce
	cryptMin      = cryptHead + tagSize
	padBlock      = 16 // version 0 pads to a multiple of this, by at least one byte
	streamHead    = 5  // type byte and length of an encrypted stream
	maxEncryption = 1

	// compressHead is the size in bytes of a compress message without its data, for data of up to
	// 64 KiB.
	compressHead = 1 + 1 + len("_Algo") + 1 + len("_Buf") + 3

	// compressFloor is the size in bytes below which packets aren't worth compressing: the header
	// takes 15 bytes, and LZW starts at 9 bits a byte. A ping or an ack is smaller, two alives are
	// larger.
	compressFloor = 150
)

// Overhead is how many bytes at most the layers add to the body of a packet.
func (s *Sealer) Overhead() int {
	n := crcHead
	if s == nil {
		return n
	}
	if s.Label != "" {
		n += labelHead + len(s.Label)
	}
	if s.encrypts() {
		n += cryptMin
		if s.EncryptVersion == 0 {
			n += padBlock
		}
	}
	return n
}

func (s *Sealer) encrypts() bool { return s != nil && s.Keys != nil && !s.PlainOut }

// WithKey returns a Sealer that encrypts with another key of s and opens all that s does. It
// returns s itself for the primary, for NoKey, and if s doesn't encrypt. It is for members that
// were heard with that key and may not have the primary yet.
func (s *Sealer) WithKey(key int) *Sealer {
	if key <= 0 || !s.encrypts() {
		return s
	}
	other := *s
	other.Keys = s.Keys.lead(key)
	return &other
}

// KeysOut is how many keys s can encrypt with, see WithKey; 0 if it doesn't encrypt.
func (s *Sealer) KeysOut() int {
	if !s.encrypts() {
		return 0
	}
	return s.Keys.Len()
}

// SealPacket appends a packet with body, a message or a compound, to dst. With crc the packet has a
// checksum, which only receivers of protocol 5 and up expect. dst must not overlap with body.
func (s *Sealer) SealPacket(dst, body []byte, crc bool, sc *Scratch) []byte {
	dst = slices.Grow(dst, s.Overhead()+len(body))
	dst, label := s.appendLabel(dst)
	start := len(dst)
	if s.encrypts() {
		nonce := s.Nonce
		if s.PacketNonce != nil {
			nonce = s.PacketNonce
		}
		dst = s.appendCryptHead(dst, nonce)
	}
	sum := len(dst)
	if crc {
		dst = append(dst, byte(TypeCRC), 0, 0, 0, 0)
	}
	dst = s.appendCompressed(dst, body, sc)
	if crc {
		binary.BigEndian.PutUint32(dst[sum+1:], crc32.ChecksumIEEE(dst[sum+crcHead:]))
	}
	if s.encrypts() {
		dst = s.encrypt(dst, start, label)
	}
	return dst
}

// appendCompressed appends body, compressed if that makes it smaller.
func (s *Sealer) appendCompressed(dst, body []byte, sc *Scratch) []byte {
	if s == nil || !s.Compress || len(body) < compressFloor {
		return append(dst, body...)
	}
	if sc.enc == nil {
		sc.enc = new(lzwEncoder)
	}
	small, ok := sc.enc.encode(sc.lzw[:0], body, len(body)-compressHead-1)
	sc.lzw = small[:0]
	if !ok {
		return append(dst, body...)
	}
	return appendCompress(dst, small)
}

func appendCompress(b, data []byte) []byte {
	b = msgpack.AppendMap(append(b, byte(TypeCompress)), 2)
	b = msgpack.UintField(b, "Algo", 0)
	return msgpack.RawOrNilField(b, "Buf", data)
}

// parseCompress returns the compressed bytes of a compress message.
func parseCompress(body []byte) ([]byte, error) {
	var data []byte
	var algo uint8
	c := msgpack.Cursor{P: body}
	for n := c.Fields(); n > 0 && c.OK(); n-- {
		switch string(c.Bytes()) {
		case "Algo":
			algo = c.Uint8()
		case "Buf":
			data = c.Bytes()
		default:
			c.Skip()
		}
	}
	if algo != 0 {
		c.Fail(ErrCompress)
	}
	return data, c.Err
}

// OpenPacket takes all layers off the packet p and appends its messages, each with its type byte,
// to msgs. They borrow from p and sc, until sc is used again.
//
// An error says why p, or a part of it, was refused. The messages of the other parts are valid, so
// callers handle what is returned in any case.
func (s *Sealer) OpenPacket(p []byte, sc *Scratch, msgs [][]byte) ([][]byte, error) {
	sc.key = NoKey
	p, label, err := s.takeLabel(p)
	if err != nil {
		return msgs, err
	}
	if p, err = s.openCrypt(p, label, sc); err != nil {
		return msgs, err
	}
	if p, err = openCRC(p); err != nil {
		return msgs, err
	}
	sc.out = sc.out[:0]
	u := unpacker{sc: sc, msgs: msgs, max: len(msgs) + PacketMessagesMax}
	u.unpack(p, 0)
	return u.msgs, u.err
}

// openCrypt decrypts p, if there are keys.
func (s *Sealer) openCrypt(p, label []byte, sc *Scratch) ([]byte, error) {
	if s == nil || s.Keys == nil {
		return p, nil
	}
	sc.text = slices.Grow(sc.text[:0], len(p))
	text, key, err := s.Keys.decrypt(sc.text, p, label)
	if err == nil {
		sc.key = key
		return text, nil
	}
	if s.PlainIn {
		return p, nil
	}
	return nil, err
}

func openCRC(p []byte) ([]byte, error) {
	if len(p) == 0 || Type(p[0]) != TypeCRC {
		return p, nil
	}
	if len(p) < crcHead {
		return nil, ErrShort
	}
	if binary.BigEndian.Uint32(p[1:]) != crc32.ChecksumIEEE(p[crcHead:]) {
		return nil, ErrChecksum
	}
	return p[crcHead:], nil
}

// unpacker takes compounds and compressed messages apart.
type unpacker struct {
	sc   *Scratch
	msgs [][]byte
	max  int
	err  error // the first
}

func (u *unpacker) fail(err error) {
	if u.err == nil {
		u.err = err
	}
}

// unpack handles one message inside depth layers.
func (u *unpacker) unpack(p []byte, depth int) {
	switch {
	case len(p) == 0:
		u.fail(ErrShort)
	case depth > NestingMax:
		u.fail(ErrNesting)
	case len(u.msgs) == u.max:
		u.fail(ErrLimit)
	default:
		u.unpackType(p, depth)
	}
}

func (u *unpacker) unpackType(p []byte, depth int) {
	switch Type(p[0]) {
	case TypeCompound:
		u.unpackCompound(p[1:], depth+1)
	case TypeCompress:
		u.unpackCompress(p[1:], depth+1)
	case TypeCRC, TypeEncrypt, TypeLabel: // outer layers only
		u.fail(ErrType)
	default:
		u.msgs = append(u.msgs, p)
	}
}

func (u *unpacker) unpackCompound(p []byte, depth int) {
	if len(p) == 0 || len(p) < 1+compoundPerPart*int(p[0]) {
		u.fail(ErrShort)
		return
	}
	lens := p[1 : 1+compoundPerPart*int(p[0])]
	p = p[1+len(lens):]
	for ; len(lens) > 0; lens = lens[compoundPerPart:] {
		n := int(binary.BigEndian.Uint16(lens))
		if n > len(p) {
			u.fail(ErrShort)
			return
		}
		u.unpack(p[:n:n], depth)
		p = p[n:]
	}
}

func (u *unpacker) unpackCompress(body []byte, depth int) {
	data, err := parseCompress(body)
	if err != nil {
		u.fail(err)
		return
	}
	sc := u.sc
	if sc.out == nil {
		sc.out = make([]byte, 0, PacketPlainMax)
	}
	at := len(sc.out)
	room := cap(sc.out) - at
	if sc.dec == nil {
		sc.dec = new(lzwDecoder)
	}
	sc.dec.start(data)
	p, done, err := sc.dec.decode(sc.out[at:at], room+1, room)
	sc.out = sc.out[:at+len(p)] // what failed counts against the limit, too
	if err != nil {
		u.fail(err)
		return
	}
	invariant.Check(done, "wire: decompressed beyond the limit")
	u.unpack(p[:len(p):len(p)], depth)
}

// appendLabel appends the label header, and returns the label's bytes in it.
func (s *Sealer) appendLabel(dst []byte) (out, label []byte) {
	if s == nil || s.Label == "" {
		return dst, nil
	}
	invariant.Check(len(s.Label) <= LabelMax, "wire: label too long")
	dst = append(dst, byte(TypeLabel), byte(len(s.Label)))
	dst = append(dst, s.Label...)
	return dst, dst[len(dst)-len(s.Label):]
}

// takeLabel takes the label header off p, which must have one if and only if s has a label. The
// error is ErrShort if p ends before that can be decided.
func (s *Sealer) takeLabel(p []byte) (rest, label []byte, err error) {
	want := ""
	if s != nil {
		want = s.Label
	}
	switch {
	case len(p) == 0:
		return nil, nil, ErrShort
	case Type(p[0]) != TypeLabel && want != "":
		return nil, nil, ErrNoLabel
	case Type(p[0]) != TypeLabel:
		return p, nil, nil
	case want == "" || len(p) > 1 && int(p[1]) != len(want):
		return nil, nil, ErrLabel
	case len(p) < labelHead+len(want):
		return nil, nil, ErrShort
	}
	label, rest = p[labelHead:labelHead+len(want)], p[labelHead+len(want):]
	if string(label) != want {
		return nil, nil, ErrLabel
	}
	if len(rest) > 0 && Type(rest[0]) == TypeLabel { // a second one
		return nil, nil, ErrLabel
	}
	return rest, label, nil
}
