// Package watch is what `serf watch` shows, without terminal and connection: inputs go in, screens
// come out. A [Model] is a function of its inputs; time is an argument.
package watch

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"

	"serf/agent/rpc"
	"serf/internal/std"
)

// Limits.
const (
	// eventsMax is how many lines of events are kept: some screens of them, to scroll back.
	eventsMax = 1000
	// filterMax bounds a filter, in bytes: more doesn't fit a line.
	filterMax = 200
)

// member is a member of the list.
type member struct {
	rpc.Member
	key     string    // what a filter is compared with
	changed time.Time // when its status last changed, as this program saw it; zero: it didn't
	rtt     float64   // in ms, estimated; negative: not known
}

// Model is the state of the program. The zero value isn't usable: call New.
type Model struct {
	now           time.Time
	width, height int

	agent  string // name of the agent; "" before the first connection
	health string // health score of the agent, if it says so
	lost   string // why there is no connection; "" while there is one

	members map[string]*member
	shown   []*member // those that pass the filter, in order; stale if dirty
	dirty   bool
	counts  map[string]int // members by status; stale if dirty

	selected string // name of the selected member
	top      int    // index of the first row that is visible

	sort      int // index of orders
	reversed  bool
	filter    string
	filtering bool // the filter is being typed
	before    string

	events       []eventLine // the oldest first
	eventsBack   int         // how many lines the events are scrolled back
	focusEvents  bool
	help         bool
	details      string // name of the member whose details are shown; "" for none
	detailsTop   int
	history      []string // lines about it, from the agent
	historyState string   // in place of the lines
}

// eventLine is a line among the events.
type eventLine struct {
	at   time.Time
	kind string // such as member-failed
	text string
}

// New is the state before the first connection.
func New(now time.Time, width, height int) *Model {
	m := &Model{now: now, members: make(map[string]*member), lost: "connecting", dirty: true}
	m.Resize(width, height)
	return m
}

// Resize says how large the screen is.
func (m *Model) Resize(width, height int) { m.width, m.height = max(width, 1), max(height, 1) }

// Tick says what time it is. Times of inputs never go back.
func (m *Model) Tick(now time.Time) {
	if now.After(m.now) {
		m.now = now
	}
}

// Connected says that there is a connection to an agent again, with all its members.
func (m *Model) Connected(now time.Time, agent string, members []rpc.Member) {
	m.Tick(now)
	again := m.agent != ""
	m.agent, m.lost = agent, ""
	if again {
		m.addEvent("connected", "to the agent "+agent+" again")
	}
	m.replace(members, again)
}

// Listed is the list of all members: some changes, such as a member that is leaving, come without
// an event.
func (m *Model) Listed(now time.Time, members []rpc.Member) {
	m.Tick(now)
	m.replace(members, true)
}

// replace replaces the list. What has changed is an event if report is set.
func (m *Model) replace(members []rpc.Member, report bool) {
	names := make(map[string]bool, len(members))
	for _, one := range members {
		names[one.Name] = true
		was, known := m.members[one.Name]
		changed := !known || was.Status != one.Status
		if report && changed {
			from := "unknown"
			if known {
				from = was.Status
			}
			m.addEvent("changed", one.Name+": "+from+" -> "+one.Status)
		}
		m.set(one, report && changed)
	}
	for _, name := range std.SortedKeys(m.members) {
		if !names[name] {
			delete(m.members, name)
			if report {
				m.addEvent("changed", name+": no longer listed")
			}
		}
	}
	m.dirty = true
}

// set adds or replaces a member.
func (m *Model) set(one rpc.Member, changed bool) {
	it := m.members[one.Name]
	if it == nil {
		it = &member{rtt: -1}
		m.members[one.Name] = it
	}
	it.Member = one
	it.key = strings.ToLower(strings.Join(append([]string{one.Name, addrText(one), one.Status},
		tagPairs(one.Tags)...), "\n"))
	if changed {
		it.changed = m.now
	}
	m.dirty = true
}

