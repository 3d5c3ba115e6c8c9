package agent

import (
	"context"
	"log/slog"
	"time"

	"serf/swim"
	"serf/wire"
)

// How long after a failure the keyring is saved again: soon, as a file may be held open by somebody
// for a moment, and then ever more seldom.
const (
	keyringPauseMin = time.Second
	keyringPauseMax = time.Minute
)

// saveKeyring leaves the newest keys for the worker; older ones that it hasn't taken are replaced.
func (a *Agent) saveKeyring() {
	if a.loop.keyring == nil {
		return
	}
	s := a.loop.node.Sealer()
	if s == nil || s.Keys == nil {
		return
	}
	select {
	case <-a.loop.keyring:
	default:
	}
	a.loop.keyring <- s.Keys // room was made, and nobody else sends
}

// keyringWorker saves keys until the loop closes the channel, and those that couldn't be saved
// again.
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
			continue
		}
		if a.trySave(unsaved, retry != nil) {
			unsaved, retry = nil, nil
			continue
		}
		retry, pause = time.After(pause), min(2*pause, keyringPauseMax)
	}
}

// trySave saves keys and tells the node, which answers who asked for them.
func (a *Agent) trySave(keys *wire.Keyring, again bool) (saved bool) {
	err := a.conf.KeyringChanged(keys.Keys())
	if err != nil {
		a.log.Repeatf(slog.LevelError, "agent", "keyring",
			"failed to save the keyring, it will be tried again: %v", err)
	} else if again {
		a.log.Overf(slog.LevelInfo, "agent", "keyring", "the keyring is saved now")
	}
	// An agent that has stopped has nobody to answer any more.
	a.do(context.Background(),
		func(now swim.Time) { a.loop.node.KeyringSaved(now, keys, err, &a.loop.out) })
	return err == nil
}
