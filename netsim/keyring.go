package netsim

import (
	"encoding/binary"
	"time"

	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// keyrings are the keyring files of a cluster's members, which outlive their processes. Without a
// first key nothing is encrypted.
type keyrings struct {
	c        *Cluster // set when there is one
	compress bool
	rings    []*wire.Keyring // by member; nil without encryption
	nonces   []uint64        // that each member has used so far, in all its lives
}

func newKeyrings(members int, first []byte, compress bool) *keyrings {
	k := &keyrings{compress: compress}
	if first == nil {
		return k
	}
	ring, err := wire.NewKeyring(first)
	invariant(err == nil, "a key of our own is refused")
	k.rings, k.nonces = make([]*wire.Keyring, members), make([]uint64, members)
	for i := range k.rings {
		k.rings[i] = ring
	}
	return k
}

// sealer is what member i starts with.
func (k *keyrings) sealer(i int) *wire.Sealer {
	s := &wire.Sealer{Compress: k.compress}
	if k.rings == nil {
		return s
	}
	s.Keys, s.EncryptVersion = k.rings[i], 1
	s.Nonce = func(b []byte) { // a count: no two members that share a key have the same
		k.nonces[i]++
		binary.BigEndian.PutUint32(b, uint32(i))
		binary.BigEndian.PutUint64(b[4:], k.nonces[i])
	}
	return s
}

// Event implements Observer: it writes the files. Who has crashed since has no time for that.
func (k *keyrings) Event(_ swim.Time, host int, e *swim.Event) {
	if e.Kind != serf.EventKeyring {
		return
	}
	if n := k.c.Node(host); n != nil {
		k.rings[host] = n.Sealer().Keys
	}
}

const (
	keySize   = 32 // bytes: AES-256
	keyStream = 1 << 42
)

// key is number k of the keys that a scenario's cluster uses one after the other.
func (s *Scenario) key(k int) []byte {
	d := newDraws(s.Seed, keyStream, uint64(k))
	var key []byte
	for len(key) < keySize {
		key = binary.LittleEndian.AppendUint64(key, d.next())
	}
	return key
}

// rotate changes the key: one member asks all to install a new one, to use it, and to
// remove the old one, a step every w.Every. Members that are out of reach then keep the old.
func (run *course) rotate(w *Work, d draws) {
	k := run.rotations
	run.rotations++
	fresh, old := run.s.key(k+1), run.s.key(k)
	steps := []func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error){
		func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error) {
			return n.InstallKey(now, fresh, 0, out)
		},
		func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error) {
			return n.UseKey(now, fresh, 0, out)
		},
		func(n *serf.Node, now swim.Time, out *swim.Output) (swim.OpID, error) {
			return n.RemoveKey(now, old, 0, out)
		},
	}
	for i, step := range steps {
		run.c.sim.After(time.Duration(i)*time.Duration(w.Every), func() {
			run.asked = run.c.Now()
			if by := run.workers(&d, w); len(by) > 0 {
				_, _ = run.c.query(by[0], step) // refused by a member that has too much to do: the key stays as it is
			}
		})
	}
}
