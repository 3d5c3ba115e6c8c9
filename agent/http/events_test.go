package http

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent"
	"serf/internal/eventfilter"
	"serf/internal/http1"
	"serf/swim/serf"
)

// tap is a ResponseWriter without a buffer: what isn't read holds up the writer until its
// deadline.
type tap struct {
	header   http1.Header
	status   int
	pieces   chan string
	deadline time.Time
}

func (w *tap) Header() http1.Header               { return w.header }
func (w *tap) WriteHeader(status int)             { w.status = status }
func (w *tap) Flush() error                       { return nil }
func (w *tap) SetWriteDeadline(t time.Time) error { w.deadline = t; return nil }

func (w *tap) Write(b []byte) (int, error) {
	select {
	case w.pieces <- string(b):
		return len(b), nil
	case <-time.After(time.Until(w.deadline)):
		return 0, os.ErrDeadlineExceeded
	}
}

// logHandler is a handler with events of the test alone.
func logHandler() *Handler {
	return &Handler{
		o: Options{now: time.Now}, log: newEventLog(),
		streams: room{most: streamsMax}, polls: room{most: pollsMax},
	}
}

// asked is a GET request.
func asked(ctx context.Context, target string) *http1.Request {
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	r := &http1.Request{Method: "GET", URL: u, Host: "localhost", Header: make(http1.Header), Body: http.NoBody}
	r.SetContext(ctx)
	return r
}

// stream begins to follow the events; cancel ends that.
func (h *Handler) stream(url string, headers ...string) (w *tap, cancel func()) {
	ctx, cancel := context.WithCancel(context.Background())
	r := asked(ctx, url)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w = &tap{header: make(http1.Header), pieces: make(chan string)}
	go func() {
		defer close(w.pieces)
		h.Serve(w, r)
	}()
	return w, cancel
}

// user adds user events of these names.
func (l *eventLog) user(names ...string) {
	for _, name := range names {
		l.add(encode(agent.UserEvent{Name: name, LTime: 7, Payload: []byte("p")}, time.Unix(0, 0))...)
	}
}

func (w *tap) want(t *testing.T, text string) {
	t.Helper()
	if got := <-w.pieces; got != text {
		t.Errorf("got %q, want %q", got, text)
	}
}

func TestEventsAreServerSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := logHandler()
		h.log.user("before")
		w, cancel := h.stream("/v1/events")
		w.want(t, ":\n\n")
		if got := w.header.Get("Content-Type"); got != "text/event-stream" {
			t.Error(got)
		}
		h.log.user("a\n")
		const data = `{"time":"1970-01-01T00:00:00.000Z","name":"a\n","payload_b64":"cA==","ltime":7,"coalesce":false}`
		w.want(t, "id: "+h.log.epoch+"-2\nevent: user\ndata: "+data+"\n\n")
		cancel()
		<-w.pieces
	})
}

func TestEventsAreLinesIfAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := logHandler()
		w, cancel := h.stream("/v1/events", "Accept", "application/x-ndjson, */*;q=0.1")
		w.want(t, "\n")
		h.log.add(encode(agent.QueryEvent{ID: 1, Name: "q", From: "b"}, time.Unix(0, 0))...)
		w.want(t, `{"id":"`+h.log.epoch+`-1","event":"query","data":{"time":"1970-01-01T00:00:00.000Z","name":"q","payload_b64":"","ltime":0,"from":"b"}}`+"\n")
		cancel()
		<-w.pieces
	})
}

func TestSilentStreamsBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := logHandler()
		w, cancel := h.stream("/v1/events")
		began := time.Now()
		for i := range 3 {
			w.want(t, ":\n\n")
			if d := time.Since(began); d < time.Duration(i)*heartbeat || d > time.Duration(i)*heartbeat+time.Second {
				t.Errorf("beat %d after %v", i, d)
			}
		}
		cancel()
		<-w.pieces
	})
}

