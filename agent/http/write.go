package http

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"time"

	"serf/agent"
	"serf/internal/http1"
	"serf/swim"
	"serf/swim/serf"
)

// joinTimeout bounds a join: names may take long to look up, and hosts to answer.
const joinTimeout = time.Minute

// body reads the body of a request, or answers that it can't.
func (h *Handler) body(w http1.ResponseWriter, r *http1.Request) (b []byte, ok bool) {
	b, err := io.ReadAll(io.LimitReader(r.Body, bodyMax+1))
	switch {
	case err != nil:
		fail(w, http1.StatusBadRequest, "the body can't be read: %v", err)
	case len(b) > bodyMax:
		refuse(w, &h.counts.bodies, http1.StatusRequestEntityTooLarge,
			"the body is larger than %d bytes", bodyMax)
	}
	return b, err == nil && len(b) <= bodyMax
}

// object reads a body that is one JSON object with the fields of v, or answers that it isn't.
func (h *Handler) object(w http1.ResponseWriter, r *http1.Request, v any) bool {
	b, ok := h.body(w, r)
	if !ok {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil && d.More() {
		err = errors.New("something follows the object")
	}
	if err != nil {
		fail(w, http1.StatusBadRequest, "the body isn't what is wanted: %v", err)
	}
	return err == nil
}

// conclude answers a request that has been carried out, or not.
func conclude(w http1.ResponseWriter, err error) {
	if err == nil {
		w.WriteHeader(http1.StatusNoContent)
		return
	}
	fail(w, statusOf(err), "%v", err)
}

// statusOf is the status for an error of the agent.
func statusOf(err error) int {
	switch {
	case errors.Is(err, agent.ErrStopped), errors.Is(err, serf.ErrBusy),
		errors.Is(err, swim.ErrLeaving):
		return http1.StatusServiceUnavailable
	case errors.Is(err, agent.ErrJoin):
		return http1.StatusBadGateway
	case errors.Is(err, context.DeadlineExceeded):
		return http1.StatusGatewayTimeout
	}
	return http1.StatusBadRequest
}

func (h *Handler) serveEvent(w http1.ResponseWriter, r *http1.Request) {
	p := parameters(r)
	coalesce := p.flag("coalesce", true)
	if !p.done(w) {
		return
	}
	if payload, ok := h.body(w, r); ok {
		conclude(w, h.agent.UserEvent(r.Context(), r.PathValue("name"), payload, coalesce))
	}
}

// joinBody is the body of POST /v1/join.
type joinBody struct {
	Addrs  []string `json:"addrs"`
	Replay bool     `json:"replay"`
}

// joinAnswer is what that returns.
type joinAnswer struct {
	Joined int `json:"joined"` // addresses that answered
}

func (h *Handler) serveJoin(w http1.ResponseWriter, r *http1.Request) {
	var b joinBody
	if !parameters(r).done(w) || !h.object(w, r, &b) {
		return
	}
	if len(b.Addrs) == 0 {
		fail(w, http1.StatusBadRequest, `addrs is missing: {"addrs": ["10.0.0.1"]}`)
		return
	}
	for _, addr := range b.Addrs {
		if err := agent.CheckJoin(addr); err != nil {
			fail(w, http1.StatusBadRequest, "addrs: %v", err)
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), joinTimeout)
	defer cancel()
	n, err := h.agent.Join(ctx, b.Addrs, b.Replay)
	if n == 0 && err != nil {
		conclude(w, err)
		return
	}
	answer(w, http1.StatusOK, joinAnswer{n})
}

func (h *Handler) serveForceLeave(w http1.ResponseWriter, r *http1.Request) {
	p := parameters(r)
	prune := p.flag("prune", false)
	if !p.done(w) {
		return
	}
	name := r.PathValue("name")
	if _, known := h.agent.Member(name); !known {
		fail(w, http1.StatusNotFound, "there is no member %q", name)
		return
	}
	conclude(w, h.agent.ForceLeave(r.Context(), name, prune))
}

// tagsBody is the body of PUT /v1/tags.
type tagsBody struct {
	Set    map[string]string `json:"set"`
	Delete []string          `json:"delete"`
}

func (h *Handler) serveTags(w http1.ResponseWriter, r *http1.Request) {
	var b tagsBody
	if !parameters(r).done(w) || !h.object(w, r, &b) {
		return
	}
	if len(b.Set)+len(b.Delete) == 0 {
		fail(w, http1.StatusBadRequest, `set and delete are missing: {"set": {"role": "web"}}`)
		return
	}
	conclude(w, h.o.SetTags(r.Context(), b.Set, b.Delete))
}

// answerLine is a line of what POST /v1/query/NAME returns.
type answerLine struct {
	Type    string  `json:"type"` // "ack", "response" or "done"
	From    string  `json:"from,omitempty"`
	Payload *string `json:"payload_b64,omitempty"` // of a response
	// With "done", how many came of each, and how many were lost because the client read slowly.
	Acks      *int    `json:"acks,omitempty"`
	Responses *int    `json:"responses,omitempty"`
	Dropped   *uint64 `json:"dropped,omitempty"`
}

// serveQuery asks members and returns their answers as they come.
func (h *Handler) serveQuery(w http1.ResponseWriter, r *http1.Request) {
	p := parameters(r)
	q := serf.QueryParams{
		Name: r.PathValue("name"), Nodes: p.values["node"], Tags: p.prefixed("tag."),
		Timeout: p.duration("timeout", 0, serf.QueryTimeoutMax), WantAck: p.flag("ack", true),
	}
	delete(p.values, "node")
	if !p.done(w) {
		return
	}
	var ok bool
	if q.Payload, ok = h.body(w, r); !ok || !h.enter(w, &h.queries, "queries") {
		return
	}
	defer h.queries.leave()
	query, err := h.agent.Query(r.Context(), q)
	if err != nil {
		conclude(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	h.relay(r.Context(), w, query)
}

// relay writes the answers to a query. One that the client doesn't wait for goes on without it.
func (h *Handler) relay(ctx context.Context, w http1.ResponseWriter, q *agent.Query) {
	defer w.SetWriteDeadline(time.Time{})
	var counts [2]int // by kind
	for {
		select {
		case a, open := <-q.Answers():
			line := answerLine{Type: "done", Acks: &counts[0], Responses: &counts[1]}
			if dropped := q.Dropped(); dropped > 0 {
				line.Dropped = &dropped
			}
			if open {
				counts[a.Kind]++
				line = answerLine{Type: a.Kind.String(), From: a.From}
				if a.Kind == agent.AnswerResponse {
					payload := base64.StdEncoding.EncodeToString(a.Payload)
					line.Payload = &payload
				}
			}
			w.SetWriteDeadline(time.Now().Add(sendTimeout)) // as for streams
			if err := writeLine(w, line); err != nil || !open {
				return
			}
			if len(q.Answers()) == 0 && w.Flush() != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
