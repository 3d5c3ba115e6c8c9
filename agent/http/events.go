package http

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"serf/agent"
	"serf/internal/eventfilter"
	"serf/swim/serf"
)

// Limits of the log of events.
const (
	// eventsMax is how many of the last events are kept, and how far a stream may fall behind.
	eventsMax = 4096
	// eventBytesMax bounds their text, in bytes: older ones go first.
	eventBytesMax = 4 << 20
	// eventMembers is how many members one event may have: events about more become several.
	eventMembers = 128
	// backlogMax is how many events of the agent may wait to be encoded.
	backlogMax = 1 << 14
)

// eventLog keeps the last events, encoded once for all streams. Events are numbered from 1 on; the
// number and the epoch, which is this start's, are an index.
type eventLog struct {
	epoch string

	mu      sync.Mutex
	ring    []event // that of number n at (n-1) % eventsMax
	first   uint64  // the oldest that is kept, last+1 if there is none
	last    uint64
	members uint64 // the last one about members
	size    int    // bytes
	changed chan struct{}
	ended   bool
}

// event is an event as it is sent.
type event struct {
	kind, name string // as filters have them
	data       []byte // JSON, without line ends
}

func newEventLog() *eventLog {
	var epoch [8]byte
	rand.Read(epoch[:])
	return &eventLog{epoch: hex.EncodeToString(epoch[:]), first: 1, changed: make(chan struct{})}
}

// followEvents returns a log of an agent's events from now on. Its goroutine ends with the agent.
func followEvents(a *agent.Agent, lost *atomic.Uint64, now func() time.Time) *eventLog {
	l := newEventLog()
	go l.follow(subscribe(a), func() *agent.Backlog { return subscribe(a) }, lost, now)
	return l
}

// visible lets all events through. Without the exception members that ask would wait for an answer
// of a reader of events: the agent asks by a query without a number.
func visible(e agent.Event) bool {
	q, ok := e.(agent.QueryEvent)
	return !ok || q.ID != 0
}

func subscribe(a *agent.Agent) *agent.Backlog { return a.SubscribeBacklog(backlogMax, visible) }

// follow adds what comes from b until the agent ends, and goes on with another backlog if it was
// too slow.
func (l *eventLog) follow(b *agent.Backlog, again func() *agent.Backlog,
	lost *atomic.Uint64, now func() time.Time) {
	for {
		e, ok := b.Next()
		switch {
		case ok:
			l.add(encode(e, now())...)
		case errors.Is(b.Err(), agent.ErrSlow): // some are missing from here on
			b = again()
			lost.Add(1)
			l.forget()
		default:
			l.end()
			return
		}
	}
}

// add appends events and wakes whoever waits for them.
func (l *eventLog) add(events ...event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		l.append(e)
	}
	l.wake()
}

func (l *eventLog) append(e event) {
	l.last++
	if l.last-l.first == eventsMax {
		l.drop()
	}
	if at := l.at(l.last); at == len(l.ring) {
		l.ring = append(l.ring, e)
	} else {
		l.ring[at] = e
	}
	for l.size += len(e.data); l.size > eventBytesMax && l.first < l.last; {
		l.drop()
	}
	if e.kind != eventfilter.User && e.kind != eventfilter.Query {
		l.members = l.last
	}
}

func (l *eventLog) at(n uint64) int { return int((n - 1) % eventsMax) }

// drop forgets the oldest event.
func (l *eventLog) drop() {
	e := &l.ring[l.at(l.first)]
	l.size -= len(e.data)
	*e = event{}
	l.first++
}

// forget notes that events are missing: whoever read the last one hears so.
func (l *eventLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.append(event{}) // the number of what is missing
	for l.first <= l.last {
		l.drop()
	}
	l.wake()
}

func (l *eventLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.wake()
}

func (l *eventLog) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// index is that of the last event.
func (l *eventLog) index() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.indexOf(l.last)
}

