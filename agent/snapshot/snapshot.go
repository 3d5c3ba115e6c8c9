// Package snapshot keeps the file from which an agent goes on after a restart: who was alive, or
// failed but never left, and which events and queries it has seen. The file is the original's (spec
// 3.6).
//
// Lines come from the agent's loop and wait in a bounded queue; one goroutine appends them to the
// file, and rewrites the file when it has grown, or when anything went wrong with it. It always
// knows the whole state, so that a disk that was full, or a file that was removed, costs nothing
// once it works again.
//
// A name with control characters is a Go string literal in the file. The original takes it for an
// odd name with the right address, which is all that a rejoin needs.
package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"serf/agent"
	"serf/agent/disk"
	"serf/swim/serf"
)

const (
	// closeWait bounds how long Close waits for a disk that hangs.
	closeWait = 5 * time.Second
)

// Config says where the file is. Path must be set.
type Config struct {
	Path string
	// Rejoin lets a leave take nothing away: the next run rejoins the members of this one.
	Rejoin bool
	// Log receives what goes wrong. Nil discards it.
	Log *agent.Log
	// Observe is told how long it took to append lines or to rewrite the file: "appendLine" or
	// "compact", as dashboards know them. Called by one goroutine at a time. May be nil.
	Observe func(what string, took time.Duration)

	keep func(path string) (old string, err error) // keepOld, but for tests in memory
}

// Member is one that was known.
type Member = serf.Previous

// State is what an earlier run knew: the last times seen, 0 if none was; the living members, itself
// included, sorted by name; and those that had failed but never left, oldest first.
type State struct {
	Members, Failed                  []Member
	MemberTime, EventTime, QueryTime uint64
}

// Counters count since Open.
type Counters struct {
	Lines    uint64 // appended, or to be
	Merged   uint64 // lines that found the queue full and were merged into the next rewrite
	Skipped  uint64 // lines that are too long, or wouldn't be read again
	Rewrites uint64 // of the whole file, failed ones included
	Failures uint64 // rewrites that failed
}

type counters struct{ lines, merged, skipped, rewrites, failures atomic.Uint64 }

// Snapshot is an open file. Its methods may be called by any goroutine.
type Snapshot struct {
	path     string
	log      *agent.Log
	previous State
	counts   counters

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

// Open reads the file, or creates it, and keeps it until Close. There is an error if it is no file
// or no snapshot, another agent has it open (disk.ErrInUse), or it can't be read or written. Single
// lines that aren't understood are skipped.
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
	s, err := open(c, osFiles{}, lock)
	if err != nil {
		lock.Release()
		return nil, err
	}
	return s, nil
}

// oldSuffix is added to the name of a snapshot that is kept as it was.
const oldSuffix = ".old"

// keepOld gives the file at path a second name, under which it stays when it is rewritten without
// the lines that weren't understood: they may be somebody else's. What is kept from an earlier time
// stays.
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
		signal(s.wake) // it needs a rewrite, which may fail here as well as later
	}
	go s.run()
	return s, nil
}

func (s *Snapshot) tellContent(c *content, conf *Config) {
	if c.unknown > 0 {
		// What they say may be a secret of another program.
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
	for _, name := range slices.Sorted(maps.Keys(s.alive)) {
		e.Members = append(e.Members, Member{Name: name, Addr: s.alive[name]})
	}
	e.Failed = append(e.Failed, s.failed...) // nil if there are none
	return e
}

// Previous is what the file said when it was opened.
func (s *Snapshot) Previous() State { return s.previous }

// Configure makes the agent of c go on where the last run ended, and write its lines here. The
// agent must have stopped before Close.
func (s *Snapshot) Configure(c *agent.Config) {
	p := &s.previous
	// Of members the last time seen is wanted; of events and queries the first that is news.
	c.Serf.LastMemberTime, c.Serf.MinEventTime, c.Serf.MinQueryTime = p.MemberTime, p.EventTime+1,
		p.QueryTime+1
	c.Serf.Previous = nil
	tried := make(map[netip.AddrPort]bool) // members that changed their name have the same
	for _, m := range slices.Concat(p.Members, p.Failed) {
		if m.Name != c.Serf.Name && !tried[m.Addr] {
			tried[m.Addr] = true
			c.Serf.Previous = append(c.Serf.Previous, m)
		}
	}
	c.Journal = s
}

// Append takes one line with its newline, and copies it. It never waits for the disk.
func (s *Snapshot) Append(line []byte) {
	if s.queue.push(line) {
		s.log.Repeatf(slog.LevelWarn, "serf", "snapshot queue",
			"Snapshot %s: the disk is too slow, lines are merged", s.path)
	}
	signal(s.wake)
}

// Notify has f told, after each write, how many lines so far a killed process leaves behind:
// agent.Journal. What a disk refused counts too; it is in the next rewrite.
func (s *Snapshot) Notify(f func(lines uint64)) { s.notify.Store(&f) }

// Counters returns the counts so far.
func (s *Snapshot) Counters() Counters {
	c := &s.counts
	return Counters{
		Lines: c.lines.Load(), Merged: c.merged.Load(), Skipped: c.skipped.Load(),
		Rewrites: c.rewrites.Load(), Failures: c.failures.Load(),
	}
}

// Close writes all lines down and to the disk, but gives up on a disk that hangs after a while. It
// may be called again. An error means that the file isn't complete.
func (s *Snapshot) Close() error {
	s.closeOnce.Do(func() { close(s.closing) })
	timeout := time.NewTimer(closeWait)
	defer timeout.Stop()
	select {
	case <-s.done:
		return s.err
	case <-timeout.C:
		return fmt.Errorf("snapshot: %s: not written within %v", s.path, closeWait)
	}
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

// next waits for something to do, and reports false for Close.
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

// signal leaves a mark in a channel of capacity 1.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is there already
	}
}