// Happened is an event of the cluster.
func (m *Model) Happened(now time.Time, ev rpc.Event) {
	m.Tick(now)
	switch ev.Type {
	case rpc.UserEvent, rpc.QueryEvent:
		m.addEvent(ev.Type, userText(ev))
		return
	}
	for _, one := range ev.Members {
		m.addEvent(ev.Type, memberText(one))
		if ev.Type == rpc.MemberReap {
			delete(m.members, one.Name)
			m.dirty = true
			continue
		}
		m.set(one, ev.Type != rpc.MemberUpdate)
	}
}

// addEvent adds a line to what happened.
func (m *Model) addEvent(kind, text string) {
	if len(m.events) == eventsMax {
		m.events = slices.Delete(m.events, 0, 1)
	} else if m.eventsBack > 0 {
		m.eventsBack++ // what is looked at stays in place
	}
	m.events = append(m.events, eventLine{m.now, kind, text})
}

// Lost says that the connection is lost, or can't be made.
func (m *Model) Lost(now time.Time, reason string) {
	m.Tick(now)
	if m.lost == "" {
		m.addEvent("disconnected", reason)
	}
	m.lost = reason
}

// Figures are the agent's own figures, by section and name.
func (m *Model) Figures(stats map[string]map[string]string) {
	m.health = stats["serf"]["health_score"]
}

// RTT is the estimated round trip to a member in milliseconds; negative if it isn't known.
func (m *Model) RTT(name string, ms float64) {
	if it := m.members[name]; it != nil && it.rtt != ms {
		it.rtt = ms
		m.dirty = m.dirty || orders[m.sort].title == titleRTT
	}
}

// History is what the agent knows about the past of a member; instead takes the place of the lines
// if there are none.
func (m *Model) History(name string, lines []string, instead string) {
	if name == m.details {
		m.history, m.historyState = lines, instead
	}
}

// Titles of columns.
const (
	titleName    = "NAME"
	titleAddress = "ADDRESS"
	titleStatus  = "STATUS"
	titleRTT     = "RTT ms"
	titleChanged = "CHANGED"
	titleTags    = "TAGS"
)

// orders are the columns to sort by. Equal members are in the order of their names.
var orders = []struct {
	title   string
	compare func(a, b *member) int
}{
	{titleName, func(a, b *member) int { return 0 }},
	{titleStatus, func(a, b *member) int { return cmp.Compare(rank(a.Status), rank(b.Status)) }},
	{titleChanged, func(a, b *member) int { return b.changed.Compare(a.changed) }},
	{titleRTT, func(a, b *member) int { return cmp.Compare(a.rtt, b.rtt) }},
	{titleAddress, func(a, b *member) int { return a.Addr.Compare(b.Addr) }},
}

// rank sorts what needs a look first.
func rank(status string) int {
	return slices.Index([]string{"failed", "leaving", "none", "alive", "left"}, status)
}

// list returns the members that pass the filter, in order.
func (m *Model) list() []*member {
	if !m.dirty {
		return m.shown
	}
	m.dirty = false
	words := strings.Fields(strings.ToLower(m.filter))
	m.shown = m.shown[:0]
	m.counts = make(map[string]int)
	for _, it := range m.members { // order-free: sorted below
		m.counts[it.Status]++
		lacks := func(word string) bool { return !strings.Contains(it.key, word) }
		if !slices.ContainsFunc(words, lacks) {
			m.shown = append(m.shown, it)
		}
	}
	compare := orders[m.sort].compare
	sort.Slice(m.shown, func(i, j int) bool {
		if m.reversed {
			i, j = j, i
		}
		a, b := m.shown[i], m.shown[j]
		return cmp.Or(compare(a, b), strings.Compare(a.Name, b.Name)) < 0
	})
	return m.shown
}

// index is the place of the selected member in the list; the first one if it isn't there.
func (m *Model) index() int {
	isSelected := func(it *member) bool { return it.Name == m.selected }
	return max(0, slices.IndexFunc(m.list(), isSelected))
}

// Visible returns the names of the members on the screen, in its order.
func (m *Model) Visible() (names []string) {
	for _, it := range m.rows() {
		names = append(names, it.Name)
	}
	return names
}

// rows are the members on the screen.
func (m *Model) rows() []*member {
	list := m.list()
	size := m.memberRows()
	at := m.index()
	m.top = min(max(m.top, at-size+1), at) // the selected one is visible
	m.top = max(0, min(m.top, len(list)-size))
	return list[m.top:min(len(list), m.top+size)]
}
