package wire

import (
	"bytes"

	"serf/internal/invariant"
)

// appendCryptHead appends the version and a fresh nonce.
func (s *Sealer) appendCryptHead(dst []byte, fill func([]byte)) []byte {
	invariant.Check(s.EncryptVersion <= maxEncryption, "wire: unknown version of encryption")
	invariant.Check(fill != nil, "wire: keys without a source of nonces")
	dst = append(dst, s.EncryptVersion)
	dst = append(dst, make([]byte, nonceSize)...)
	fill(dst[len(dst)-nonceSize:])
	return dst
}

// encrypt encrypts what follows the version and nonce at dst[start:] in place, and appends the tag.
// extra is authenticated too; it must not be part of dst[start:].
func (s *Sealer) encrypt(dst []byte, start int, extra []byte) []byte {
	text := start + cryptHead
	if s.EncryptVersion == 0 {
		dst = appendPadding(dst, len(dst)-text)
	}
	nonce := dst[start+1 : text]
	return s.Keys.entries[0].aead.Seal(dst[:text], nonce, dst[text:], extra)
}

// cryptLen is the length of n bytes after encryption.
func (s *Sealer) cryptLen(n int) int {
	if s.EncryptVersion == 0 {
		n += padBlock - n%padBlock
	}
	return cryptMin + n
}

// decrypt decrypts p, which starts with its version, into the memory of buf. buf must have room for
// it, or each key that is tried allocates. key is the number of the key that opened it, 0 for the
// primary.
func (k *Keyring) decrypt(buf, p, extra []byte) (text []byte, key int, err error) {
	if len(p) == 0 {
		return nil, 0, ErrShort
	}
	version := p[0]
	if version > maxEncryption {
		return nil, 0, ErrNotEncrypted
	}
	if len(p) < cryptMin {
		return nil, 0, ErrShort
	}
	nonce, sealed := p[1:cryptHead], p[cryptHead:]
	for key, e := range k.entries {
		text, err := e.aead.Open(buf[:0], nonce, sealed, extra)
		if err != nil {
			continue
		}
		if version == 0 {
			text, err = trimPadding(text)
		}
		return text, key, err
	}
	return nil, 0, ErrNoKey
}

// appendPadding pads the last n bytes of b as PKCS#7 does.
func appendPadding(b []byte, n int) []byte {
	pad := padBlock - n%padBlock
	for range pad {
		b = append(b, byte(pad))
	}
	return b
}

func trimPadding(text []byte) ([]byte, error) {
	if len(text) == 0 || len(text)%padBlock != 0 {
		return nil, ErrFormat
	}
	pad := text[len(text)-1]
	if pad == 0 || pad > padBlock {
		return nil, ErrFormat
	}
	body := text[:len(text)-int(pad)]
	if bytes.Count(text[len(body):], []byte{pad}) != int(pad) {
		return nil, ErrFormat
	}
	return body, nil
}
