package memberlist

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"serf/membership"
)

// keys has a node use the keys of its Keyring as they change.
type keys struct {
	m    *Memberlist
	end  func()
	busy sync.Mutex // held while the node is told: it gets the latest keys last
}

// keysTimeout bounds how long a change of the keyring waits for the node.
const keysTimeout = 2 * time.Second

// follow begins.
func (k *keys) follow(m *Memberlist) {
	k.m = m
	if ring := m.conf.Keyring; ring != nil {
		k.end = ring.follow(k.changed)
		k.changed() // since the node was started
	}
}

// stop ends it.
func (k *keys) stop() {
	if k.end != nil {
		k.end()
	}
}

// changed hands the keys to the node. Whoever changes them waits for that, unless the node waits for
// who changes them.
func (k *keys) changed() {
	if k.m.waitedFor() {
		go k.tell()
		return
	}
	k.tell()
}

// tell hands the keys to the node, if it has others.
func (k *keys) tell() {
	k.busy.Lock()
	defer k.busy.Unlock()
	node := k.m.node.Load()
	now := k.m.conf.Keyring.GetKeys()
	if slices.EqualFunc(node.Keys(), now, bytes.Equal) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), keysTimeout)
	defer cancel()
	err := node.SetKeys(ctx, now...)
	if err != nil && !errors.Is(err, membership.ErrClosed) {
		k.m.logger.Printf("[ERR] memberlist: Failed to change the keys: %v", err)
	}
}
