package snapshot

import (
	"bytes"
	"maps"
	"slices"
	"sort"
	"sync"
)

// queueMax is how many bytes of lines may wait for the disk: those of some 4,000 members. When it
// is full further lines are merged, so that a disk that hangs costs bounded time and memory.
const queueMax = 256 << 10

// queue takes lines from the agent's loop and never makes it wait: its lock is held no longer than
// it takes to copy one line.
type queue struct {
	rejoin bool

	mu     sync.Mutex
	lines  []byte // at most queueMax
	merged merged // came after lines
	count  uint64 // lines in both
	spare  []byte // the next lines
}

// batch is what the writer takes from the queue at once: lines, then merged.
type batch struct {
	lines  []byte
	merged merged
	count  uint64
}

// merged is a set of lines that keeps only the last one about each member and clock. There are no
// more of them than members, which the node holds as well.
type merged struct {
	last    map[string]record // by subject
	cleared bool              // a leave came before and forgot everything
	leaving bool              // a leave came last
	merged  uint64            // lines
	unknown uint64            // lines that weren't understood
}

// push adds a line with its newline, and reports whether it had to be merged.
func (q *queue) push(line []byte) (merged bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count++
	if q.merged.last == nil && len(q.lines)+len(line) <= queueMax {
		q.lines = append(q.lines, line...)
		return false
	}
	q.merged.add(line, q.rejoin)
	return true
}

// take takes everything. The lines are valid until they are given to recycle.
func (q *queue) take() batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := batch{q.lines, q.merged, q.count}
	q.lines, q.spare, q.merged, q.count = q.spare[:0], nil, merged{}, 0
	return b
}

func (q *queue) recycle(b batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = b.lines
}

// subject is what a record is about: it replaces older records with the same subject.
func (r *record) subject() string {
	switch r.key {
	case keyAlive, keyNotAlive, keyFailed:
		return keyAlive + r.name
	}
	return r.key
}

func (m *merged) add(line []byte, rejoin bool) {
	if m.last == nil {
		m.last = make(map[string]record)
	}
	r, ok := parseLine(string(bytes.TrimSuffix(line, []byte{'\n'})))
	if !ok {
		m.unknown++
		return
	}
	m.merged++
	r.order = m.merged
	m.leaving = r.key == lineLeave
	switch {
	case !m.leaving:
		m.last[r.subject()] = r
	case !rejoin:
		m.cleared = true
		clear(m.last)
	}
}

// applyTo adds to s what the lines said.
func (m *merged) applyTo(s *state, rejoin bool) {
	leave := record{key: lineLeave}
	if m.cleared {
		s.apply(leave, rejoin)
	}
	lines := slices.Collect(maps.Values(m.last))
	sort.Slice(lines, func(i, j int) bool { return lines[i].order < lines[j].order })
	for _, r := range lines {
		s.apply(r, rejoin)
	}
	if m.leaving {
		s.apply(leave, rejoin)
	}
}
