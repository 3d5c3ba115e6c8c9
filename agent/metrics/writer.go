package metrics

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"serf/internal/histogram"
)

// Format is a way to write metrics down.
type Format uint8

const (
	// Text is the text format of Prometheus, version 0.0.4.
	Text Format = iota
	// OpenMetrics is the text format of OpenMetrics, version 1.0.0.
	OpenMetrics
)

// ContentType is what HTTP calls the format.
func (f Format) ContentType() string {
	if f == OpenMetrics {
		return "application/openmetrics-text; version=1.0.0; charset=utf-8"
	}
	return "text/plain; version=0.0.4; charset=utf-8"
}

// kind is the type of a metric.
type kind string

const (
	counterKind   kind = "counter"
	gaugeKind     kind = "gauge"
	histogramKind kind = "histogram"
)

// labelMax is the longest value of a label, in bytes; longer ones are cut.
const labelMax = 256

// writer appends metrics to b. The zero value writes Text.
type writer struct {
	b      []byte
	format Format
	name   string // of the metric whose samples follow
}

// begin starts a metric.
func (w *writer) begin(name string, k kind, help string) {
	w.name = name
	if w.format == OpenMetrics {
		name = strings.TrimSuffix(name, "_total") // a suffix of the sample there, not of the metric
	}
	w.b = append(append(append(w.b, "# HELP "...), name...), ' ')
	w.b = w.appendEscaped(w.b, help, w.format == OpenMetrics)
	w.b = append(append(w.b, "\n# TYPE "...), name...)
	w.b = append(append(append(w.b, ' '), k...), '\n')
}

// count writes a sample that is a whole number; labels are names and values in turn.
func (w *writer) count(n uint64, labels ...string) {
	w.sample("", labels)
	w.b = append(strconv.AppendUint(w.b, n, 10), '\n')
}

// flag writes a sample that is 1 or 0.
func (w *writer) flag(on bool) {
	if on {
		w.count(1)
	} else {
		w.count(0)
	}
}

// gauge writes a sample.
func (w *writer) gauge(v float64, labels ...string) {
	w.sample("", labels)
	w.b = append(w.appendFloat(w.b, v), '\n')
}

// seconds writes a sample that is a time.
func (w *writer) seconds(d time.Duration, labels ...string) { w.gauge(d.Seconds(), labels...) }

// histogram writes the samples of a histogram: its buckets, each with those before it, the sum and
// the number.
func (w *writer) histogram(h *histogram.Histogram, bounds *histogram.Bounds, labels ...string) {
	var n uint64
	for i, c := range h.Counts {
		n += c
		bound := math.Inf(1)
		if i < len(bounds) {
			bound = bounds[i].Seconds()
		}
		w.bucket(bound, labels)
		w.b = append(strconv.AppendUint(w.b, n, 10), '\n')
	}
	w.sample("_sum", labels)
	w.b = append(w.appendFloat(w.b, h.Sum.Seconds()), '\n')
	w.sample("_count", labels)
	w.b = append(strconv.AppendUint(w.b, n, 10), '\n')
}

// end ends the metrics.
func (w *writer) end() {
	if w.format == OpenMetrics {
		w.b = append(w.b, "# EOF\n"...)
	}
}

// sample begins a sample: all but its value.
func (w *writer) sample(suffix string, labels []string) {
	w.b = append(append(w.b, w.name...), suffix...)
	if len(labels) > 0 {
		w.b = w.appendLabels(append(w.b, '{'), labels)
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ' ')
}

// bucket begins the sample of a bucket.
func (w *writer) bucket(bound float64, labels []string) {
	w.b = append(append(w.b, w.name...), "_bucket{"...)
	if len(labels) > 0 {
		w.b = append(w.appendLabels(w.b, labels), ',')
	}
	w.b = append(w.b, `le="`...)
	w.b = append(w.appendFloat(w.b, bound), "\"} "...)
}

func (w *writer) appendLabels(b []byte, labels []string) []byte {
	for i := 0; i < len(labels); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, labels[i]...), `="`...)
		b = append(w.appendEscaped(b, clip(labels[i+1]), true), '"')
	}
	return b
}

// appendEscaped appends s as UTF-8, with escapes for what would end it. Quotes need one in labels,
// and in all of OpenMetrics.
func (w *writer) appendEscaped(b []byte, s string, quotes bool) []byte {
	for _, r := range s { // what isn't UTF-8 becomes U+FFFD
		switch {
		case r == '\\':
			b = append(b, `\\`...)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '"' && quotes:
			b = append(b, `\"`...)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// appendFloat appends a number. OpenMetrics wants to see that it may have a fraction.
func (w *writer) appendFloat(b []byte, v float64) []byte {
	if math.IsInf(v, 1) {
		return append(b, "+Inf"...)
	}
	start := len(b)
	b = strconv.AppendFloat(b, v, 'g', -1, 64)
	if w.format == OpenMetrics && !strings.ContainsAny(string(b[start:]), ".e") {
		b = append(b, ".0"...)
	}
	return b
}

func clip(s string) string { return clipTo(s, labelMax) }

// clipTo cuts s to so many bytes, between characters.
func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
