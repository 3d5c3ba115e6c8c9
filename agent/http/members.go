package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"serf/internal/http1"
	"serf/internal/memberfilter"
	"serf/internal/textwrap"
	"serf/swim/serf"
)

// waitMax is how long a request may wait for a change, in which case it is answered with what there
// is.
const waitMax = 5 * time.Minute

// member is a member as clients see it.
type member struct {
	Name     string            `json:"name"`
	Addr     string            `json:"addr"`
	Port     uint16            `json:"port"`
	Status   string            `json:"status"`
	Tags     map[string]string `json:"tags"`
	Protocol uint8             `json:"protocol"`
	RTT      float64           `json:"rtt_ms,omitempty"` // the median of the last round trips
	Changes  int               `json:"changes_1h,omitempty"`
}

// shown is m as clients see it; at is nil if that isn't known.
func shown(m *serf.Member, at *serf.Location) member {
	out := member{
		Name: m.Name, Addr: m.Addr.Addr().String(), Port: m.Addr.Port(), Status: m.Status.String(),
		Tags: tagsOf(m), Protocol: protocolOf(m),
	}
	if at != nil {
		out.RTT = milliseconds(at.RTT)
	}
	return out
}

// protocolOf is the version of the Serf protocol that a member speaks.
func protocolOf(m *serf.Member) uint8 { return m.Versions.Serf().Current }

// tagsOf is a member's tags, not nil.
func tagsOf(m *serf.Member) map[string]string {
	if m.Tags == nil {
		return map[string]string{}
	}
	return m.Tags
}

// membersHead is GET /v1/members but for the members, which are written one by one.
type membersHead struct {
	Index    string `json:"index"`
	AsSeenBy string `json:"as_seen_by"`
}

func (h *Handler) serveMembers(w http1.ResponseWriter, r *http1.Request) {
	p := parameters(r)
	f, err := memberfilter.New(p.text("name"), p.text("status"), p.prefixed("tag."))
	format := p.choice("format", "json", "text")
	index, wait := p.text("index"), p.duration("wait", 0, waitMax)
	if p.err == nil && err != nil {
		p.err = err
	}
	if p.err == nil && index == "" && wait > 0 {
		p.err = fmt.Errorf("wait=%v needs index=, that of an earlier answer", wait)
	}
	if !p.done(w) || wait > 0 && !h.awaitMembers(w, r, index, wait) {
		return
	}
	index = h.log.index() // before the members: a change in between is reported twice, not never
	chosen := h.choose(&f)
	if format == "text" {
		h.answerText(w, index, chosen)
		return
	}
	h.answerMembers(w, index, chosen)
}

// awaitMembers waits until a member has changed since index. It reports false if the request was
// refused, or nobody waits for the answer.
func (h *Handler) awaitMembers(w http1.ResponseWriter, r *http1.Request, index string,
	wait time.Duration) bool {
	if !h.enter(w, &h.polls, "requests that wait for a change") {
		return false
	}
	defer h.polls.leave()
	late := time.NewTimer(wait)
	defer late.Stop()
	for {
		changed, next := h.log.membersSince(index)
		if changed {
			return true
		}
		select {
		case <-next:
		case <-late.C:
			return true
		case <-r.Context().Done():
			return false
		}
	}
}

// listed is a member in an answer.
type listed struct {
	member *serf.Member
	at     *serf.Location
}

// choose returns the members that a filter selects, by name.
func (h *Handler) choose(f *memberfilter.Filter) (chosen []listed) {
	_, all := h.agent.EachMember()
	for m, at := range all {
		if f.Match(m) {
			chosen = append(chosen, listed{m, at})
		}
	}
	return chosen
}

// pieceSize is how much of an answer is made before it is written, in bytes.
const pieceSize = 32 << 10

// answerMembers writes members as they are encoded, so that a long list takes little memory.
func (h *Handler) answerMembers(w http1.ResponseWriter, index string, chosen []listed) {
	w.Header().Set("Content-Type", "application/json")
	changes := h.recently()
	head := encoded(membersHead{index, h.agent.Self().Name})
	var b bytes.Buffer
	one := json.NewEncoder(&b)
	b.Write(head[:len(head)-1])
	b.WriteString(`,"members":[` + "\n")
	for i := range chosen {
		if i > 0 {
			b.WriteByte(',')
		}
		m := shown(chosen[i].member, chosen[i].at)
		m.Changes = changes[m.Name]
		one.Encode(&m) // texts and numbers only, into memory
		if b.Len() > pieceSize {
			if _, err := b.WriteTo(w); err != nil {
				return // nobody reads it
			}
		}
	}
	b.WriteString("]}\n")
	b.WriteTo(w)
}

// answerText writes members in columns, as `serf members` does.
func (h *Handler) answerText(w http1.ResponseWriter, index string, chosen []listed) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Serf-Index", index)
	rows := make([][]string, len(chosen))
	for i := range chosen {
		m := chosen[i].member
		rtt := "-"
		if at := chosen[i].at; at != nil && at.RTT > 0 {
			rtt = fmt.Sprintf("%.3fms", milliseconds(at.RTT))
		}
		rows[i] = []string{printable(m.Name), m.Addr.String(), m.Status.String(), rtt, tagText(m)}
	}
	io.WriteString(w, textwrap.Columns(rows)) // a client that is gone has nobody to report it to
}

// tagText lists a member's tags as `serf members` does.
func tagText(m *serf.Member) string {
	tags := make([]string, 0, len(m.Tags))
	for key, value := range m.Tags { // order-free: sorted below
		tags = append(tags, printable(key)+"="+printable(value))
	}
	slices.Sort(tags)
	return strings.Join(tags, ",")
}

// printable is text with what would forge lines or drive a terminal escaped: names and tags come
// from other members.
func printable(text string) string { return textwrap.Escape(text, "") }
