package serf

import (
	"fmt"

	"serf/swim"
)

// Digest stands for a view of the cluster: which members it considers to be here. Two nodes have
// equal digests if they list the same names as alive or leaving, in whatever order they learned of
// them.
//
// Failed and left members don't count, nor does whether a member is leaving. Nodes drop those that
// are gone from their lists at different times, a node that joined later never lists them, and a
// member that leaves does so elsewhere a moment sooner. None of that is a disagreement about who is
// in the cluster. "Alive" here and "failed" there is.
//
// It is the sum modulo 2^64 of a hash of each name, so that a change costs one hash, and equal for
// all processors and versions. It isn't a secure hash: somebody who chooses names may find two sets
// of them with equal digests.
type Digest uint64

// String is the digest as 16 hex digits.
func (d Digest) String() string { return fmt.Sprintf("%016x", uint64(d)) }

// Digest returns the digest of this node's view.
func (n *Node) Digest() Digest { return n.table.digest }

// move takes a member out of the digest that was here, and adds one that is.
func (d *Digest) move(name string, was, is bool) {
	switch {
	case is && !was:
		*d += nameHash(name)
	case was && !is:
		*d -= nameHash(name)
	}
}

// nameHash is what a member adds to digests.
func nameHash(name string) Digest { return Digest(swim.HashName(name)) }
