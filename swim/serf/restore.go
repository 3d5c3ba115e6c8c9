package serf

import (
	"errors"

	"serf/internal/checkpoint"
	"serf/wire"
)

// stateVersion is that of the format that AppendState writes. It rises with each change.
const stateVersion = 1

// ErrStateVersion means that a state was saved by a program whose format is another.
var ErrStateVersion = errors.New("state of another version of the program")

// errStateUnfinished says what doesn't work yet: so far AppendState saves the version alone.
var errStateUnfinished = errors.New("the state of a node can't be restored yet")

// AppendState appends the whole state of this node to b, for Restore: a node that goes on from
// there does, input by input, what this one does. It may be called between any two calls. Equal
// states are equal bytes. Keys aren't in it, only their fingerprints.
//
// Not yet: what is appended lacks nearly everything, and Restore refuses it.
func (n *Node) AppendState(b []byte) []byte {
	c := checkpoint.Saver(b)
	version := uint64(stateVersion)
	checkpoint.Uint(c, &version)
	return c.Saved()
}

// Restore returns the node whose state was saved. c is the configuration that New had: its functions
// and Listener are called as they were, and what was changed since is in the state. So are the keys
// of its Sealer, which only has to be there if the node's had keys: keyOf returns the key of a
// fingerprint, nil if it doesn't have it, and may be nil itself for a node without keys.
//
// Nothing is emitted. What a driver asked the node to track has to be asked for again, but for the
// history, which is in the state: see swim.Node.History.
//
// The error wraps ErrStateVersion, checkpoint.ErrDamaged or wire.ErrKeyUnknown, or is that of
// Config.Validate.
func Restore(c Config, keyOf func(wire.Fingerprint) []byte, saved []byte) (*Node, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return nil, errStateUnfinished
}
