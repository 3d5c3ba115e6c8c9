package handler

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"serf/internal/eventfilter"
	"serf/internal/std"
)

// Event is something to run scripts for. The runner keeps it until the scripts have run: its slices
// and maps must not be changed after Handle.
type Event struct {
	Kind    string   // one of eventfilter's kinds, but Any
	Members []Member // of the member events

	// The rest belongs to user events and queries.
	Name    string
	Payload []byte
	LTime   uint64
	// Respond answers a query with a script's output. It is called on a worker's goroutine, at most
	// once for each script that runs, and owns the bytes.
	Respond func(output []byte) error
	// Unanswered, if set, is called once, on a worker's goroutine, when all scripts for a query
	// have ended without an answer. It isn't called if one of them never saw the query.
	Unanswered func()

	open *atomic.Int32 // of a query: scripts that may still answer
}

// passUp notes that one script of a query ended without an answer.
func (e *Event) passUp() {
	if e.open.Add(-1) == 0 && e.Unanswered != nil {
		e.Unanswered()
	}
}

// Member is a subject of a member event.
type Member struct {
	Name string
	Addr netip.Addr
	Tags map[string]string
}

// roleTag is the tag that scripts also get separately from the others.
const roleTag = "role"

// named reports whether the event is a user event or a query.
func (e *Event) named() bool { return e.Kind == eventfilter.User || e.Kind == eventfilter.Query }

// String names the event as log lines do: "member-join", "user-event: NAME", "query: NAME".
func (e *Event) String() string {
	switch e.Kind {
	case eventfilter.User:
		return "user-event: " + e.Name
	case eventfilter.Query:
		return "query: " + e.Name
	}
	return e.Kind
}

// Rough costs in memory, for the limit of a queue.
const (
	eventCost  = 256
	memberCost = 128
	tagCost    = 32
)

// cost is roughly how many bytes the event holds.
func (e *Event) cost() int {
	n := eventCost + len(e.Name) + len(e.Payload)
	for i := range e.Members {
		m := &e.Members[i]
		n += memberCost + len(m.Name)
		for k, v := range m.Tags { // order-free: a sum
			n += tagCost + len(k) + len(v)
		}
	}
	return n
}

// environ returns the variables that describe the event and this member, "KEY=value".
func (e *Event) environ(name string, tags map[string]string) []string {
	env := []string{
		"SERF_EVENT=" + e.Kind,
		"SERF_SELF_NAME=" + name,
		"SERF_SELF_ROLE=" + tags[roleTag],
	}
	for _, k := range std.SortedKeys(tags) {
		env = append(env, "SERF_TAG_"+variable(k)+"="+tags[k])
	}
	switch e.Kind {
	case eventfilter.User:
		env = append(env, "SERF_USER_EVENT="+e.Name, fmt.Sprintf("SERF_USER_LTIME=%d", e.LTime))
	case eventfilter.Query:
		env = append(env, "SERF_QUERY_NAME="+e.Name, fmt.Sprintf("SERF_QUERY_LTIME=%d", e.LTime))
	}
	for i := range env {
		// No system can pass on a zero byte, and whoever chose the name must not be able to keep
		// the script from running.
		env[i] = strings.ReplaceAll(env[i], "\x00", "")
	}
	return env
}

// variable is a tag's name as part of the name of an environment variable.
func variable(tag string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, strings.ToUpper(tag))
}

// stdin is the script's standard input: a line per member, or the payload.
func (e *Event) stdin() []byte {
	if e.named() {
		return withNewline(e.Payload)
	}
	var b []byte
	for i := range e.Members {
		b = e.Members[i].appendLine(b)
	}
	return b
}

// withNewline ends a payload with a newline, as the shell's read wants it. An empty payload stays
// empty.
func withNewline(payload []byte) []byte {
	if n := len(payload); n == 0 || payload[n-1] == '\n' {
		return payload
	}
	return append(slices.Clip(payload), '\n') // a copy: the payload is shared
}

// appendLine appends name, address, role and tags, separated by tabs. The tags are in the order of
// their names.
func (m *Member) appendLine(b []byte) []byte {
	tags := make([]string, 0, len(m.Tags))
	for _, k := range std.SortedKeys(m.Tags) {
		tags = append(tags, k+"="+m.Tags[k])
	}
	return fmt.Appendf(b, "%s\t%s\t%s\t%s\n", escape.Replace(m.Name), m.Addr,
		escape.Replace(m.Tags[roleTag]), escape.Replace(strings.Join(tags, ",")))
}

// escape keeps a value in its column.
var escape = strings.NewReplacer("\t", `\t`, "\n", `\n`)
