package netsim

import (
	"encoding/binary"
	"time"

	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// vault has the keys of a scenario, and each member's keyring while the member is down: a file, in life.
type vault struct {
	s     *Scenario
	rings []*wire.Keyring // nil: as at first
	users uint64          // of nonces: starts of members
}

func newVault(s *Scenario) *vault { return &vault{s: s, rings: make([]*wire.Keyring, s.Members)} }

const keySize = 32 // bytes: AES-256

// key is number k of the cluster's keys.
func (v *vault) key(k int) []byte {
	d := newDraws(v.s.Seed, keyStream, uint64(k))
	var key []byte
	for len(key) < keySize {
		key = binary.LittleEndian.AppendUint64(key, d.next())
	}
	return key
}

const keyStream = 1 << 42

// sealer returns the layers around what member i sends, for one start of it.
func (v *vault) sealer(i int) *wire.Sealer {
	s := &wire.Sealer{Compress: v.s.Compress}
	if !v.s.Encrypt {
		return s
	}
	ring := v.rings[i]
	if ring == nil {
		var err error
		ring, err = wire.NewKeyring(v.key(0))
		invariant(err == nil, "a key of our own is refused")
	}
	v.users++
	user, count := uint32(v.users), uint64(0)
	s.Keys, s.EncryptVersion = ring, 1
	s.Nonce = func(b []byte) { // a count: no two that share a key have the same
		count++
		binary.BigEndian.PutUint32(b, user)
		binary.BigEndian.PutUint64(b[4:], count)
	}
	return s
}

// Event implements Observer: it keeps the keyrings.
func (run *course) Event(_ swim.Time, host int, e *swim.Event) {
	if e.Kind == serf.EventKeyring && run.vault.s.Encrypt {
		if n := run.c.Node(host); n != nil {
			run.vault.rings[host] = n.Swim().Sealer().Keys
		}
	}
}

// rotate changes the key: one member asks all to install a new one, to use it, and to
// remove the old one, a step every w.Every. Members that are out of reach then keep the old.
func (run *course) rotate(w *Work, d draws) {
	k := run.rotations
	run.rotations++
	fresh, old := run.vault.key(k+1), run.vault.key(k)
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
