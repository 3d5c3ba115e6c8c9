package scenario

import (
	"encoding/binary"
	"time"

	"serf/netsim"
	"serf/swim/serf"
)

const (
	keySize   = 32 // bytes: AES-256
	keyStream = 1 << 42
)

// key is number k of the keys that a scenario's cluster uses one after the other.
func (s *Scenario) key(k int) []byte {
	d := netsim.NewDraws(s.Seed, keyStream, uint64(k))
	var key []byte
	for len(key) < keySize {
		key = binary.LittleEndian.AppendUint64(key, d.Next())
	}
	return key
}

// rotate changes the key: one member asks all to install a new one, to use it, and to
// remove the old one, a step every w.Every. Members that are out of reach then keep the old.
func (run *course) rotate(w *Work, d netsim.Draws) {
	k := run.rotations
	run.rotations++
	fresh, old := run.s.key(k+1), run.s.key(k)
	for i, step := range []struct {
		command serf.KeyCommand
		key     []byte
	}{{serf.InstallKey, fresh}, {serf.UseKey, fresh}, {serf.RemoveKey, old}} {
		run.c.Sim().After(time.Duration(i)*time.Duration(w.Every), func() {
			if by := run.workers(&d, w); len(by) > 0 {
				_, _ = run.c.Keys(by[0], step.command, step.key) // refused by a member that has too much to do: the key stays as it is
			}
		})
	}
}
