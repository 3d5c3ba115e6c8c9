package recording

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"serf/wire"
)

// A segment is a file: a header of two lines, then frames. The first frame is a checkpoint. A frame
// is
//
//	length of the rest in bytes, uint32; CRC-32C of the rest, uint32
//	type, byte
//	0; or 1, the fingerprint of a key, and a nonce of 12 bytes: what follows is sealed with that key
//	content
//
// with the least significant byte of a number first.

// magic is the first line of a segment, with the version of the format. The second is a Header as
// JSON.
const (
	magic      = magicOfAny + "1\n"
	magicOfAny = "serf recording " // and the version of the format
)

// headerMax bounds the second line, in bytes: it has no text of any length but two versions.
const headerMax = 4 << 10

// Header says in plain text what a segment is.
type Header struct {
	// Run names the run of the agent, at random. Segment counts its segments from 0.
	Run     string
	Segment int
	Time    time.Time
	Build   string // of the program that recorded
	System  string // on which it ran
	// Key is the fingerprint of the key that seals the checkpoint; none if it isn't sealed.
	Key string `json:",omitempty"`
}

func (h *Header) append(b []byte) []byte {
	text, err := json.Marshal(h)
	if err != nil {
		panic("BUG: header: " + err.Error())
	}
	return append(append(append(b, magic...), text...), '\n')
}

// parseHeader returns the header of a segment, and the frames.
func parseHeader(b []byte) (h Header, frames []byte, err error) {
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok {
		return h, nil, strange(b)
	}
	line, frames, ok := bytes.Cut(rest, []byte("\n"))
	if !ok || len(line) > headerMax {
		return h, nil, errFormat
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return h, nil, fmt.Errorf("%w: header: %w", errFormat, err)
	}
	if h.Segment < 0 {
		return h, nil, fmt.Errorf("%w: segment %d", errFormat, h.Segment)
	}
	return h, frames, nil
}

// strange says what is wrong with a file that doesn't begin as a segment of this version does.
func strange(b []byte) error {
	if len(b) == 0 {
		return errors.New("is empty")
	}
	line, _, ended := strings.Cut(string(b[:min(len(b), len(magic)+versionMax)]), "\n")
	if version, ours := strings.CutPrefix(line, magicOfAny); ours && ended {
		return fmt.Errorf("is in version %q of the format; this program reads version 1", version)
	}
	return errFormat
}

// versionMax is how long the version of a later format may be, in bytes.
const versionMax = 16

// frameType is what a frame has.
type frameType byte

const (
	frameCheckpoint frameType = 'C'
	frameEntries    frameType = 'E'
	frameEnd        frameType = 'X'
)

const (
	frameHead = 8                            // length and checksum
	sealHead  = len(wire.Fingerprint{}) + 12 // fingerprint and nonce
)

// seal is what seals frames: nil doesn't.
type seal struct {
	print wire.Fingerprint
	aead  cipher.AEAD
}

func newSeal(key []byte) (*seal, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &seal{wire.FingerprintOf(key), aead}, err
}

// extra is authenticated with a frame: no message of the cluster can be one, nor the reverse.
func extra(t frameType) []byte { return append([]byte(magicOfAny), byte(t)) }

// appendFrame appends a frame.
func appendFrame(b []byte, t frameType, content []byte, s *seal) []byte {
	at := len(b)
	b = append(b, make([]byte, frameHead)...)
	if s == nil {
		b = append(append(b, byte(t), 0), content...)
	} else {
		b = append(append(b, byte(t), 1), s.print[:]...)
		nonce := len(b)
		b = append(b, make([]byte, s.aead.NonceSize())...)
		rand.Read(b[nonce:])
		b = s.aead.Seal(b, b[nonce:], content, extra(t))
	}
	body := b[at+frameHead:]
	binary.LittleEndian.PutUint32(b[at:], uint32(len(body)))
	binary.LittleEndian.PutUint32(b[at+4:], crc32.Checksum(body, castagnoli))
	return b
}

// errTorn means that a file ends within a frame.
var errTorn = errors.New("ends within a frame")

// frame is one that was read.
type frame struct {
	kind    frameType
	sealed  *wire.Fingerprint
	content []byte // nonce and sealed text if it is sealed
}

// cutFrame takes the first frame off b.
func cutFrame(b []byte) (f frame, rest []byte, err error) {
	if len(b) < frameHead {
		return f, nil, errTorn
	}
	n, sum := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	b = b[frameHead:]
	if uint64(n) > uint64(len(b)) {
		return f, nil, errTorn
	}
	body, rest := b[:n:n], b[n:]
	switch {
	case crc32.Checksum(body, castagnoli) != sum:
		return f, nil, fmt.Errorf("%w: wrong checksum", errFormat)
	case len(body) < 2 || body[1] > 1 || body[1] == 1 && len(body) < 2+sealHead:
		return f, nil, fmt.Errorf("%w: a frame of %d bytes", errFormat, n)
	}
	f.kind, f.content = frameType(body[0]), body[2:]
	if body[1] == 1 {
		f.sealed = (*wire.Fingerprint)(f.content)
		f.content = f.content[len(f.sealed):]
	}
	return f, rest, nil
}

// KeyError is a key that a recording needs and that wasn't given.
type KeyError struct{ Key wire.Fingerprint }

func (e *KeyError) Error() string {
	return fmt.Sprintf("needs the key with fingerprint %v, which no keyring given has", e.Key)
}

// open returns the content of a frame.
func (f *frame) open(keys Keys) ([]byte, error) {
	if f.sealed == nil {
		return f.content, nil
	}
	key, ok := keys[*f.sealed]
	if !ok {
		return nil, &KeyError{*f.sealed}
	}
	s, err := newSeal(key)
	if err != nil {
		return nil, err
	}
	nonce, text := f.content[:s.aead.NonceSize()], f.content[s.aead.NonceSize():]
	return s.aead.Open(nil, nonce, text, extra(f.kind))
}

// Keys are keys by their fingerprints.
type Keys map[wire.Fingerprint][]byte

// Add adds keys.
func (k Keys) Add(keys ...[]byte) {
	for _, key := range keys {
		k[wire.FingerprintOf(key)] = bytes.Clone(key)
	}
}
