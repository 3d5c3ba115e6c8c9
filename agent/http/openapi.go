package http

import (
	"serf/agent/http/page"
	"serf/internal/http1"
)

// serveDescription answers with openapi.json, which describes all endpoints.
func (h *Handler) serveDescription(w http1.ResponseWriter, r *http1.Request) {
	if !parameters(r).done(w) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(page.Description()) // a client that is gone has nobody to report it to
}