func TestTypesOfEvents(t *testing.T) {
	for types, want := range map[string]string{
		"":                     "member-join user:deploy user:x query:load member-failed",
		"*":                    "member-join user:deploy user:x query:load member-failed",
		"member-*":             "member-join member-failed",
		"member-*,user:deploy": "member-join user:deploy member-failed",
		"member-failed":        "member-failed",
		"user":                 "user:deploy user:x",
		"query:load,user:x":    "user:x query:load",
	} {
		f, err := parseTypes(types)
		if err != nil {
			t.Errorf("%q: %v", types, err)
		}
		var got []string
		for _, e := range strings.Fields("member-join user:deploy user:x query:load member-failed") {
			if kind, name, _ := strings.Cut(e, ":"); f.Match(kind, name) {
				got = append(got, e)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q lets %q through, want %q", types, got, want)
		}
	}
	for _, bad := range []string{"member", "user,", "mem*", "member-*x", strings.Repeat("user,", filtersMax) + "user"} {
		if w := ask(t, logHandler(), "GET", "/v1/events?type="+bad, ""); w.Code != 400 {
			t.Errorf("type=%.20s: %d", bad, w.Code)
		}
	}
	if _, err := parseTypes(strings.Repeat("user,", filtersMax-1) + "user"); err != nil {
		t.Errorf("%d parts: %v", filtersMax, err)
	}
}

// Whoever resumes gets all that it missed, or hears that it missed something.
func TestStreamsResume(t *testing.T) {
	for _, tt := range []struct {
		name, after string // EPOCH stands for the present one
		header      string
		want        []string
	}{
		{"new", "", "", []string{":"}},
		{"after the first", "EPOCH-1", "", []string{":", "user EPOCH-2", "user EPOCH-3"}},
		{"from the start", "EPOCH-0", "", []string{":", "user EPOCH-1", "user EPOCH-2", "user EPOCH-3"}},
		{"up to date", "EPOCH-3", "", []string{":"}},
		{"by header", "", "EPOCH-2", []string{":", "user EPOCH-3"}},
		{"the header is newer", "EPOCH-1", "EPOCH-2", []string{":", "user EPOCH-3"}},
		{"another start", "0123456789abcdef-2", "", []string{"gap EPOCH-0", "user EPOCH-1", "user EPOCH-2", "user EPOCH-3"}},
		{"the future", "EPOCH-4", "", []string{"gap EPOCH-0", "user EPOCH-1", "user EPOCH-2", "user EPOCH-3"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := logHandler()
			h.log.user("a", "b", "c")
			expand := strings.NewReplacer("EPOCH", h.log.epoch)
			w, cancel := h.stream("/v1/events?after="+expand.Replace(tt.after), "Last-Event-ID", expand.Replace(tt.header))
			var got []string
			late := time.After(heartbeat / 2)
			for open := true; open; {
				select {
				case piece := <-w.pieces:
					for frame := range strings.SplitSeq(strings.TrimSuffix(piece, "\n\n"), "\n\n") {
						id, rest, _ := strings.Cut(strings.TrimPrefix(frame, "id: "), "\nevent: ")
						kind, _, _ := strings.Cut(rest, "\n")
						got = append(got, strings.TrimSpace(kind+" "+id))
					}
				case <-late:
					open = false
				}
			}
			if want := expand.Replace(strings.Join(tt.want, ", ")); strings.Join(got, ", ") != want {
				t.Errorf("%s: %q, want %q", tt.name, got, want)
			}
			cancel()
			<-w.pieces
		})
	}
	for _, bad := range []string{"1", "-", "x-1", "0123456789abcde-1", "0123456789abcdef-", "0123456789abcdef-x", "0123456789abcdeg-1"} {
		if w := ask(t, logHandler(), "GET", "/v1/events?after="+bad, ""); w.Code != 400 {
			t.Errorf("after=%s: %d", bad, w.Code)
		}
	}
}

// The log keeps so many events, and so many bytes. What is older is a gap, and none that is kept is
// lost.
func TestLogOfEventsIsBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		size, count int
		oldest      uint64
	}{
		"at the limit":          {1, eventsMax, 1},
		"one beyond":            {1, eventsMax + 1, 2},
		"long after":            {1, 3 * eventsMax, 2*eventsMax + 1},
		"bytes at the limit":    {eventBytesMax / 4, 4, 1},
		"bytes one beyond":      {eventBytesMax/4 + 1, 4, 2},
		"one that is too large": {2 * eventBytesMax, 3, 3},
	} {
		l := newEventLog()
		for range tt.count {
			l.add(event{kind: eventfilter.User, data: make([]byte, tt.size)})
		}
		if oldest, last := l.kept(); oldest != tt.oldest || last != uint64(tt.count) {
			t.Errorf("%s: %d to %d are kept, want %d to %d", name, oldest, last, tt.oldest, tt.count)
		}
		got, numbers := l.take(tt.oldest-1, eventfilter.Filters{{Kind: eventfilter.Any}}, nil, countFrames), 0
		for numbers = len(got.text); !got.gap && got.next < l.last; numbers += len(got.text) {
			got = l.take(got.next, eventfilter.Filters{{Kind: eventfilter.Any}}, nil, countFrames)
		}
		if want := tt.count - int(tt.oldest) + 1; numbers != want || got.gap {
			t.Errorf("%s: %d events, gap %t; want %d", name, numbers, got.gap, want)
		}
		if tt.oldest > 1 {
			if got := l.take(tt.oldest-2, nil, nil, nil); !got.gap || got.next != tt.oldest-1 {
				t.Errorf("%s: one that is forgotten is no gap: %+v", name, got)
			}
		}
	}
}

