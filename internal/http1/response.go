package http1

import (
	"errors"
	"os"
	"serf/internal/std"
	"strconv"
	"strings"
	"time"
)

// timeFormat is how a header has times, in GMT.
const timeFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// response is the ResponseWriter of one request. What fits its buffer has a Content-Length; what is
// more, or is flushed before its end, is sent in chunks.
type response struct {
	c       *conn
	request *body // nil if it couldn't be read
	header  Header
	status  int    // 0 until it is set
	body    []byte // until the header is sent
	sent    bool   // the header
	err     error  // of the connection: the first

	head    bool // the answer has no body, only its length
	plain   bool // HTTP/1.0: no chunks, the end of the connection ends the body
	chunked bool
	close   bool // after this answer
}

// Header is what will be sent, until the first byte of the body is.
func (w *response) Header() Header { return w.header }

// WriteHeader sets the status. Only the first call counts. Informational ones (1xx) aren't sent.
func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= StatusOK {
		w.status = status
	}
}

// Write sends a part of the body, or keeps it as long as it and all before fit the buffer.
func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(StatusOK)
	if w.err != nil {
		return 0, w.err
	}
	if !w.sent {
		if len(w.body)+len(p) <= bufferSize {
			w.body = append(w.body, p...)
			return len(p), nil
		}
		w.begin(false)
	}
	w.writeBody(p)
	return len(p), w.err
}

// Flush sends what was written so far.
func (w *response) Flush() error {
	w.WriteHeader(StatusOK)
	if !w.sent {
		w.begin(false)
	}
	w.keep(w.c.w.Flush())
	return w.err
}

// SetWriteDeadline does nothing: every write has its time (Options.Write).
func (w *response) SetWriteDeadline(time.Time) error { return nil }

// finish completes the answer.
func (w *response) finish() error {
	w.WriteHeader(StatusOK)
	if !w.sent {
		w.begin(true)
	}
	if w.chunked {
		w.writeString("0\r\n\r\n")
	}
	w.keep(w.c.w.Flush())
	return w.err
}

// begin sends the header and what there is of the body. whole tells whether that is all of it.
func (w *response) begin(whole bool) {
	w.sent = true
	w.frame(whole)
	// After a body that nobody read, the next request would begin at an unknown place.
	w.close = w.close || w.request != nil && !w.request.ended
	if w.close {
		w.header.Set("Connection", "close")
	}
	if w.header.Get("Date") == "" {
		w.header.Set("Date", time.Now().UTC().Format(timeFormat))
	}
	w.writeString("HTTP/1.1 " + strconv.Itoa(w.status) + " " + StatusText(w.status) + "\r\n")
	w.writeHeader()
	w.writeBody(w.body)
	w.body = nil
}

// lineBreaks are made spaces in a field, which they would end.
var lineBreaks = strings.NewReplacer("\n", " ", "\r", " ")

// writeHeader writes the fields, in order, and the line that ends them. What can't be the name of a
// field isn't sent.
func (w *response) writeHeader() {
	for _, name := range std.SortedKeys(w.header) {
		for _, value := range w.header[name] {
			if !isToken(name) {
				break
			}
			w.writeString(name + ": " + strings.TrimSpace(lineBreaks.Replace(value)) + "\r\n")
		}
	}
	w.writeString("\r\n")
}

// frame decides how the client learns where the body ends. A Content-Length of the handler counts
// only for HEAD, whose answer has no body: a wrong one would hide where the next answer begins.
func (w *response) frame(whole bool) {
	h := w.header
	h.Del("Transfer-Encoding")
	none := w.status == StatusNoContent || w.status == StatusNotModified
	if none || !w.head {
		h.Del("Content-Length")
	}
	switch {
	case none:
		w.head = true
	case h.Get("Content-Length") != "":
	case whole && (!w.head || len(w.body) > 0):
		h.Set("Content-Length", strconv.Itoa(len(w.body)))
	case w.plain:
		w.close = true
	case !w.head:
		w.chunked = true
		h.Set("Transfer-Encoding", "chunked")
	}
}

// writeBody writes a part of the body, once the header is sent.
func (w *response) writeBody(p []byte) {
	if w.head || len(p) == 0 {
		return
	}
	if w.chunked {
		w.writeString(strconv.FormatInt(int64(len(p)), 16) + "\r\n")
	}
	_, err := w.c.w.Write(p)
	w.keep(err)
	if w.chunked {
		w.writeString("\r\n")
	}
}

func (w *response) writeString(s string) {
	_, err := w.c.w.WriteString(s)
	w.keep(err)
}

func (w *response) keep(err error) {
	if w.err == nil {
		w.err = err
	}
}

// askForBody answers "Expect: 100-continue".
func (w *response) askForBody() {
	if !w.sent {
		w.writeString("HTTP/1.1 100 Continue\r\n\r\n")
		w.keep(w.c.w.Flush())
	}
}

// timedWriter writes to a connection as long as the client reads.
type timedWriter struct{ c *conn }

func (t timedWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		t.c.nc.SetWriteDeadline(time.Now().Add(t.c.s.o.Write))
		var part int
		part, err = t.c.nc.Write(p[:min(len(p), writeMax)])
		n, p = n+part, p[part:]
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.c.s.counts.Change(func(c *Counters) { c.CutOff++ })
	}
	return n, err
}