func (l *eventLog) indexOf(n uint64) string { return string(l.appendIndex(nil, n)) }

func (l *eventLog) appendIndex(b []byte, n uint64) []byte {
	return strconv.AppendUint(append(append(b, l.epoch...), '-'), n, 10)
}

// parseIndex reads an index. ok is false if it is none; n is of this epoch if ours.
func (l *eventLog) parseIndex(index string) (n uint64, ours, ok bool) {
	epoch, number, found := strings.Cut(index, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	_, hexErr := hex.DecodeString(epoch)
	if !found || err != nil || len(epoch) != len(l.epoch) || hexErr != nil {
		return 0, false, false
	}
	return n, epoch == l.epoch, true
}

// membersSince reports whether members have changed since an index, and otherwise what is closed
// when something happens. An index of another epoch, or none, is older than all.
func (l *eventLog) membersSince(index string) (changed bool, next <-chan struct{}) {
	n, ours, _ := l.parseIndex(index)
	l.mu.Lock()
	defer l.mu.Unlock()
	return !ours || n > l.last || n < l.members || l.ended, l.changed
}

// batchMax is how many bytes a stream takes from the log at a time.
const batchMax = 64 << 10

// batch is what a stream takes from the log at a time.
type batch struct {
	text []byte          // events, framed
	next uint64          // the last event that is in text, or was filtered
	gap  bool            // there were events before next+1 that are no longer kept
	end  bool            // there will be no more
	more <-chan struct{} // closed when there are
}

// kept returns the numbers of the oldest event that is kept, and of the last.
func (l *eventLog) kept() (oldest, last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first, l.last
}

// take returns what comes after event n and passes f, appended to text by frame.
func (l *eventLog) take(n uint64, f eventfilter.Filters, text []byte,
	frame func(b, index []byte, e *event) []byte) batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n+1 < l.first {
		return batch{text: text, next: l.first - 1, gap: true}
	}
	var index [40]byte
	for n < l.last && len(text) < batchMax {
		n++
		if e := &l.ring[l.at(n)]; f.Match(e.kind, e.name) {
			text = frame(text, l.appendIndex(index[:0], n), e)
		}
	}
	return batch{text: text, next: n, end: l.ended && n == l.last, more: l.changed}
}

// The data of events.
type (
	memberData struct {
		Time    string   `json:"time"`
		Members []member `json:"members"`
	}
	userData struct {
		Time     string `json:"time"`
		Name     string `json:"name"`
		Payload  string `json:"payload_b64"`
		LTime    uint64 `json:"ltime"`
		Coalesce bool   `json:"coalesce"`
	}
	queryData struct {
		Time    string `json:"time"`
		Name    string `json:"name"`
		Payload string `json:"payload_b64"`
		LTime   uint64 `json:"ltime"`
		From    string `json:"from,omitempty"`
	}
)

// encode returns an event as it is sent, in several if it is about many members.
func encode(e agent.Event, now time.Time) (events []event) {
	at := formatTime(now)
	one := func(kind, name string, data any) {
		events = append(events, event{kind, name, encoded(data)})
	}
	base64Of := base64.StdEncoding.EncodeToString
	switch e := e.(type) {
	case agent.MemberEvent:
		for some := range slices.Chunk(e.Members, eventMembers) {
			one(e.Type, "", memberData{at, shownAll(some)})
		}
	case agent.UserEvent:
		one(eventfilter.User, e.Name,
			userData{at, e.Name, base64Of(e.Payload), e.LTime, e.Coalesce})
	case agent.QueryEvent:
		one(eventfilter.Query, e.Name, queryData{at, e.Name, base64Of(e.Payload), e.LTime, e.From})
	default:
		panic(fmt.Sprintf("BUG: http: event %T", e))
	}
	return events
}

func shownAll(members []serf.Member) (out []member) {
	for i := range members {
		out = append(out, shown(&members[i], nil))
	}
	return out
}
