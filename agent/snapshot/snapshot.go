// Package snapshot keeps the file that lets an agent continue after a restart: who was alive, or
// failed without leaving, and which events and queries it has seen. The format is that of Serf's
// snapshots.
//
// Lines come from the agent's loop and wait in a bounded queue. One goroutine appends them to the
// file, and rewrites the file when it has grown or when anything went wrong with it. It always
// knows the whole state, so a disk that was full or a file that was removed costs nothing once it
// works again.
//
// A name with control characters is a Go string literal in the file. HashiCorp's Serf reads it as
// an odd name with the right address, which is all that a rejoin needs.
package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"serf/agent"
	"serf/agent/disk"
	"serf/internal/std"
)

const (
	// closeWait bounds how long Close waits for a disk that hangs.
	closeWait = 5 * time.Second
)

// Config configures a snapshot. Path must be set.
type Config struct {
	Path string
	// Rejoin makes a leave forget nothing: the next run rejoins the members of this one.
	Rejoin bool
	// Log receives failures. Nil discards them.
	Log *agent.Log
	// Observe is called with the time it took to append lines or to rewrite the file: "appendLine"
	// or "compact", the names in dashboards. It is called by one goroutine at a time. May be nil.
	Observe func(what string, took time.Duration)

	keep func(path string) (old string, err error) // keepOld, but for tests in memory
}

// Member is a member known to an earlier run.
type Member = agent.Previous

// State is what an earlier run knew.
type State = agent.SnapshotState

// Counters count since Open.
type Counters struct {
	Lines    uint64 // appended, or to be
	Merged   uint64 // lines that found the queue full and were merged into the next rewrite
	Skipped  uint64 // lines that are too long, or wouldn't be read again
	Rewrites uint64 // of the whole file, failed ones included
	Failures uint64 // rewrites that failed
}

// Snapshot is an open file. Its methods may be called by any goroutine.
type Snapshot struct {
	path     string
	log      *agent.Log
	previous State
	counts   std.Guarded[Counters]

	queue  queue
	wake   chan struct{} // capacity 1: there are lines
	notify atomic.Pointer[func(lines uint64)]
	// written is how many lines the writer has taken. Owned by run.
	written uint64

	lock      *disk.Lock // nil if the file can't be locked; owned by run, as is the writer
	writer    writer     // until done is closed
	closeOnce sync.Once
	closing   chan struct{}
	done      chan struct{} // closed when run has ended
	err       error         // of the last save; set before done is closed
}

// Open reads the file, or creates it, and keeps it open until Close. It fails if the path is no
// file or no snapshot, if another agent has it open (disk.ErrInUse), or if it can't be read or
// written. Lines that aren't understood are skipped.
func Open(c Config) (*Snapshot, error) {
	// A rewrite would replace a link, not the file that it leads to.
	path, err := disk.Follow(c.Path)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	c.Path, c.keep = path, keepOld
	lock, err := disk.LockFile(path)
	if errors.Is(err, disk.ErrInUse) {
		return nil, fmt.Errorf("snapshot: %s: %w", path, err)
	}
	if err != nil {
		c.Log.Warnf("serf",
			"Snapshot %s can't be locked: another agent that uses it goes unnoticed: %v", path, err)
	}
	s, err := open(c, &osFiles{}, lock)
	if err != nil {
		lock.Release()
		return nil, err
	}
	return s, nil
}

// oldSuffix is added to the name of a snapshot that is kept as it was.
const oldSuffix = ".old"

// keepOld gives the file at path a second name that survives the rewrite without the lines that
// weren't understood, which may be another program's. A copy from an earlier time is kept instead.
func keepOld(path string) (old string, err error) {
	old = path + oldSuffix
	if err := os.Link(path, old); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return old, nil
}

