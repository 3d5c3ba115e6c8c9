package serf

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"serf/agent/config"
	"serf/agent/disk"
	"serf/compat/internal/hooks"
	"serf/compat/memberlist"
)

// keys keeps the node's keys and those of Config's Keyring the same, whichever of them changes.
type keys struct {
	serf *Serf
	stop func() // ends following the Keyring; nil without one

	mu     sync.Mutex
	saving bool // the Keyring is being changed here
}

// follow has the node use the keys of the Keyring as the program changes them.
func (k *keys) follow() {
	if k.serf.encrypted {
		k.stop = hooks.FollowKeyring(k.serf.config.MemberlistConfig.Keyring, k.changed)
	}
}

// close ends what follow began.
func (k *keys) close() {
	if k.stop != nil {
		k.stop()
	}
}

// changed hands the keys of the Keyring to the node.
func (k *keys) changed() {
	k.mu.Lock()
	saving := k.saving
	k.mu.Unlock()
	if saving {
		return
	}
	err := k.serf.agent.SetKeys(context.Background(), k.serf.config.MemberlistConfig.Keyring.GetKeys()...)
	if err != nil {
		k.serf.agent.Log().Repeatf(slog.LevelError, "serf", "set keys", "changing the keys: %v", err)
	}
}

// save puts the keys that the cluster changed into the Keyring and the file.
func (k *keys) save(all [][]byte) error {
	ring := k.serf.config.MemberlistConfig.Keyring
	k.setSaving(true)
	err := setKeys(ring, all)
	k.setSaving(false)
	if !slices.EqualFunc(ring.GetKeys(), all, bytes.Equal) { // the program has changed it meanwhile
		k.changed()
	}
	if path := k.serf.config.KeyringFile; path != "" {
		// The original's files end without a newline.
		data := config.FormatKeyring(all)
		err = errors.Join(err, disk.Replace(path, data[:len(data)-1]))
	}
	return err
}

func (k *keys) setSaving(saving bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.saving = saving
}

// setKeys makes ring have these keys, the primary one first.
func setKeys(ring *memberlist.Keyring, keys [][]byte) error {
	var errs []error
	kept := make(map[string]bool)
	for _, key := range keys {
		kept[string(key)] = true
		errs = append(errs, ring.AddKey(key))
	}
	errs = append(errs, ring.UseKey(keys[0]))
	for _, key := range ring.GetKeys() {
		if !kept[string(key)] {
			errs = append(errs, ring.RemoveKey(key))
		}
	}
	return errors.Join(errs...)
}
