package http

import (
	"serf/agent/http/page"
	"serf/internal/http1"
)

// servePage serves the web page's files. Nothing in them is secret: what the page shows it asks for
// like any client.
func (h *Handler) servePage(w http1.ResponseWriter, r *http1.Request) {
	if !parameters(r).done(w) {
		return
	}
	body, contentType, ok := page.File(r.URL.Path)
	if !ok {
		fail(w, http1.StatusNotFound, "there is nothing at %q", r.URL.Path)
		return
	}
	set := w.Header().Set
	set("Content-Type", contentType)
	set("Content-Security-Policy", page.Policy)
	w.Write(body) // a client that is gone has nobody to report it to
}
