package snapshot

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"serf/internal/std"
	"serf/lamport"
	"serf/swim"
	"serf/swim/serf"
)

// lineMax is the longest line, in bytes without its newline, that is read or written. A name as a
// Go string literal takes at most four bytes for one; the rest is for the key and the address.
const lineMax = 4*swim.NameMax + 128

// Keys of lines, as in the snapshots of HashiCorp's Serf, which reads these files.
const (
	keyAlive      = "alive: "
	keyNotAlive   = "not-alive: "
	keyFailed     = "# failed: " // an extension, which HashiCorp's Serf takes for a comment
	keyClock      = "clock: "
	keyEventClock = "event-clock: "
	keyQueryClock = "query-clock: "
	keyCoordinate = "coordinate: " // in files of Serf before 0.8; ignored
	lineLeave     = "leave"
)

// clocks are the last Lamport times seen.
type clocks struct{ member, event, query uint64 }

// failedMax bounds the failed members that are kept because they may return; beyond it the oldest
// is forgotten. Any of them knows the others, and where many members disappear nearly all are gone
// for good.
const failedMax = 512

// state is what the lines of a file add up to.
type state struct {
	alive  map[string]netip.AddrPort
	failed []Member // failed and never left, oldest first; at most failedMax, none of alive
	clocks
	left bool // this member left, and nothing came after
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

// parseLine parses a line without its newline. ok is false if it isn't understood.
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

// parseClock parses a Lamport time. One that the node's clock would refuse is damage, or came from
// a hostile member by way of one that accepted it; keeping it would stop the agent from starting.
func parseClock(key, s string) (record, bool) {
	t, err := strconv.ParseUint(s, 10, 64)
	var c lamport.Clock
	return record{key: key, clock: t}, err == nil && c.Restore(lamport.Time(t))
}

// apply applies a line. With rejoin, a leave forgets nothing.
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

// forget removes a member from both lists.
func (s *state) forget(name string) {
	delete(s.alive, name)
	s.failed = slices.DeleteFunc(s.failed, func(m Member) bool { return m.Name == name })
}

// appendTo appends the shortest file with this state: members by name, failed ones by age, then
// clocks.
func (s *state) appendTo(b []byte) []byte {
	for _, name := range std.SortedKeys(s.alive) {
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
