// Package repeats tells the first occurrence of a condition from its repetitions, so that a log has
// one line and a count, not a flood.
package repeats

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"serf/swim"
)

// Limits on reports of repeated conditions.
const (
	// Every is how often the count of a repeated condition is written.
	Every = 30 * time.Second
	// rareEvery is how many periods pass between reports of conditions that last until an operator
	// acts: a member of another cluster, or one without the key.
	rareEvery = 2
	// KeysMax bounds the conditions that are counted separately; beyond it they count as one,
	// so that forged addresses can't fill memory or the log.
	KeysMax = 1024
)

// Conditions are those that occurred lately. They have no clock: while there are any, the log asks
// once an Every what was repeated since. The zero value has none.
type Conditions struct {
	byKey map[Key]*Repeat
	order []*Repeat // of first occurrence: the order of the counts
	rest  Repeat    // occurrences that found no room in byKey
}

// Key identifies a condition: by a text, or by a note's code and subject.
type Key struct {
	Text   string
	Code   swim.NoteCode
	Member swim.MemberID
	From   netip.Addr
	Rare   bool // reported every rareEvery periods only
}

// Repeat is a condition and how often it occurred again.
type Repeat struct {
	Level     slog.Level
	Component string // that reports it
	Text      string // of the first occurrence
	Count     uint64 // since the last line

	key    Key
	waited int // periods since the last line
}

// Period is the time between two lines about the condition.
func (e *Repeat) Period() time.Duration { return time.Duration(e.periods()) * Every }

func (e *Repeat) periods() int {
	if e.key.Rare {
		return rareEvery
	}
	return 1
}

// Note counts one occurrence of key. first means that it is to be written now, and then to be kept.
func (r *Conditions) Note(key Key, level slog.Level, component string) (first bool) {
	if e := r.byKey[key]; e != nil {
		e.Count++
		return false
	}
	if len(r.byKey) >= KeysMax {
		r.rest.Count++
		return false
	}
	if r.byKey == nil {
		r.byKey = make(map[Key]*Repeat)
	}
	e := &Repeat{key: key, Level: level, Component: component}
	r.byKey[key] = e
	r.order = append(r.order, e)
	return true
}

// Keep stores the text that the count is reported with.
func (r *Conditions) Keep(key Key, text string) { r.byKey[key].Text = text }

// Due returns the conditions repeated since the last call, in order of first occurrence, and
// forgets those that weren't.
func (r *Conditions) Due() []Repeat {
	var told []Repeat
	kept := r.order[:0]
	for _, e := range r.order {
		e.waited++
		switch {
		case e.waited < e.periods():
			kept = append(kept, e)
		case e.Count == 0:
			delete(r.byKey, e.key)
		default:
			told = append(told, *e)
			e.Count, e.waited = 0, 0
			kept = append(kept, e)
		}
	}
	clear(r.order[len(kept):])
	r.order = kept
	if r.rest.Count > 0 {
		rest := r.rest
		rest.Level, rest.Component, rest.Text = slog.LevelWarn, "agent",
			"further conditions of this kind"
		told = append(told, rest)
		r.rest.Count = 0
	}
	return told
}

// Over forgets a condition that has ended, and returns it with the occurrences since its last
// report.
func (r *Conditions) Over(key Key) (ended Repeat, ok bool) {
	e := r.byKey[key]
	if e == nil {
		return Repeat{}, false
	}
	delete(r.byKey, key)
	r.order = slices.DeleteFunc(r.order, func(o *Repeat) bool { return o == e })
	return *e, true
}

// Empty tells whether there are none.
func (r *Conditions) Empty() bool { return len(r.order) == 0 }
