package cluster

import (
	"encoding/binary"

	"serf/internal/invariant"
	"serf/swim/serf"
	"serf/wire"
)

// keyrings are the keyring files of the members, which outlive their processes. Without a first
// key, nothing is encrypted.
type keyrings struct {
	plain  wire.Sealer     // of all members, if nothing is encrypted
	rings  []*wire.Keyring // by member; nil without encryption
	nonces []uint64        // used by each member so far, over all its starts
}

func newKeyrings(members int, first []byte, compress bool) *keyrings {
	k := &keyrings{plain: wire.Sealer{Compress: compress}}
	if first == nil {
		return k
	}
	ring, err := wire.NewKeyring(first)
	invariant.Check(err == nil, "cluster: a key of our own is refused")
	k.rings, k.nonces = make([]*wire.Keyring, members), make([]uint64, members)
	for i := range k.rings {
		k.rings[i] = ring
	}
	return k
}

// sealer is the sealer that member i starts with.
func (k *keyrings) sealer(i int) *wire.Sealer {
	if k.rings == nil {
		return &k.plain
	}
	s := &wire.Sealer{Compress: k.plain.Compress}
	s.Keys, s.EncryptVersion = k.rings[i], 1
	s.Nonce = func(b []byte) { // a counter: members that share a key have different nonces
		k.nonces[i]++
		binary.BigEndian.PutUint32(b, uint32(i))
		binary.BigEndian.PutUint64(b[4:], k.nonces[i])
	}
	return s
}

// save writes the keyring file of member i, whose keys have changed.
func (k *keyrings) save(i int, n *serf.Node) {
	if n != nil { // otherwise it has crashed before it could save them
		k.rings[i] = n.Sealer().Keys
	}
}
