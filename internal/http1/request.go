package http1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// Header is that of a request or an answer, by canonical names.
type Header = textproto.MIMEHeader

// Request is what a client asks.
type Request struct {
	Method string
	URL    *url.URL
	Host   string // of the target, or else of the header
	Header Header
	Body   io.Reader // not nil

	ctx   context.Context
	parts map[string]string

	minor  byte // of the version: HTTP/1.minor
	length int  // of the body; chunked if it comes in chunks
	close  bool // the client sends no other request
}

// chunked is the length of a body that comes in chunks.
const chunked = -1

// Context is done when nobody waits for the answer any more.
func (r *Request) Context() context.Context { return r.ctx }

// SetContext sets what Context returns.
func (r *Request) SetContext(ctx context.Context) { r.ctx = ctx }

// PathValue returns a part of the path that was set under a name.
func (r *Request) PathValue(name string) string { return r.parts[name] }

// SetPathValue sets a part of the path.
func (r *Request) SetPathValue(name, value string) {
	if r.parts == nil {
		r.parts = make(map[string]string)
	}
	r.parts[name] = value
}

var (
	errRequest = errors.New("no request of HTTP/1")
	errVersion = errors.New("another version than HTTP/1")
	errFields  = errors.New("too many fields in the header")
)

// readRequest reads a request up to its body. It takes less than net/http does: what one server
// reads in one way and another in another way (lengths that are given twice, spaces before colons)
// makes no request.
func readRequest(b *bufio.Reader) (*Request, error) {
	lines := textproto.NewReader(b)
	line, err := lines.ReadLine()
	if err != nil {
		return nil, err
	}
	r := new(Request)
	if err := r.parseLine(line); err != nil {
		return nil, err
	}
	if r.Header, err = lines.ReadMIMEHeader(); err != nil {
		return nil, err
	}
	if err := r.checkHeader(); err != nil {
		return nil, err
	}
	switch r.length {
	case 0:
		r.Body = strings.NewReader("")
	case chunked:
		r.Body = &chunks{r: b}
	default:
		r.Body = &exactly{r: b, left: r.length}
	}
	return r, nil
}

// parseLine reads the first line: METHOD TARGET HTTP/1.x.
func (r *Request) parseLine(line string) (err error) {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	major, ok := strings.CutPrefix(version, "HTTP/")
	if !ok || !isToken(method) || len(major) != 3 || !isDigit(major[0]) || major[1] != '.' ||
		!isDigit(major[2]) {
		return errRequest
	}
	if major[0] != '1' {
		return errVersion
	}
	r.Method, r.minor = method, major[2]-'0'
	// CONNECT has host:port as its target.
	authority := method == "CONNECT" && !strings.HasPrefix(target, "/")
	if authority {
		target = "http://" + target
	}
	if r.URL, err = url.ParseRequestURI(target); err == nil && authority {
		r.URL.Scheme = ""
	}
	return err
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isToken reports whether text is a token: letters, digits and some signs.
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		if !isDigit(c) && !('a' <= c|0x20 && c|0x20 <= 'z') &&
			strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return text != ""
}

// checkHeader reads what the header says of the request itself.
func (r *Request) checkHeader() error {
	hosts := r.Header["Host"]
	delete(r.Header, "Host") // Request.Host has it
	fields, tokens := 0, true
	for name, values := range r.Header { // order-free: a sum, and all are checked
		fields += len(values)
		tokens = tokens && isToken(name)
	}
	if fields > fieldsMax {
		return errFields
	}
	if r.Host = r.URL.Host; r.Host == "" && len(hosts) > 0 {
		r.Host = hosts[0]
	}
	if !tokens || len(hosts) > 1 || r.Host == "" && r.minor > 0 {
		return errRequest
	}
	r.close = r.minor == 0 || r.asksToClose()
	return r.findLength()
}

// asksToClose reports whether the header has "Connection: close".
func (r *Request) asksToClose() bool {
	for _, value := range r.Header["Connection"] {
		for option := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.Trim(option, " \t"), "close") {
				return true
			}
		}
	}
	return false
}

// findLength reads how long the body is. It takes one answer to that only.
func (r *Request) findLength() error {
	lengths, encodings := r.Header["Content-Length"], r.Header["Transfer-Encoding"]
	switch {
	case len(lengths)+len(encodings) == 0:
		return nil
	case len(lengths)+len(encodings) > 1:
		return errRequest
	case len(encodings) == 1:
		if r.minor == 0 || !strings.EqualFold(encodings[0], "chunked") {
			return errRequest
		}
		r.length = chunked
		return nil
	}
	n, err := strconv.ParseUint(lengths[0], 10, strconv.IntSize-1)
	r.length = int(n)
	return err
}
