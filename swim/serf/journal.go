package serf

import (
	"net/netip"
	"strconv"
	"time"

	"serf/lamport"
	"serf/swim"
)

// journalEvery is how often the member clock is written while nothing else is.
const journalEvery = 500 * time.Millisecond

// journal turns what happens into lines for a snapshot. Clocks are written as the last time seen.
type journal struct {
	event, query                        lamport.Time // newest seen
	wroteMember, wroteEvent, wroteQuery lamport.Time
	closed                              bool // after leave: the next run must not rejoin
}

// restore sets the times that the snapshot already has.
func (j *journal) restore(n *Node) {
	j.wroteMember = n.memberClock.Now() - 1
	j.wroteEvent = n.eventClock.Now() - 1
	j.wroteQuery = n.queryClock.Now() - 1
	j.event, j.query = j.wroteEvent, j.wroteQuery
}

func (n *Node) journalAlive(id swim.MemberID) {
	n.journalLine(func(b []byte) []byte {
		return AppendJournalAlive(b, n.roster.Name(id), n.view(id).Addr)
	})
	n.journalClock()
}

func (n *Node) journalNotAlive(id swim.MemberID) {
	n.journalGone(n.roster.Name(id))
	n.journalClock()
}

// journalFailed writes that id isn't alive but may return at its address: after an outage in which
// all members failed in each other's views, the next run has nobody else to ask. The original takes
// the second line for a comment.
func (n *Node) journalFailed(id swim.MemberID) {
	n.journalGone(n.roster.Name(id))
	n.journalLine(func(b []byte) []byte {
		return AppendJournalFailed(b, n.roster.Name(id), n.view(id).Addr)
	})
	n.journalClock()
}

func (n *Node) journalGone(name string) {
	n.journalLine(func(b []byte) []byte {
		return append(appendJournalName(append(b, "not-alive: "...), name), '\n')
	})
}

// journalClock writes the member clock, if it has moved.
func (n *Node) journalClock() {
	n.arm(timerJournal, swim.Never)
	n.journalTime("clock: ", n.memberClock.Now()-1, &n.journal.wroteMember)
}

// journalTimes writes the clocks of events and queries, at the end of a call. The member clock
// moves with every intent, so it may wait.
func (n *Node) journalTimes(now swim.Time) {
	j := &n.journal
	n.journalTime("event-clock: ", j.event, &j.wroteEvent)
	n.journalTime("query-clock: ", j.query, &j.wroteQuery)
	if n.memberClock.Now()-1 > j.wroteMember && !j.closed {
		n.due[timerJournal] = min(n.due[timerJournal], now.Add(journalEvery))
	}
}

func (n *Node) journalTime(key string, t lamport.Time, wrote *lamport.Time) {
	if t <= *wrote {
		return
	}
	*wrote = t
	n.journalLine(func(b []byte) []byte {
		return append(strconv.AppendUint(append(b, key...), uint64(t), 10), '\n')
	})
}

// journalLeave writes that this node leaves. Nothing is written afterwards.
func (n *Node) journalLeave() {
	n.journalLine(func(b []byte) []byte { return append(b, "leave\n"...) })
	n.journal.closed = true
	n.arm(timerJournal, swim.Never)
}

func (n *Node) journalLine(line func(b []byte) []byte) {
	if n.journal.closed {
		return
	}
	n.call.emit(swim.Event{Kind: EventJournal, Data: n.call.build(line)})
}

// AppendJournalAlive appends the snapshot line of a live member, newline included.
func AppendJournalAlive(b []byte, name string, addr netip.AddrPort) []byte {
	return appendJournalAddr(append(b, "alive: "...), name, addr)
}

// AppendJournalFailed appends the snapshot line of a failed member that may return, newline
// included.
func AppendJournalFailed(b []byte, name string, addr netip.AddrPort) []byte {
	return appendJournalAddr(append(b, "# failed: "...), name, addr)
}

func appendJournalAddr(b []byte, name string, addr netip.AddrPort) []byte {
	b = append(appendJournalName(b, name), ' ')
	return append(addr.AppendTo(b), '\n')
}

// appendJournalName appends a name so that it stays within its line. A name with control
// characters, which could end the line and begin another, is written as a Go string literal, and so
// is one that looks like a literal.
func appendJournalName(b []byte, name string) []byte {
	if name != "" && name[0] == '"' {
		return strconv.AppendQuote(b, name)
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] == 0x7f {
			return strconv.AppendQuote(b, name)
		}
	}
	return append(b, name...)
}

// ParseJournalName returns the name that a snapshot line holds as s.
func ParseJournalName(s string) string {
	if s != "" && s[0] == '"' {
		if name, err := strconv.Unquote(s); err == nil {
			return name
		}
	}
	return s
}
