// Package nethttp has the handlers of this module served by net/http, for programs that have a
// server of their own. The command serf has none and doesn't link net/http, which is 0.4 MB with
// all that it initialises.
package nethttp

import (
	"net/http"

	"serf/internal/http1"
)

// Handler serves h, such as a Handler of agent/http or an Exporter of agent/metrics.
func Handler(h http1.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := &http1.Request{
			Method: r.Method, URL: r.URL, Host: r.Host, Header: http1.Header(r.Header), Body: r.Body,
		}
		if r.Body == nil {
			asked.Body = http.NoBody
		}
		asked.SetContext(r.Context())
		h.Serve(writer{http.NewResponseController(w), w}, asked)
	})
}

// writer is a ResponseWriter of net/http.
type writer struct {
	*http.ResponseController
	w http.ResponseWriter
}

func (w writer) Header() http1.Header        { return http1.Header(w.w.Header()) }
func (w writer) WriteHeader(status int)      { w.w.WriteHeader(status) }
func (w writer) Write(p []byte) (int, error) { return w.w.Write(p) }
