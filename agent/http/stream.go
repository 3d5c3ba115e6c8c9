package http

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"serf/internal/eventfilter"
	"serf/internal/http1"
	"serf/internal/std"
)

const (
	// heartbeat is how long a stream is silent at most: proxies close what is silent for longer,
	// and a client that hears nothing for twice as long may connect again.
	heartbeat = 15 * time.Second
	// gatherTime is how long a stream waits for more events after it sent some, so that a burst
	// takes few writes.
	gatherTime = 10 * time.Millisecond
	// sendTimeout is how long a client may take to read 64 KiB before it is cut off.
	sendTimeout = 10 * time.Second
	// filtersMax bounds the parts of a filter: each is compared with each event.
	filtersMax = 256
)

// gapData tells a client that events are missing: it has to read the members again. Index is where
// the stream goes on.
type gapData struct {
	Reason string `json:"reason"`
	Index  string `json:"index"`
}

// Reasons of a gap.
const (
	gapEpoch  = "epoch"   // the agent, or its HTTP side, has started since
	gapTooOld = "too-old" // the events in between are no longer kept
)

// stream is a client that follows the events.
type stream struct {
	w      http1.ResponseWriter
	frame  func(b, index []byte, e *event) []byte
	beat   string
	filter eventfilter.Filters
	next   uint64 // the last event that the client has, or that was filtered
}

func (h *Handler) serveEvents(w http1.ResponseWriter, r *http1.Request) {
	s := &stream{w: w}
	p := parameters(r)
	after := p.text("after")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		after = id // of a client that connects again by itself, with the URL of the first time
	}
	var err error
	if s.filter, err = parseTypes(p.text("type")); err != nil && p.err == nil {
		p.err = err
	}
	n, ours, known := h.log.parseIndex(after)
	if after != "" && !known {
		p.complain("after", after, "an index of this API, such as that of /v1/members")
	}
	if !p.done(w) || !h.enter(w, &h.streams, "streams of events") {
		return
	}
	defer h.streams.leave()
	if s.choose(r); r.Method == "HEAD" {
		return
	}
	reason := ""
	oldest, last := h.log.kept()
	switch {
	case after == "":
		s.next = last
	case !ours || n > last:
		reason, s.next = gapEpoch, oldest-1
	default:
		s.next = n
	}
	h.follow(r.Context(), s, reason)
}

// parseTypes reads the filter of events. Beside those of event handlers there is "member-*".
func parseTypes(text string) (eventfilter.Filters, error) {
	if strings.Count(text, ",") >= filtersMax {
		return nil, fmt.Errorf("type= has more than %d parts", filtersMax)
	}
	var members []string
	for _, kind := range eventfilter.Kinds {
		if strings.HasPrefix(kind, "member-") {
			members = append(members, kind)
		}
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		if parts[i] == "member-*" {
			parts[i] = strings.Join(members, ",")
		}
	}
	return eventfilter.Parse(strings.Join(parts, ","))
}

// choose takes the form that the client accepts: lines of JSON if it says so, or server-sent
// events.
func (s *stream) choose(r *http1.Request) {
	kind := "text/event-stream"
	s.frame, s.beat = frameSSE, ":\n\n"
	if strings.Contains(r.Header.Get("Accept"), "application/x-ndjson") {
		kind = "application/x-ndjson"
		s.frame, s.beat = frameLine, "\n"
	}
	s.w.Header().Set("Content-Type", kind)
	s.w.Header().Set("X-Accel-Buffering", "no") // proxies would keep events until there are many
}

// frameSSE appends a server-sent event.
func frameSSE(b, index []byte, e *event) []byte {
	b = append(append(b, "id: "...), index...)
	b = append(append(b, "\nevent: "...), e.kind...)
	b = append(append(b, "\ndata: "...), e.data...)
	return append(b, "\n\n"...)
}

// frameLine appends a line of JSON.
func frameLine(b, index []byte, e *event) []byte {
	b = append(append(b, `{"id":"`...), index...)
	b = append(append(b, `","event":"`...), e.kind...)
	b = append(append(b, `","data":`...), e.data...)
	return append(b, "}\n"...)
}

// follow sends events until the client is gone or doesn't keep up, or the agent ends.
func (h *Handler) follow(ctx context.Context, s *stream, gap string) {
	beat := time.NewTimer(heartbeat)
	defer beat.Stop()
	defer s.w.SetWriteDeadline(time.Time{})
	b := []byte(s.beat) // so that the client knows at once that it is connected
	if gap != "" {
		b = h.appendGap(b[:0], s, gap)
	}
	for {
		if len(b) > 0 && !h.send(ctx, s, b) {
			return
		}
		if len(b) > 0 {
			beat.Reset(heartbeat)
			if !std.Sleep(ctx, gatherTime) {
				return
			}
		}
		t := h.log.take(s.next, s.filter, b[:0], s.frame)
		b, s.next = t.text, t.next
		switch {
		case t.gap:
			b = h.appendGap(b, s, gapTooOld)
			continue
		case len(b) > 0:
			continue
		case t.end:
			return
		}
		select {
		case <-t.more:
		case <-beat.C:
			b = append(b, s.beat...)
		case <-ctx.Done():
			return
		}
	}
}

// appendGap appends the event that tells of missing ones.
func (h *Handler) appendGap(b []byte, s *stream, reason string) []byte {
	h.counts.gaps.Add(1)
	index := h.log.indexOf(s.next)
	data := encoded(gapData{reason, index})
	return s.frame(b, []byte(index), &event{kind: "gap", data: data})
}

// send writes to the client. It reports false if that is gone or doesn't read.
func (h *Handler) send(ctx context.Context, s *stream, b []byte) bool {
	s.w.SetWriteDeadline(time.Now().Add(sendTimeout)) // where the server has none of its own
	_, err := s.w.Write(b)
	if err == nil {
		err = s.w.Flush()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
		h.counts.cut.Add(1)
	}
	return err == nil
}
