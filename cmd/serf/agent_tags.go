package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"serf/agent"
	"serf/agent/config"
)

// Pauses before another attempt to write the tags file: short at first, then longer.
const (
	tagsPauseMin = time.Second
	tagsPauseMax = time.Minute
)

// setTags is agent.Agent's method of this name.
type setTags func(ctx context.Context, set map[string]string, remove []string) error

// tagKeeper writes the tags to a file when they change, and retries if that fails.
type tagKeeper struct {
	set  setTags
	path string
	tags func() map[string]string
	log  *agent.Log

	mu    sync.Mutex  // held while tags and file may differ
	retry *time.Timer // nil if the file is as it should be
	pause time.Duration
}

// SetTags changes the tags and then the file: the file only has what the cluster has accepted.
func (k *tagKeeper) SetTags(ctx context.Context, set map[string]string, remove []string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.set(ctx, set, remove); err != nil {
		return err
	}
	k.stopRetry()
	k.pause = tagsPauseMin
	if err := k.save(); err != nil {
		return fmt.Errorf("the tags are set, but lost with a restart as long as their file can't "+
			"be written: %w", err)
	}
	return nil
}

// save writes the file, or schedules another attempt.
func (k *tagKeeper) save() error {
	err := config.SaveTags(k.path, k.tags())
	if err != nil {
		k.log.Repeatf(slog.LevelError, "agent", "tags file",
			"failed to save the tags, it will be tried again: %v", err)
		k.retry = time.AfterFunc(k.pause, k.again)
		k.pause = min(2*k.pause, tagsPauseMax)
	}
	return err
}

// again is called by the timer.
func (k *tagKeeper) again() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.retry == nil {
		return // somebody else was first
	}
	k.retry = nil
	if k.save() == nil {
		k.log.Overf(slog.LevelInfo, "agent", "tags file", "the tags are saved now")
	}
}

// close makes a last attempt if one is due. It is called when tags no longer change, on nil too.
func (k *tagKeeper) close() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopRetry() {
		k.save()
		k.stopRetry()
	}
}

// stopRetry cancels the next attempt, and reports whether there was one.
func (k *tagKeeper) stopRetry() bool {
	if k.retry == nil {
		return false
	}
	k.retry.Stop()
	k.retry = nil
	return true
}
