package serf

import (
	"errors"
	"fmt"

	"serf/internal/checkpoint"
	"serf/swim"
	"serf/wire"
)

// stateVersion is that of the format that AppendState writes. It rises with each change.
const stateVersion = 3

// ErrStateVersion means that a state was saved by a program whose format is another.
var ErrStateVersion = errors.New("state of another version of the program")

// AppendState appends the whole state of this node to b, for Restore: a node that goes on from
// there does, input by input, what this one does. It may be called between any two calls. Equal
// states are equal bytes. Keys aren't in it, only their fingerprints.
func (n *Node) AppendState(b []byte) []byte {
	c := checkpoint.Saver(b)
	version := uint64(stateVersion)
	checkpoint.Uint(c, &version)
	n.codeSettings(c, nil)
	n.swim.Code(c)
	n.code(c, nil)
	return c.Saved()
}

// Restore returns the node whose state was saved. c is the configuration that New had: its
// functions and Listener are called as they were, and what was changed since is in the state. So
// are the keys of its Sealer, which has to be there if the node's had keys: keyOf returns the key
// of a fingerprint, nil if it doesn't have it, and may be nil itself for a node without keys.
//
// Nothing is emitted. What a driver asked the node to track has to be asked for again, but for the
// history, which is in the state: see swim.Node.History.
//
// The error wraps ErrStateVersion, wire.ErrKeyUnknown or checkpoint.ErrDamaged, or is that of
// Config.Validate.
func Restore(c Config, keyOf func(wire.Fingerprint) []byte, saved []byte) (*Node, error) {
	n := new(Node)
	if err := n.restore(c, keyOf, saved); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	return n, nil
}

// RestoreSimulated is Restore for a node of a simulation. If its roster is shared, that isn't part
// of the state: it has what it had, the references of the node that was saved included.
func RestoreSimulated(
	c Config, s Simulation, keyOf func(wire.Fingerprint) []byte, saved []byte,
) (*Node, error) {
	c.sim = s
	return Restore(c, keyOf, saved)
}

// restore makes n, the zero Node, the one whose state was saved.
func (n *Node) restore(cfg Config, keyOf func(wire.Fingerprint) []byte, saved []byte) (err error) {
	c := checkpoint.Restorer(saved)
	var version uint64
	checkpoint.Uint(c, &version)
	if version != stateVersion {
		return ErrStateVersion
	}
	n.cfg = cfg
	n.cfg.Tags, n.cfg.Previous = nil, nil
	if n.codeSettings(c, keyOf); c.Err() != nil {
		return c.Err()
	}
	if err := n.cfg.Validate(); err != nil {
		return err
	}
	n.gossip.init()
	n.gossip.rebroadcasts.FreshFirst = n.cfg.Zones.Tag != ""
	n.coords.init(&n.cfg)
	if n.swim, err = swim.Restore(n.below(), cfg.sim.membership(), c); err != nil {
		return err
	}
	n.roster, n.self, n.cfg.Addr = n.swim.Roster(), n.swim.Self(), n.swim.Addr()
	if w := cfg.sim.Warm; w != nil {
		n.table.recs = w.table.recs.Fork()
	}
	n.code(c, keyOf)
	return c.End()
}

// codeSettings codes what has a setter and is needed before anything else.
func (n *Node) codeSettings(c *checkpoint.Coder, keyOf func(wire.Fingerprint) []byte) {
	z := &n.cfg.Zones
	c.Text(&z.Tag)
	checkpoint.Int(c, &z.Share)
	c.Bool(&z.Probes)
	if c.Restoring() {
		n.restoreKeys(c, keyOf)
		return
	}
	keys := n.keyring().Fingerprints()
	for _, f := range keys[:c.Len(len(keys), 1)] {
		c.Raw(f[:])
	}
}

// restoreKeys gives the Sealer of the configuration the keys that it had.
func (n *Node) restoreKeys(c *checkpoint.Coder, keyOf func(wire.Fingerprint) []byte) {
	var ring *wire.Keyring
	for range c.Len(0, len(wire.Fingerprint{})) {
		key := restoredKey(c, keyOf)
		if c.Err() != nil {
			return
		}
		var err error
		if ring == nil {
			ring, err = wire.NewKeyring(key)
		} else {
			ring, err = ring.Install(key)
		}
		if err != nil {
			c.Fail(err)
			return
		}
	}
	s := n.cfg.Sealer
	if c.Check(s != nil || ring == nil); s != nil {
		own := *s
		own.Keys = ring
		n.cfg.Sealer = &own
	}
}

// restoredKey reads a fingerprint and returns its key.
func restoredKey(c *checkpoint.Coder, keyOf func(wire.Fingerprint) []byte) (key []byte) {
	var f wire.Fingerprint
	if c.Raw(f[:]); keyOf != nil && c.Err() == nil {
		key = keyOf(f)
	}
	if key == nil {
		c.Fail(fmt.Errorf("key %v: %w", f, wire.ErrKeyUnknown))
	}
	return key
}
