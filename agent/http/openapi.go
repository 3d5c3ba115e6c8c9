package http

import (
	_ "embed" // openapi.json

	"serf/internal/http1"
)

// description describes all endpoints, in the form of OpenAPI 3.1.
//
//go:embed openapi.json
var description []byte

func (h *Handler) serveDescription(w http1.ResponseWriter, r *http1.Request) {
	if !parameters(r).done(w) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(description) // a client that is gone has nobody to report it to
}
