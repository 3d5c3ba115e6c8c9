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

// ledger keeps account of user events: who is to get each, and who has.
type ledger struct {
	entries []entry
	byKey   map[string]int
	key     []byte // scratch
	fired   int
	total   uint64 // deliveries
}

// entry is one user event, from when it was fired.
type entry struct {
	text   string
	time   uint64 // Lamport time
	spread report.Spread
	due    []uint64 // members that ran then and still do: they are to get it
	got    []uint64 // members that have, in this life of theirs
}

// MaxEvents bounds the account; the events of longer runs are counted only.
const MaxEvents = 10_000

// got takes in that a member delivered an event. The first to do so is who fired it: all whom due has a bit for are to
// get it. got returns how the event is called if the member has had it before, else "".
func (l *ledger) got(now swim.Time, host int, e *swim.Event, due func() []uint64) (again string) {
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
		l.entries = append(l.entries, newEntry(now, e, due()))
	}
	x := &l.entries[k]
	if bit(x.got, host) {
		return x.text
	}
	setBit(x.got, host, true)
	if bit(x.due, host) {
		x.spread.Reach(now)
	}
	return ""
}

func newEntry(now swim.Time, e *swim.Event, due []uint64) entry {
	text := fmt.Sprintf("%s %q at time %d", e.Name, e.Data, e.LTime)
	count := 0
	for _, w := range due {
		count += bits.OnesCount64(w)
	}
	return entry{text: text, time: e.LTime, spread: report.NewSpread(now, count), due: due, got: make([]uint64, len(due))}
}

// observerGone strikes member i from all accounts: it has crashed, and its
// next life may get events again.
func (l *ledger) observerGone(i int) {
	for k := range l.entries {
		x := &l.entries[k]
		if bit(x.due, i) && !bit(x.got, i) {
			x.spread.Lose()
		}
		setBit(x.due, i, false)
		setBit(x.got, i, false)
	}
}

// missing describes the events that some member should have by now and hasn't. An
// event that died with all who had it is nobody's fault.
func (l *ledger) missing(name func(member int) string, refuses func(member int, time uint64) bool) []string {
	var out []string
	for k := range l.entries {
		x := &l.entries[k]
		if !slices.ContainsFunc(x.got, func(w uint64) bool { return w != 0 }) {
			continue
		}
		for w := range x.due {
			for rest := x.due[w] &^ x.got[w]; rest != 0; rest &= rest - 1 {
				i := w*64 + bits.TrailingZeros64(rest)
				if refuses(i, x.time) {
					continue
				}
				out = append(out, fmt.Sprintf("%s never got event %s, fired at %v", name(i), x.text, time.Duration(x.spread.At)))
			}
		}
	}
	return out
}

// spreads lists how each event got to those who were to get it.
func (l *ledger) spreads() []report.Spread {
	var list []report.Spread
	for k := range l.entries {
		list = append(list, l.entries[k].spread)
	}
	return list
}