func open(c Config, on files, lock *disk.Lock) (*Snapshot, error) {
	s := &Snapshot{
		path: c.Path, log: c.Log, lock: lock,
		queue: queue{rejoin: c.Rejoin},
		wake:  make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
	}
	s.writer = writer{disk: on, path: c.Path, rejoin: c.Rejoin, counts: &s.counts,
		observe: c.Observe}
	read, err := s.writer.open()
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	s.tellContent(&read, &c)
	s.previous = read.export()
	if s.writer.damaged {
		std.Wake(s.wake) // it needs a rewrite, which may fail here as well as later
	}
	go s.run()
	return s, nil
}

func (s *Snapshot) tellContent(c *content, conf *Config) {
	if c.unknown > 0 {
		// Don't log the lines: they may be a secret of another program.
		s.log.Warnf("serf", "Unrecognized snapshot lines in %s: %d skipped, the first is line %d",
			s.path, c.unknown, c.at)
		if conf.keep != nil {
			old, err := conf.keep(s.path)
			if err != nil {
				s.log.Warnf("serf", "Snapshot %s can't be kept as it was: %v", s.path, err)
			} else {
				s.log.Infof("serf", "Snapshot %s is kept as it was in %s", s.path, old)
			}
		}
	}
	if c.torn {
		s.log.Warnf("serf", "The last line of snapshot %s was cut off and is left out", s.path)
	}
	if c.left && conf.Rejoin {
		s.log.Infof("serf", "Ignoring previous leave in snapshot")
	}
}

// export copies the state.
func (s *state) export() State {
	e := State{MemberTime: s.member, EventTime: s.event, QueryTime: s.query}
	for _, name := range std.SortedKeys(s.alive) {
		e.Members = append(e.Members, Member{Name: name, Addr: s.alive[name]})
	}
	e.Failed = append(e.Failed, s.failed...) // nil if there are none
	return e
}

// Previous is the state in the file when it was opened.
func (s *Snapshot) Previous() State { return s.previous }

// Append takes one line with its newline, and copies it. It never waits for the disk.
func (s *Snapshot) Append(line []byte) {
	if s.queue.push(line) {
		s.log.Repeatf(slog.LevelWarn, "serf", "snapshot queue",
			"Snapshot %s: the disk is too slow, lines are merged", s.path)
	}
	std.Wake(s.wake)
}

// Notify makes the snapshot call f, after each write, with the number of lines that a killed
// process would leave behind, as agent.Snapshot wants it. Lines that the disk refused count too;
// they are part of the next rewrite.
func (s *Snapshot) Notify(f func(lines uint64)) { s.notify.Store(&f) }

// Counters returns the counts so far.
func (s *Snapshot) Counters() Counters { return s.counts.Load() }

// Close writes and syncs all lines, but gives up after a while on a disk that hangs. It may be
// called again. An error means that the file is incomplete.
func (s *Snapshot) Close() error {
	s.closeOnce.Do(func() { close(s.closing) })
	if !std.Await(s.done, closeWait) {
		return fmt.Errorf("snapshot: %s: not written within %v", s.path, closeWait)
	}
	return s.err
}

// run is the goroutine that owns the file.
func (s *Snapshot) run() {
	defer close(s.done)
	for s.next() {
		s.save(false)
	}
	s.err = errors.Join(s.save(true), s.writer.close())
	s.lock.Release()
}

// next waits for something to do. It returns false after Close.
func (s *Snapshot) next() bool {
	var retry <-chan time.Time
	if s.writer.failed != nil {
		retry = time.After(time.Until(s.writer.retry))
	}
	select {
	case <-s.closing:
		return false
	case <-s.wake:
	case <-retry:
	}
	return true
}

func (s *Snapshot) save(sync bool) error {
	b := s.queue.take()
	failing := s.writer.failed != nil
	err := s.writer.save(b, time.Now(), sync)
	s.queue.recycle(b)
	s.written += b.count
	if f := s.notify.Load(); f != nil {
		(*f)(s.written)
	}
	switch {
	case err != nil:
		err = fmt.Errorf("snapshot: %w", err)
		s.log.Repeatf(slog.LevelError, "serf", "snapshot",
			"Failed to update snapshot, trying again every %v: %v", retryInterval, err)
	case failing && s.writer.failed == nil:
		s.log.Infof("serf", "Snapshot %s is complete again", s.path)
	}
	return err
}