// countFrames appends a byte for each event.
func countFrames(b, _ []byte, _ *event) []byte { return append(b, '.') }

// An event about many members becomes several, each with its number.
func TestLongEventsAreSplit(t *testing.T) {
	for members, want := range map[int]int{1: 1, eventMembers: 1, eventMembers + 1: 2, 10 * eventMembers: 10} {
		e := agent.MemberEvent{Type: agent.MemberJoin, Members: make([]serf.Member, members)}
		total := 0
		events := encode(e, time.Now())
		for _, e := range events {
			var data memberData
			if err := json.Unmarshal(e.data, &data); err != nil {
				t.Fatal(err)
			}
			total += len(data.Members)
		}
		if len(events) != want || total != members {
			t.Errorf("%d members: %d events about %d", members, len(events), total)
		}
	}
}

// Nobody waits for a client that doesn't read: it is cut off and counted, and others get all.
func TestStuckStreamsAreCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := logHandler()
		stuck, _ := h.stream("/v1/events")
		live, cancel := h.stream("/v1/events")
		stuck.want(t, ":\n\n")
		live.want(t, ":\n\n")
		got := make(chan int)
		go func() {
			n := 0
			for piece := range live.pieces {
				n += strings.Count(piece, "event: user")
			}
			got <- n
		}()
		const second, seconds = 1000, 12
		for range seconds * second {
			h.log.user("x")
			time.Sleep(time.Second / second)
		}
		if n, open := h.counts.cut.Load(), h.streams.taken.Load(); n != 1 || open != 1 {
			t.Errorf("%d cut off, %d open", n, open)
		}
		time.Sleep(time.Second)
		cancel()
		if n := <-got; n != seconds*second || h.counts.gaps.Load() != 0 {
			t.Errorf("the other one got %d events, want %d", n, seconds*second)
		}
	})
}

// A client that reads, but slower than events come, hears that some are missing.
func TestSlowStreamsHaveGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := logHandler()
		slow, cancel := h.stream("/v1/events")
		slow.want(t, ":\n\n")
		for range eventsMax + 1 {
			h.log.user("x") // faster than any stream
		}
		if got := <-slow.pieces; !strings.HasPrefix(got, "id: "+h.log.epoch+"-1\nevent: gap\ndata: {\"reason\":\"too-old\"") {
			t.Errorf("%.80q", got)
		}
		if got := <-slow.pieces; !strings.HasPrefix(got, "id: "+h.log.epoch+"-2\nevent: user") {
			t.Errorf("%.80q", got)
		}
		cancel()
		for range slow.pieces {
		}
		if n := h.counts.gaps.Load(); n != 1 {
			t.Errorf("%d gaps", n)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := logHandler()
		var cancels []func()
		for range streamsMax {
			w, cancel := h.stream("/v1/events")
			w.want(t, ":\n\n")
			cancels = append(cancels, func() { cancel(); <-w.pieces })
		}
		w := ask(t, h, "GET", "/v1/events", "")
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "64 streams of events are open") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if n := h.counts.full.Load(); n != 1 {
			t.Errorf("%d refused", n)
		}
		for _, cancel := range cancels {
			cancel()
		}
		again, cancel := h.stream("/v1/events")
		again.want(t, ":\n\n")
		cancel()
		<-again.pieces
	})
}

