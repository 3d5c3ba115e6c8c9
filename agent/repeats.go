package agent

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"serf/swim"
)

// Limits on reports of repeated conditions.
const (
	// repeatEvery is how often the count of a repeated condition is written.
	repeatEvery = 30 * time.Second
	// repeatRare is how many periods pass between reports of conditions that last until an operator
	// acts: a member of another cluster, or one without the key.
	repeatRare = 2
	// repeatKeysMax bounds the conditions that are counted separately; beyond it they count as one,
	// so that forged addresses can't fill memory or the log.
	repeatKeysMax = 1024
)

// repeats tells first occurrences from repetitions. It has no clock: the log asks it every
// repeatEvery what was repeated since.
type repeats struct {
	byKey map[repeatKey]*repeat
	order []*repeat   // of first occurrence: the order of the counts
	rest  repeat      // occurrences that found no room in byKey
	timer *time.Timer // armed while byKey has anything
}

// repeatKey identifies a condition: by a text, or by a note's code and subject.
type repeatKey struct {
	text   string
	code   swim.NoteCode
	member swim.MemberID
	from   netip.Addr
	rare   bool // reported every repeatRare periods only
}

type repeat struct {
	key       repeatKey
	level     slog.Level
	component string
	text      string // of the first occurrence
	count     uint64 // since the last line
	waited    int    // periods since then
}

// period is the number of repeatEvery periods between two lines.
func (e *repeat) period() int {
	if e.key.rare {
		return repeatRare
	}
	return 1
}

// note counts one occurrence of key. first means that it is to be written now, arm that the timer
// has to be started.
func (r *repeats) note(key repeatKey, level slog.Level, component string) (first, arm bool) {
	if e := r.byKey[key]; e != nil {
		e.count++
		return false, false
	}
	if len(r.byKey) >= repeatKeysMax {
		r.rest.count++
		return false, false
	}
	if r.byKey == nil {
		r.byKey = make(map[repeatKey]*repeat)
	}
	e := &repeat{key: key, level: level, component: component}
	r.byKey[key] = e
	r.order = append(r.order, e)
	return true, r.timer == nil
}

// keep stores the text that the count is reported with.
func (r *repeats) keep(key repeatKey, text string) { r.byKey[key].text = text }

// due returns the conditions repeated since the last call, in order of first occurrence, and
// forgets those that weren't.
func (r *repeats) due() []repeat {
	var told []repeat
	kept := r.order[:0]
	for _, e := range r.order {
		e.waited++
		switch {
		case e.waited < e.period():
			kept = append(kept, e)
		case e.count == 0:
			delete(r.byKey, e.key)
		default:
			told = append(told, *e)
			e.count, e.waited = 0, 0
			kept = append(kept, e)
		}
	}
	clear(r.order[len(kept):])
	r.order = kept
	if r.rest.count > 0 {
		rest := r.rest
		rest.level, rest.component, rest.text = slog.LevelWarn, "agent",
			"further conditions of this kind"
		told = append(told, rest)
		r.rest.count = 0
	}
	return told
}

// over forgets a condition that has ended, and returns it with the occurrences since its last
// report.
func (r *repeats) over(key repeatKey) (ended repeat, ok bool) {
	e := r.byKey[key]
	if e == nil {
		return repeat{}, false
	}
	delete(r.byKey, key)
	r.order = slices.DeleteFunc(r.order, func(o *repeat) bool { return o == e })
	return *e, true
}

func (r *repeats) empty() bool { return len(r.order) == 0 }
