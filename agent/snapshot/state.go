package snapshot

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"serf/lamport"
	"serf/swim"
	"serf/swim/serf"
)

// lineMax is the longest line, without its newline, that is read or written. A name as a Go string
// literal takes four bytes for one at most; the rest is for the key and the address.
const lineMax = 4*swim.NameMax + 128

// Keys of lines. The file is the original's, and read by it (reference: serf/snapshot.go).
const (
	keyAlive      = "alive: "
	keyNotAlive   = "not-alive: "
	keyFailed     = "# failed: " // ours: a comment for the original, which forgets who failed
	keyClock      = "clock: "
	keyEventClock = "event-clock: "
	keyQueryClock = "query-clock: "
	keyCoordinate = "coordinate: " // of files before 0.8, and of no use any more
	lineLeave     = "leave"
)

// clocks are the last times seen.
type clocks struct{ member, event, query uint64 }

// failedMax bounds the members kept that failed and may be back: beyond it the oldest is forgotten.
// Any one of them knows the others, and in a cluster where many come and go without a word nearly
// all are gone for good.
const failedMax = 512

// state is what the lines of a file amount to.
type state struct {
	alive  map[string]netip.AddrPort
	failed []Member // failed and never left, oldest first; at most failedMax, none of alive
	clocks
	left bool // this member left, and nothing was told since
}

func newState() *state { return &state{alive: make(map[string]netip.AddrPort)} }

// record is one line, parsed.
type record struct {
	key   string // empty for a line that means nothing
	name  string
	addr  netip.AddrPort
	clock uint64
	order uint64 // of merged lines
}

// parseLine parses a line without its newline. It reports false for one that isn't understood.
func parseLine(line string) (record, bool) {
	switch {
	case len(line) > lineMax:
		return record{}, false
	case line == lineLeave:
		return record{key: lineLeave}, true
	case strings.HasPrefix(line, keyFailed):
		if r, ok := parseMember(keyFailed, line[len(keyFailed):]); ok {
			return r, true
		}
		return record{}, true // somebody's comment
	case strings.HasPrefix(line, keyCoordinate), strings.HasPrefix(line, "#"):
		return record{}, true
	}
	key, rest := line, ""
	if i := strings.Index(line, ": "); i >= 0 {
		key, rest = line[:i+2], line[i+2:]
	}
	switch key {
	case keyAlive:
		return parseMember(key, rest)
	case keyNotAlive:
		return record{key: key, name: serf.ParseJournalName(rest)}, true
	case keyClock, keyEventClock, keyQueryClock:
		return parseClock(key, rest)
	}
	return record{}, false
}

// parseMember parses a name, which may have spaces, and an address.
func parseMember(key, s string) (record, bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return record{}, false
	}
	addr, err := netip.ParseAddrPort(s[i+1:])
	return record{key: key, name: serf.ParseJournalName(s[:i]), addr: addr}, err == nil
}

// parseClock parses a time. One that the node's clock wouldn't take is damage, or was spread by
// someone hostile to a member that believed it: to keep it would stop the agent from starting.
func parseClock(key, s string) (record, bool) {
	t, err := strconv.ParseUint(s, 10, 64)
	var c lamport.Clock
	return record{key: key, clock: t}, err == nil && c.Restore(lamport.Time(t))
}

// apply adds what a line says. With rejoin, a leave takes nothing away.
func (s *state) apply(r record, rejoin bool) {
	s.left = r.key == lineLeave || s.left && r.key == ""
	switch r.key {
	case keyAlive:
		s.forget(r.name)
		s.alive[r.name] = r.addr
	case keyNotAlive:
		s.forget(r.name)
	case keyFailed:
		s.forget(r.name)
		if len(s.failed) >= failedMax {
			s.failed = slices.Delete(s.failed, 0, 1)
		}
		s.failed = append(s.failed, Member{Name: r.name, Addr: r.addr})
	case keyClock:
		s.member = r.clock
	case keyEventClock:
		s.event = r.clock
	case keyQueryClock:
		s.query = r.clock
	case lineLeave:
		if !rejoin {
			clear(s.alive)
			s.failed = nil
			s.clocks = clocks{}
		}
	}
}

// forget takes a member off the lists.
func (s *state) forget(name string) {
	delete(s.alive, name)
	s.failed = slices.DeleteFunc(s.failed, func(m Member) bool { return m.Name == name })
}

// appendTo appends the shortest file that says all of s: members by name, those that failed by age,
// then clocks.
func (s *state) appendTo(b []byte) []byte {
	for _, name := range slices.Sorted(maps.Keys(s.alive)) {
		b = serf.AppendJournalAlive(b, name, s.alive[name])
	}
	for _, m := range s.failed {
		b = serf.AppendJournalFailed(b, m.Name, m.Addr)
	}
	clock := func(key string, t uint64) {
		b = append(strconv.AppendUint(append(b, key...), t, 10), '\n')
	}
	clock(keyClock, s.member)
	clock(keyEventClock, s.event)
	clock(keyQueryClock, s.query)
	if s.left {
		b = append(b, lineLeave+"\n"...)
	}
	return b
}
