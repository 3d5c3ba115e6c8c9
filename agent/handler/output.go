package handler

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

const (
	// outputMax is how many bytes of a script's output are kept: the end, where the result or the
	// error is. It limits memory, and a query's answer is far smaller.
	outputMax = 8 << 10
	// linesMax is how many of its lines are logged, the last ones: the log keeps some hundred for
	// later readers.
	linesMax = 64
	// textMax is how many bytes an error shows of each part: the script, the event's name and the
	// last line of output. A log line has room for all.
	textMax = 512
)

// tail keeps the last outputMax bytes written to it.
type tail struct {
	buf   []byte
	total int64 // bytes written in all
}

// Write cannot fail.
func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	t.total += int64(n)
	p = p[max(0, n-outputMax):]
	if over := len(t.buf) + len(p) - outputMax; over > 0 {
		t.buf = t.buf[:copy(t.buf, t.buf[over:])]
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

// lines returns the last lines of an output, at least one, and the number of lines before them.
func lines(output []byte) (last [][]byte, before int) {
	all := bytes.Split(bytes.TrimSuffix(output, []byte("\n")), []byte("\n"))
	before = max(0, len(all)-linesMax)
	return all[before:], before
}

// lastLine is the last line that isn't blank, as excerpt shows it; empty if there is none.
func lastLine(output []byte) string {
	output = bytes.TrimSpace(output)
	return excerpt(bytes.TrimSpace(output[bytes.LastIndexByte(output, '\n')+1:]))
}

// excerpt is the beginning of a text, escaped.
func excerpt[T string | []byte](text T) string {
	if len(text) > textMax {
		return escaped([]byte(text[:textMax])) + "..."
	}
	return escaped([]byte(text))
}

// escaped is text for one log line: unprintable characters are written as in a Go string. The
// carriage return of a Windows line end is dropped.
func escaped(text []byte) string {
	text = bytes.TrimSuffix(text, []byte("\r"))
	b := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == '\t' || strconv.IsPrint(r) && (r != utf8.RuneError || n > 1) {
			b = append(b, text[:n]...)
		} else {
			quoted := strconv.Quote(string(text[:n]))
			b = append(b, quoted[1:len(quoted)-1]...)
		}
		text = text[n:]
	}
	return string(b)
}
