package membership

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"sync"

	"serf/internal/fielderr"
	"serf/swim"
	"serf/wire"
)

// Errors of keys.
var (
	ErrKeySize    = wire.ErrKeySize
	ErrKeyUnknown = wire.ErrKeyUnknown
	ErrKeyPrimary = wire.ErrKeyPrimary
	ErrKeyLimit   = wire.ErrKeyLimit
	ErrNoKeys     = errors.New("membership: this node has no keys")
)

// sealing is how the node seals now, for readers. The loop changes it.
type sealing struct {
	mu   sync.Mutex
	now  *wire.Sealer
	core swim.Config // to check others against
}

// init returns what Config asks for.
func (s *sealing) init(c *Config) (_ *wire.Sealer, err error) {
	s.core = c.core()
	s.core.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), DefaultPort)
	s.now, err = c.sealer()
	return s.now, err
}

// sealer is what seals this member's messages at first.
func (c *Config) sealer() (s *wire.Sealer, err error) {
	s = &wire.Sealer{
		Label: c.Label, Compress: c.Compress, Nonce: func(b []byte) { rand.Read(b) },
		EncryptVersion: 1, PlainIn: c.AcceptPlain, PlainOut: c.SendPlain,
	}
	if c.Protocol == 1 {
		s.EncryptVersion = 0
	}
	s.Keys, err = ringOf(c.Keys)
	return s, err
}

// ringOf is a keyring of these keys, nil of none.
func ringOf(keys [][]byte) (*wire.Keyring, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return wire.NewKeyring(keys[0], keys[1:]...)
}

// Keys returns copies of the keys, the one to encrypt with first; none if there is no encryption.
func (n *Node) Keys() [][]byte {
	n.seal.mu.Lock()
	defer n.seal.mu.Unlock()
	if n.seal.now.Keys == nil {
		return nil
	}
	return n.seal.now.Keys.Keys()
}

// SetKeys replaces all keys, as Config.Keys: without any, what is sent from now on is plain text.
// For a running cluster it is better to add a key on all members, then to use it on all, then to
// remove the old one on all.
func (n *Node) SetKeys(ctx context.Context, keys ...[]byte) error {
	ring, err := ringOf(keys)
	if err != nil {
		return err
	}
	return n.changeSealer(ctx, func(s *wire.Sealer) error {
		s.Keys = ring
		return nil
	})
}

// AddKey adds a key, which opens what others send from now on.
func (n *Node) AddKey(ctx context.Context, key []byte) error {
	return n.changeKeys(ctx, func(k *wire.Keyring) (*wire.Keyring, error) { return k.Install(key) })
}

// UseKey encrypts with a key that was added before.
func (n *Node) UseKey(ctx context.Context, key []byte) error {
	return n.changeKeys(ctx, func(k *wire.Keyring) (*wire.Keyring, error) { return k.Use(key) })
}

// RemoveKey removes a key other than the one to encrypt with.
func (n *Node) RemoveKey(ctx context.Context, key []byte) error {
	return n.changeKeys(ctx, func(k *wire.Keyring) (*wire.Keyring, error) { return k.Remove(key) })
}

// SetPlain changes Config.AcceptPlain and SendPlain.
func (n *Node) SetPlain(ctx context.Context, accept, send bool) error {
	if err := fielderr.Plain(accept, send); err != nil {
		return newConfigError("SendPlain", err)
	}
	return n.changeSealer(ctx, func(s *wire.Sealer) error {
		s.PlainIn, s.PlainOut = accept, send
		return nil
	})
}

func (n *Node) changeKeys(
	ctx context.Context, change func(*wire.Keyring) (*wire.Keyring, error),
) error {
	return n.changeSealer(ctx, func(s *wire.Sealer) (err error) {
		if s.Keys == nil {
			return ErrNoKeys
		}
		s.Keys, err = change(s.Keys)
		return err
	})
}

// changeSealer changes how the node seals from now on.
func (n *Node) changeSealer(ctx context.Context, change func(*wire.Sealer) error) error {
	var refused error
	err := n.do(ctx, func(swim.Time, *swim.Output) {
		next := *n.seal.now
		if refused = change(&next); refused != nil {
			return
		}
		c := n.seal.core
		c.Sealer = &next
		if refused = c.Validate(); refused != nil {
			return
		}
		n.seal.mu.Lock()
		n.seal.now = &next
		n.seal.mu.Unlock()
		n.loop.core.SetSealer(&next)
		n.noteCore()
	})
	return cmp.Or(err, refused)
}
