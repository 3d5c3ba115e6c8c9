package replay

import (
	"errors"
	"strings"
	"time"

	"serf/swim"
)

// First is when a recording begins, by the clock of its host.
func First(w *Walk) time.Time {
	all := w.Recording.Segments
	for _, s := range all {
		if reader, err := s.Open(w.Keys); err == nil {
			return all[0].Time.In(reader.Checkpoint.Wall.Location()) // the zone of the host
		}
	}
	return all[0].Time
}

var errTime = errors.New("want a time as in 2026-11-30T06:12:01Z, 06:12:01 or +1h2m")

// ParseTime reads a time of a recording that begins at begin: RFC 3339, a time of the day, which is
// the first such time then or later, or a duration from begin.
func ParseTime(text string, begin time.Time) (time.Time, error) {
	if after, ok := strings.CutPrefix(text, "+"); ok {
		d, err := time.ParseDuration(after)
		if err != nil || d < 0 {
			return time.Time{}, errTime
		}
		return begin.Add(d), nil
	}
	for _, form := range []string{time.RFC3339, time.DateTime, "2006-01-02T15:04:05",
		"2006/01/02 15:04:05"} {
		if t, err := time.ParseInLocation(form, text, begin.Location()); err == nil {
			return t, nil
		}
	}
	t, err := time.ParseInLocation(time.TimeOnly, text, begin.Location())
	if err != nil {
		return time.Time{}, errTime
	}
	t = time.Date(begin.Year(), begin.Month(), begin.Day(), t.Hour(), t.Minute(), t.Second(),
		t.Nanosecond(), begin.Location())
	if t.Before(begin.Truncate(time.Second)) {
		t = t.AddDate(0, 0, 1)
	}
	return t, nil
}

// NodeTime is the time of a node's clock, which begins with its process.
func NodeTime(t swim.Time) string { return time.Duration(t).String() }
