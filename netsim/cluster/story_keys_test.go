package cluster

import (
	"bytes"
	"slices"

	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// keyFiles are the keyring files of a story's members, and the operator who rotates keys: one key
// more is installed and then used, now here, now there, whatever the network does. Only when all is
// well again are the old ones removed, as an operator should.
type keyFiles struct {
	c         *Cluster
	s         Story
	newest    int  // number of the last key installed
	installed bool // the next step is to use it
	agreed    map[swim.OpID]int
}

// storyKeys bounds the keys of a story: as many as fit a keyring several times over would test its limit only.
const storyKeys = 4

func newKeyFiles(s Story) *keyFiles { return &keyFiles{s: s, agreed: map[swim.OpID]int{}} }

// first is the key that all start with, nil if there is none.
func (k *keyFiles) first() []byte {
	if !k.s.Encrypted {
		return nil
	}
	return storyKey(0)
}

func storyKey(n int) []byte { return bytes.Repeat([]byte{byte(n + 1)}, 16) }

// Event implements Observer.
func (k *keyFiles) Event(_ swim.Time, _ int, e *swim.Event) {
	if e.Kind != serf.EventQueryResponse {
		return
	}
	// Operations are numbered by each member: only one at a time is looked at, the operator's last.
	if a, err := serf.ParseKeyAnswer(e.Data); err == nil && a.OK {
		k.agreed[e.Op]++
	}
}

// rotate does the operator's next step at member i, in a cluster that may be in any state. A further key is
// installed only when every member encrypts with the last one: members with no primary key in common but for older ones
// couldn't read each other. Until then the last two steps are done again.
func (k *keyFiles) rotate(i int) bool {
	if k.installed {
		k.installed = false
		return k.tell(i, serf.UseKey, k.newest) != 0
	}
	k.installed = true
	if k.newest < storyKeys-1 && !slices.ContainsFunc(k.c.keys.rings, k.lags) {
		k.newest++
	}
	return k.tell(i, serf.InstallKey, k.newest) != 0
}

// lags reports whether a member doesn't encrypt with the newest key.
func (k *keyFiles) lags(ring *wire.Keyring) bool {
	return !bytes.Equal(ring.Primary(), storyKey(k.newest))
}

// tell starts a query about a key at member i, and returns 0 if it couldn't.
func (k *keyFiles) tell(i int, command serf.KeyCommand, key int) (op swim.OpID) {
	err := k.c.request(i, func(n *serf.Node, now swim.Time, out *swim.Output) (err error) {
		op, err = n.Keys(now, command, storyKey(key), out)
		return err
	})
	if err != nil {
		return 0
	}
	return op
}

// finish ends the rotation, at the first member, when all members are together again: the newest key is
// installed, used, and then the only one.
func (k *keyFiles) finish() {
	if !k.toldAll(serf.InstallKey, k.newest) || !k.toldAll(serf.UseKey, k.newest) {
		return
	}
	for old := range k.newest {
		if !k.toldAll(serf.RemoveKey, old) {
			return
		}
	}
}

// keyTries is how often an operator tries before giving up. One query that not everybody answered
// is what a lossy network does now and then.
const keyTries = 5

// toldAll repeats a query about a key until all members have agreed.
func (k *keyFiles) toldAll(command serf.KeyCommand, key int) bool {
	agreed := 0
	for range keyTries {
		// Numbers of operations are the first member's own: others' answers don't matter.
		op := k.tell(0, command, key)
		k.c.Run(k.c.Node(0).DefaultQueryTimeout())
		if agreed = k.agreed[op]; agreed == k.s.Members {
			return true
		}
	}
	k.c.Violate("keys", "%d of %d members agreed to key %d", agreed, k.s.Members, key)
	return false
}
