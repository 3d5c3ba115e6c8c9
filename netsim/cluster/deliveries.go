package cluster

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"serf/netsim/report"
	"serf/swim"
)

// deliveries records for each user event which members are to get it, and which have.
type deliveries struct {
	entries []entry
	byKey   map[string]int
	key     []byte // scratch
	fired   int
	total   uint64 // deliveries
}

// entry is one user event that was sent.
type entry struct {
	text   string
	time   uint64 // Lamport time
	spread report.Spread
	due    []uint64 // members that were running then and still are: they are to get it
	got    []uint64 // members that have got it since their start
}

// MaxEvents bounds the events that are followed; of those beyond only the number is known.
const MaxEvents = 10_000

// got takes in that a member, in that region, delivered an event. The first to do so is its sender:
// begin then says who is to get it, a bit for each, and begins its spread. got returns the event's
// name if the member has had it before, else "".
func (l *deliveries) got(
	now swim.Time, host, region int, e *swim.Event,
	begin func() (due []uint64, spread report.Spread),
) (again string) {
	l.total++
	l.key = binary.BigEndian.AppendUint64(l.key[:0], e.LTime)
	l.key = append(append(append(l.key, e.Name...), 0), e.Data...)
	k, known := l.byKey[string(l.key)]
	if !known {
		if len(l.entries) == MaxEvents {
			return ""
		}
		if l.byKey == nil {
			l.byKey = make(map[string]int)
		}
		k = len(l.entries)
		l.byKey[string(l.key)] = k
		due, spread := begin()
		l.entries = append(l.entries, entry{
			text: fmt.Sprintf("%s %q at time %d", e.Name, e.Data, e.LTime), time: e.LTime,
			spread: spread, due: due, got: make([]uint64, len(due)),
		})
	}
	x := &l.entries[k]
	if bit(x.got, host) {
		return x.text
	}
	setBit(x.got, host, true)
	if bit(x.due, host) {
		x.spread.Reach(now, region)
	}
	return ""
}

// observerGone strikes member i, in that region, from all accounts: it has crashed, and may get
// events again when it is back.
func (l *deliveries) observerGone(i, region int) {
	for k := range l.entries {
		x := &l.entries[k]
		if bit(x.due, i) && !bit(x.got, i) {
			x.spread.Lose(region)
		}
		setBit(x.due, i, false)
		setBit(x.got, i, false)
	}
}

// missing describes the events that some member should have got by now and hasn't. An event that
// was lost with all members that had it is excused.
func (l *deliveries) missing(
	name func(member int) string, refuses func(member int, time uint64) bool,
) []string {
	var out []string
	for k := range l.entries {
		x := &l.entries[k]
		if !slices.ContainsFunc(x.got, func(w uint64) bool { return w != 0 }) {
			continue
		}
		for i := range x.waiting {
			if !refuses(i, x.time) {
				at := time.Duration(x.spread.At)
				out = append(out,
					fmt.Sprintf("%s never got event %s, fired at %v", name(i), x.text, at))
			}
		}
	}
	return out
}

// waiting yields the members that are to get the event and haven't.
func (x *entry) waiting(yield func(member int) bool) {
	for w := range x.due {
		for rest := x.due[w] &^ x.got[w]; rest != 0; rest &= rest - 1 {
			if !yield(w*64 + bits.TrailingZeros64(rest)) {
				return
			}
		}
	}
}

// spreads lists how each event got to those that were to get it, and names those that it didn't
// reach.
func (l *deliveries) spreads(name func(member int) string) []report.Spread {
	var list []report.Spread
	for k := range l.entries {
		x := &l.entries[k]
		s := x.spread
		for i := range x.waiting {
			if s.Missed = append(s.Missed, name(i)); len(s.Missed) == report.MissedMost {
				break
			}
		}
		list = append(list, s)
	}
	return list
}
