package wire

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// KeysMax bounds a keyring: for a packet that none of its keys opens all are tried.
const KeysMax = 64

// Errors of keyrings, for errors.Is.
var (
	ErrKeySize    = errors.New("key must be 16, 24 or 32 bytes")
	ErrKeyUnknown = errors.New("key is not in the keyring")
	ErrKeyPrimary = errors.New("removing the primary key is not allowed: use another one first")
	ErrKeyLimit   = errors.New("keyring is full")
)

// Keyring is a set of AES keys. The first, the primary, encrypts, and all decrypt. A Keyring never
// changes: methods that change something return a new one. It is safe for concurrent use.
type Keyring struct {
	entries []keyEntry // primary first; at least one
}

type keyEntry struct {
	key  []byte
	aead cipher.AEAD
}

// NewKeyring returns a keyring with copies of the given keys of 16, 24 or 32 bytes. Repeated keys
// count once.
func NewKeyring(primary []byte, others ...[]byte) (*Keyring, error) {
	k := new(Keyring)
	for _, key := range append([][]byte{primary}, others...) {
		var err error
		if k, err = k.Install(key); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Install returns a keyring with a copy of key at the end, or k itself if it has the key.
func (k *Keyring) Install(key []byte) (*Keyring, error) {
	if k.index(key) >= 0 {
		return k, nil
	}
	if len(k.entries) == KeysMax {
		return nil, fmt.Errorf("%d keys: %w", KeysMax, ErrKeyLimit)
	}
	e, err := newKeyEntry(key)
	if err != nil {
		return nil, err
	}
	return &Keyring{append(slices.Clip(k.entries), e)}, nil
}

// Use returns a keyring whose primary is key, which must be one of k.
func (k *Keyring) Use(key []byte) (*Keyring, error) {
	i := k.index(key)
	if i < 0 {
		return nil, ErrKeyUnknown
	}
	return k.lead(i), nil
}

// lead returns a keyring whose primary is key i of k.
func (k *Keyring) lead(i int) *Keyring {
	return &Keyring{slices.Concat(k.entries[i:i+1], k.entries[:i], k.entries[i+1:])}
}

// Remove returns a keyring without key, which must not be the primary, or k itself if it doesn't
// have the key.
func (k *Keyring) Remove(key []byte) (*Keyring, error) {
	switch i := k.index(key); {
	case i < 0:
		return k, nil
	case i == 0:
		return nil, ErrKeyPrimary
	default:
		return &Keyring{slices.Concat(k.entries[:i], k.entries[i+1:])}, nil
	}
}

// Keys returns copies of the keys, primary first.
func (k *Keyring) Keys() [][]byte {
	keys := make([][]byte, len(k.entries))
	for i, e := range k.entries {
		keys[i] = bytes.Clone(e.key)
	}
	return keys
}

// Primary returns a copy of the primary key.
func (k *Keyring) Primary() []byte { return bytes.Clone(k.entries[0].key) }

// Len is the number of keys.
func (k *Keyring) Len() int { return len(k.entries) }

func (k *Keyring) index(key []byte) int {
	return slices.IndexFunc(k.entries, func(e keyEntry) bool { return bytes.Equal(e.key, key) })
}

func newKeyEntry(key []byte) (keyEntry, error) {
	if n := len(key); n != 16 && n != 24 && n != 32 {
		return keyEntry{}, fmt.Errorf("%d bytes: %w", n, ErrKeySize)
	}
	key = bytes.Clone(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return keyEntry{}, err
	}
	aead, err := cipher.NewGCM(block)
	return keyEntry{key, aead}, err
}

// Fingerprint names a key where the key itself must not stand, in a file for example. It says
// nothing about the key that helps to find it: keys are random, and of 16 bytes at least.
type Fingerprint [8]byte

// fingerprintPrefix keeps fingerprints apart from other hashes of keys.
const fingerprintPrefix = "serf key fingerprint\x00"

// FingerprintOf returns the fingerprint of a key.
func FingerprintOf(key []byte) (f Fingerprint) {
	sum := sha256.Sum256(append([]byte(fingerprintPrefix), key...))
	copy(f[:], sum[:])
	return f
}

// String returns the fingerprint in hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// Fingerprints returns those of the keys, primary first; none for a nil keyring.
func (k *Keyring) Fingerprints() []Fingerprint {
	if k == nil {
		return nil
	}
	list := make([]Fingerprint, len(k.entries))
	for i, e := range k.entries {
		list[i] = FingerprintOf(e.key)
	}
	return list
}
