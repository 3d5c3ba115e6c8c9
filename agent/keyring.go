package agent

import (
	"context"
	"log/slog"
	"time"

	"serf/swim"
	"serf/swim/serf"
	"serf/wire"
)

// Pauses before another attempt to save the keyring: short at first, because another program may
// hold the file open for a moment, then longer.
const (
	keyringPauseMin = time.Second
	keyringPauseMax = time.Minute
)

// saveKeyring has the present keys saved.
func (a *Agent) saveKeyring() {
	if a.loop.keyring == nil {
		a.unsaved.Store(new(serf.KeysInMemory))
	} else if s := a.loop.node.Sealer(); s != nil && s.Keys != nil {
		a.setUnsaved(s.Keys)
	}
}

// setUnsaved hands keys to the worker, in place of those that it hasn't saved yet. Nil: nothing is
// to be saved.
func (a *Agent) setUnsaved(keys *wire.Keyring) {
	if a.loop.keyring == nil {
		a.unsaved.Store(nil)
		return
	}
	select {
	case <-a.loop.keyring:
	default:
	}
	a.loop.keyring <- keys // room was made, and nobody else sends
}

// keyringWorker saves keys until the loop closes the channel, and retries what failed.
func (a *Agent) keyringWorker(changes <-chan *wire.Keyring) {
	var unsaved *wire.Keyring // nil if all is well
	pause, retry := keyringPauseMin, (<-chan time.Time)(nil)
	for open := true; open; {
		select {
		case keys, ok := <-changes:
			if open = ok; ok {
				unsaved, pause = keys, keyringPauseMin
			}
		case <-retry:
		}
		if unsaved == nil {
			a.unsaved.Store(nil)
			retry = nil
			continue
		}
		if a.trySave(unsaved, retry != nil) {
			unsaved, retry = nil, nil
			continue
		}
		retry, pause = time.After(pause), min(2*pause, keyringPauseMax)
	}
}

// trySave saves keys and reports the outcome to the node, which answers the members that asked for
// the change.
func (a *Agent) trySave(keys *wire.Keyring, again bool) (saved bool) {
	err := a.conf.KeyringChanged(keys.Keys())
	if a.unsaved.Store(nil); err != nil {
		a.unsaved.Store(new(err.Error()))
		a.log.Repeatf(slog.LevelError, "agent", "keyring",
			"failed to save the keyring, it will be tried again: %v", err)
	} else if again {
		a.log.Overf(slog.LevelInfo, "agent", "keyring", "the keyring is saved now")
	}
	// A stopped agent has nobody left to answer.
	a.do(context.Background(),
		func(now swim.Time) { a.loop.node.KeyringSaved(now, keys, err, &a.loop.out) })
	return err == nil
}

// keyStats says whether the keys in use would survive a restart; nil without encryption.
func (a *Agent) keyStats(encrypted bool) map[string]string {
	switch problem := a.unsaved.Load(); {
	case !encrypted:
		return nil
	case problem != nil:
		return map[string]string{"saved": "false", "problem": *problem}
	}
	return map[string]string{"saved": "true"}
}