// If the log itself was cut off by its agent, all its streams hear that something is missing.
func TestLostEventsAreAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := logHandler()
		h.log.user("a")
		w, cancel := h.stream("/v1/events?after=" + h.log.index())
		w.want(t, ":\n\n")
		changed, _ := h.log.membersSince(h.log.index())
		h.log.forget()
		if again, _ := h.log.membersSince(h.log.indexOf(1)); changed || !again {
			t.Error("a poll isn't answered")
		}
		w.want(t, "id: "+h.log.epoch+"-2\nevent: gap\ndata: {\"reason\":\"too-old\",\"index\":\""+h.log.epoch+"-2\"}\n\n")
		h.log.user("b")
		if got := <-w.pieces; !strings.HasPrefix(got, "id: "+h.log.epoch+"-3\nevent: user\n") {
			t.Errorf("afterwards: %q", got)
		}
		cancel()
		<-w.pieces
	})
}

// Events of a real agent arrive over a socket; the stream ends with the agent.
func TestEventsOfAnAgent(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	h := newHandler(t, a, Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(ln, h, a.Log())
	defer s.Close()
	c := &http.Client{Transport: &http.Transport{}}
	defer c.CloseIdleConnections()
	resp, err := c.Get("http://" + ln.Addr().String() + "/v1/events?type=user")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Scan() // it follows now
	if err := a.UserEvent(t.Context(), "deploy", []byte("v1"), false); err != nil {
		t.Fatal(err)
	}
	var data userData
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(text), &data); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if data.Name != "deploy" || data.Payload != "djE=" {
		t.Errorf("%+v", data)
	}
	a.Close()
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Error(err)
	}
}

// A log that follows an agent doesn't make members that ask wait for an answer of its readers.
func TestFollowingAnswersNoQueries(t *testing.T) {
	t.Parallel()
	a := startAgent(t)
	h := newHandler(t, a, Options{})
	q, err := a.Query(t.Context(), serf.QueryParams{Name: "load", Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for range q.Answers() { // until all have said that nobody there answers
	}
	seen := h.log.take(0, eventfilter.Filters{{Kind: eventfilter.Query}}, nil, countFrames)
	for len(seen.text) == 0 { // the log has it all the same
		<-seen.more
		seen = h.log.take(0, eventfilter.Filters{{Kind: eventfilter.Query}}, nil, countFrames)
	}
}

// Whoever reads at the moment at which the log notes that events are missing gets a gap, and never
// the place of what is missing as an event.
func TestMissingEventsAreNoEvent(t *testing.T) {
	t.Parallel()
	l := newEventLog()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100_000 { // for the moment is short
			l.forget()
		}
	}()
	all, err := parseTypes("")
	if err != nil {
		t.Fatal(err)
	}
	frame := func(b, _ []byte, e *event) []byte {
		t.Errorf("event %q, %q", e.kind, e.data)
		return b
	}
	next, gaps := uint64(0), 0
	for over := false; !over; {
		select {
		case <-done:
			over = true // after this time
		default:
		}
		b := l.take(next, all, nil, frame)
		if b.gap {
			gaps++
		} else if b.next != next {
			t.Errorf("from %d to %d without a gap", next, b.next)
		}
		next = b.next
	}
	if _, last := l.kept(); next != last || gaps == 0 {
		t.Errorf("%d of %d, %d gaps", next, last, gaps)
	}
}
