package memberlist

import (
	"bytes"
	"errors"
	"slices"
	"sync"
)

// ValidateKey returns an error unless key has 16, 24 or 32 bytes, for AES-128, AES-192 or AES-256.
func ValidateKey(key []byte) error {
	switch len(key) {
	case 16, 24, 32:
		return nil
	}
	return errors.New("key size must be 16, 24 or 32 bytes")
}

// Keyring has the keys that packets and streams are encrypted with. The zero Keyring has none. It
// is safe for concurrent use, and a Memberlist uses its keys as they change.
type Keyring struct {
	mu        sync.Mutex
	keys      [][]byte // the primary one first; replaced as a whole, never changed
	followers []*follower
}

// follower is told that the keys have changed.
type follower struct{ changed func() }

// NewKeyring returns a keyring with primaryKey and keys. Without any it is empty; keys without a
// primary one are an error.
func NewKeyring(keys [][]byte, primaryKey []byte) (*Keyring, error) {
	k := &Keyring{}
	if len(keys) == 0 && len(primaryKey) == 0 {
		return k, nil
	}
	if len(primaryKey) == 0 {
		return nil, errors.New("empty primary key not allowed")
	}
	for _, key := range append([][]byte{primaryKey}, keys...) {
		if err := k.AddKey(key); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// AddKey adds a key to decrypt with, if it isn't there yet. The first one is the primary.
func (k *Keyring) AddKey(key []byte) error {
	if err := ValidateKey(key); err != nil {
		return err
	}
	return k.change(func() ([][]byte, error) {
		if k.index(key) >= 0 {
			return k.keys, nil
		}
		return append(slices.Clip(k.keys), bytes.Clone(key)), nil
	})
}

// UseKey makes a key of the ring the primary one, which encrypts. The other members should have it
// by then.
func (k *Keyring) UseKey(key []byte) error {
	return k.change(func() ([][]byte, error) {
		i := k.index(key)
		if i < 0 {
			return nil, errors.New("requested key is not in the keyring")
		}
		rest := slices.Delete(slices.Clone(k.keys), i, i+1)
		return append([][]byte{k.keys[i]}, rest...), nil
	})
}

// RemoveKey removes a key, which mustn't be the primary one. It is no error if it isn't there.
func (k *Keyring) RemoveKey(key []byte) error {
	return k.change(func() ([][]byte, error) {
		switch i := k.index(key); i {
		case -1:
			return k.keys, nil
		case 0:
			return nil, errors.New("removing the primary key is not allowed")
		default:
			return slices.Delete(slices.Clone(k.keys), i, i+1), nil
		}
	})
}

// GetKeys returns the keys, the primary one first. They mustn't be changed.
func (k *Keyring) GetKeys() [][]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clip(k.keys)
}

// GetPrimaryKey returns the key that encrypts, nil if there is none. It mustn't be changed.
func (k *Keyring) GetPrimaryKey() (key []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) == 0 {
		return nil
	}
	return k.keys[0]
}

func (k *Keyring) index(key []byte) int {
	return slices.IndexFunc(k.keys, func(own []byte) bool { return bytes.Equal(own, key) })
}

// change replaces the keys by those that next returns, and tells the followers. It returns when they
// have taken note.
func (k *Keyring) change(next func() ([][]byte, error)) error {
	k.mu.Lock()
	keys, err := next()
	if err == nil {
		k.keys = keys
	}
	followers := slices.Clone(k.followers)
	k.mu.Unlock()
	if err != nil {
		return err
	}
	for _, f := range followers {
		f.changed()
	}
	return nil
}

// follow has changed called after each change, until stop is called.
func (k *Keyring) follow(changed func()) (stop func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := &follower{changed}
	k.followers = append(k.followers, f)
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		i := slices.Index(k.followers, f)
		k.followers = slices.Delete(k.followers, i, i+1)
	}
}
