package wire

import (
	"encoding/binary"
	"slices"
)

// Bare reports whether s leaves blocks as they are: without a label, encryption or compression.
func (s *Sealer) Bare() bool { return s == nil || s.Label == "" && !s.Compress && !s.encrypts() }

// SealStream appends the block that opens a stream with msg to dst. msg is one complete message of
// at most StreamBlockMax bytes; receivers refuse a larger one.
func (s *Sealer) SealStream(dst, msg []byte) []byte {
	dst, label := s.appendLabel(dst)
	return s.sealStream(dst, msg, label)
}

// SealAnswer is SealStream for the answer on a stream that another member opened. It has no label
// header, because the request has named the cluster, but the label is authenticated all the same.
func (s *Sealer) SealAnswer(dst, msg []byte) []byte { return s.sealStream(dst, msg, s.label()) }

func (s *Sealer) label() []byte {
	if s == nil {
		return nil
	}
	return []byte(s.Label)
}

func (s *Sealer) sealStream(dst, msg, label []byte) []byte {
	if s != nil && s.Compress {
		enc := new(lzwEncoder)
		// Streams are compressed even if that makes them larger: at worst by 12 bits for a byte.
		small, _ := enc.encode(nil, msg, 2*len(msg)+streamHead)
		msg = appendCompress(make([]byte, 0, len(small)+compressHead+2), small)
	}
	if !s.encrypts() {
		return append(dst, msg...)
	}
	n := s.cryptLen(len(msg))
	start := len(dst)
	dst = slices.Grow(dst, streamHead+n)
	dst = binary.BigEndian.AppendUint32(append(dst, byte(TypeEncrypt)), uint32(n))
	extra := slices.Concat(dst[start:], label)
	dst = append(s.appendCryptHead(dst, s.Nonce), msg...)
	return s.encrypt(dst, start+streamHead, extra)
}

// OpenStream takes all layers off the block that opens a stream, as delimited by StreamReader, and
// returns the message, type byte first: complete, but not parsed. It borrows from block, or is new
// memory if block was encrypted or compressed: then it has at most StreamPlainMax bytes, allocated
// while they are decompressed and valid so far.
func (s *Sealer) OpenStream(block []byte) ([]byte, error) {
	msg, _, err := s.OpenRequest(block)
	return msg, err
}

// OpenRequest is OpenStream for a member that is going to answer. It also returns what to seal the
// answer with: s, or, if the block was encrypted with another key than the primary, s with that key
// in front, because the sender may have no other.
func (s *Sealer) OpenRequest(block []byte) (msg []byte, answer *Sealer, err error) {
	p, label, err := s.takeLabel(block)
	if err != nil {
		return nil, nil, err
	}
	msg, key, err := s.openStream(p, label)
	if err != nil {
		return nil, nil, err
	}
	return msg, s.WithKey(key), nil
}

// OpenAnswer is OpenStream for an answer, see SealAnswer.
func (s *Sealer) OpenAnswer(block []byte) ([]byte, error) {
	if len(block) > 0 && Type(block[0]) == TypeLabel {
		return nil, ErrLabel
	}
	msg, _, err := s.openStream(block, s.label())
	return msg, err
}

// openStream opens a block without its label. key is the number of the key that opened it.
func (s *Sealer) openStream(p, label []byte) (msg []byte, key int, err error) {
	p, key, err = s.openStreamCrypt(p, label)
	if err != nil {
		return nil, key, err
	}
	msg, err = openFrame(p)
	return msg, key, err
}

// openFrame decompresses p, if it is compressed, and checks that it is one message.
func openFrame(p []byte) ([]byte, error) {
	if len(p) > 0 && Type(p[0]) == TypeCompress {
		return inflateStream(p[1:])
	}
	f := framer{limit: StreamBlockMax, bare: true}
	done, err := f.scan(p)
	if err == nil && !done {
		err = ErrShort
	}
	if err != nil {
		return nil, err
	}
	return p[:f.pos], nil
}

func (s *Sealer) openStreamCrypt(p, label []byte) (text []byte, key int, err error) {
	if len(p) == 0 {
		return nil, NoKey, ErrShort
	}
	if err := s.admits(Type(p[0])); err != nil {
		return nil, NoKey, err
	}
	if Type(p[0]) != TypeEncrypt {
		return p, NoKey, nil
	}
	if len(p) < streamHead {
		return nil, NoKey, ErrShort
	}
	n := binary.BigEndian.Uint32(p[1:])
	if n > StreamBlockMax {
		return nil, NoKey, ErrLimit
	}
	if uint64(n) > uint64(len(p)-streamHead) {
		return nil, NoKey, ErrShort
	}
	extra := slices.Concat(p[:streamHead], label)
	return s.Keys.decrypt(make([]byte, 0, n), p[streamHead:streamHead+int(n)], extra)
}

// admits returns why a stream may not start with t, below the label, or nil.
func (s *Sealer) admits(t Type) error {
	keys := s != nil && s.Keys != nil
	switch {
	case t == TypeEncrypt && !keys:
		return ErrEncrypted
	case t != TypeEncrypt && keys && !s.PlainIn:
		return ErrNotEncrypted
	}
	return nil
}

// inflateStep is how many bytes of a compressed stream are decompressed before they are looked at
// for the first time: enough to see whether it is a message at all.
const inflateStep = 16 << 10

// inflateStream decompresses a message. It checks the output at each step, so a decompression bomb
// that is no message fails at the first, and memory doubles only for one that is.
func inflateStream(body []byte) ([]byte, error) {
	data, err := parseCompress(body)
	if err != nil {
		return nil, err
	}
	dec := new(lzwDecoder)
	dec.start(data)
	f := framer{limit: StreamPlainMax, bare: true}
	var out []byte
	for size := inflateStep; ; size = min(2*size, StreamPlainMax+1) {
		// A step may exceed its size by one code.
		out = resized(out, min(size+lzwMaxCode, StreamPlainMax))
		var ended bool
		out, ended, err = dec.decode(out, size, StreamPlainMax)
		if err != nil {
			return nil, err
		}
		done, err := f.scan(out)
		switch {
		case err != nil:
			return nil, err
		case done:
			return out[:f.pos:f.pos], nil
		case ended:
			return nil, ErrShort
		}
	}
}
