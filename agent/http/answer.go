package http

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"serf/internal/http1"
)

// timeFormat is how times are written: in UTC, with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

func formatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

// answer writes v as JSON.
func answer(w http1.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	writeLine(w, v) // a client that is gone has nobody to report it to
}

// writeLine writes v as a line of JSON.
func writeLine(w io.Writer, v any) error {
	_, err := w.Write(append(encoded(v), '\n'))
	return err
}

// encoded is v as JSON, without a line end.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG: http: " + err.Error())
	}
	return b
}

// problem is what clients get instead of an answer.
type problem struct {
	Error string `json:"error"`
}

// fail answers that something is wrong, with a sentence that says what.
func fail(w http1.ResponseWriter, status int, format string, args ...any) {
	answer(w, status, problem{fmt.Sprintf(format, args...)})
}

// refuse is fail for what is counted.
func refuse(w http1.ResponseWriter, count *atomic.Uint64, status int, format string, args ...any) {
	count.Add(1)
	fail(w, status, format, args...)
}

// milliseconds is a duration as the fields in ms have it, in microseconds precisely.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// params reads the query of a URL, each parameter once.
type params struct {
	values url.Values
	err    error // the first problem
}

// parameters begins to read the query of a URL.
func parameters(r *http1.Request) *params {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		err = fmt.Errorf("the query of the URL can't be read: %w", err)
	}
	return &params{values: values, err: err}
}

func (p *params) complain(name, value, want string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s=%q, want %s", name, value, want)
	}
}

// text returns a parameter, empty if it isn't given.
func (p *params) text(name string) string {
	values := p.values[name]
	delete(p.values, name)
	if len(values) > 1 {
		p.complain(name, values[1], "it once")
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// number returns a parameter between 0 and most.
func (p *params) number(name string, otherwise, most int) int {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		p.complain(name, text, fmt.Sprintf("a number from 0 to %d", most))
	}
	return n
}

// duration returns a parameter between 0 and most.
func (p *params) duration(name string, otherwise, most time.Duration) time.Duration {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > most {
		p.complain(name, text, fmt.Sprintf("a time such as 10s, at most %v", most))
	}
	return d
}

// flag returns a parameter that is true or false.
func (p *params) flag(name string, otherwise bool) bool {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		p.complain(name, text, "true or false")
	}
	return b
}

// choice returns a parameter that is one of some texts.
func (p *params) choice(name string, texts ...string) string {
	text := p.text(name)
	if slices.Contains(texts, text) {
		return text
	}
	if text != "" {
		p.complain(name, text, fmt.Sprintf("one of %q", texts))
	}
	return texts[0]
}

// prefixed returns the parameters whose names begin with prefix, without it.
func (p *params) prefixed(prefix string) map[string]string {
	found := make(map[string]string)
	for name := range p.values { // order-free: a set
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			found[rest] = p.text(name)
		}
	}
	return found
}

// done answers what is wrong with the parameters, those that nobody asked for included. It reports
// true if nothing is.
func (p *params) done(w http1.ResponseWriter) bool {
	for name := range p.values { // order-free: any of them
		if p.err == nil {
			p.err = fmt.Errorf("%q: there is no such parameter here", name)
		}
	}
	if p.err != nil {
		fail(w, http1.StatusBadRequest, "%v", p.err)
	}
	return p.err == nil
}
