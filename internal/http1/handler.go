package http1

import "time"

// A Handler answers requests.
type Handler interface {
	Serve(w ResponseWriter, r *Request)
}

// HandlerFunc is a function that is a Handler.
type HandlerFunc func(w ResponseWriter, r *Request)

// Serve calls f.
func (f HandlerFunc) Serve(w ResponseWriter, r *Request) { f(w, r) }

// ResponseWriter is where the answer to a request goes.
type ResponseWriter interface {
	// Header is what will be sent, until the first byte of the body is.
	Header() Header
	// WriteHeader sets the status. Only the first call counts.
	WriteHeader(status int)
	// Write sends a part of the body, or keeps it until there is more.
	Write(p []byte) (int, error)
	// Flush sends what was written so far.
	Flush() error
	// SetWriteDeadline bounds how long the client may take to read, where the server doesn't.
	SetWriteDeadline(t time.Time) error
}

// The statuses of answers.
const (
	StatusOK                          = 200
	StatusNoContent                   = 204
	StatusNotModified                 = 304
	StatusBadRequest                  = 400
	StatusUnauthorized                = 401
	StatusForbidden                   = 403
	StatusNotFound                    = 404
	StatusMethodNotAllowed            = 405
	StatusRequestTimeout              = 408
	StatusRequestEntityTooLarge       = 413
	StatusMisdirectedRequest          = 421
	StatusRequestHeaderFieldsTooLarge = 431
	StatusBadGateway                  = 502
	StatusServiceUnavailable          = 503
	StatusGatewayTimeout              = 504
	StatusHTTPVersionNotSupported     = 505
)

// statusTexts are what the statuses are called.
var statusTexts = []struct {
	status int
	text   string
}{
	{StatusOK, "OK"},
	{StatusNoContent, "No Content"},
	{StatusNotModified, "Not Modified"},
	{StatusBadRequest, "Bad Request"},
	{StatusUnauthorized, "Unauthorized"},
	{StatusForbidden, "Forbidden"},
	{StatusNotFound, "Not Found"},
	{StatusMethodNotAllowed, "Method Not Allowed"},
	{StatusRequestTimeout, "Request Timeout"},
	{StatusRequestEntityTooLarge, "Request Entity Too Large"},
	{StatusMisdirectedRequest, "Misdirected Request"},
	{StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large"},
	{StatusBadGateway, "Bad Gateway"},
	{StatusServiceUnavailable, "Service Unavailable"},
	{StatusGatewayTimeout, "Gateway Timeout"},
	{StatusHTTPVersionNotSupported, "HTTP Version Not Supported"},
}

// StatusText is what a status is called; empty if it isn't one of the above.
func StatusText(status int) string {
	for _, s := range statusTexts {
		if s.status == status {
			return s.text
		}
	}
	return ""
}
