package watch

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"serf/agent/rpc"
	"serf/internal/textwrap"
)

// Style is how a piece of text looks.
type Style int

// The styles. Colours are for terminals that have them; the others need none.
const (
	Plain Style = iota
	Reverse
	Bold
	Faint
	Red
	Yellow
	Green
)

// Span is a piece of a line in one style.
type Span struct {
	Style Style
	Text  string
}

// Line is a line of the screen, at most as wide as that.
type Line []Span

// String is the text of the line.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return b.String()
}

// minimum is the smallest screen that has all parts, in columns and rows.
var minimum = struct{ width, height int }{40, 8}

// Screen returns the lines of the screen, from top to bottom.
func (m *Model) Screen() []Line {
	var body []Line
	switch {
	case m.width < minimum.width || m.height < minimum.height:
		return []Line{m.cut(Plain, "too small: q quits")}
	case m.help:
		body = m.helpLines()
	case m.details != "":
		body = m.detailLines()
		body = body[min(m.detailsTop, len(body)):]
	default:
		body = m.listLines()
	}
	lines := []Line{m.header()}
	for i := range m.height - 2 {
		if i < len(body) {
			lines = append(lines, body[i])
		} else {
			lines = append(lines, nil)
		}
	}
	return append(lines, m.footer())
}

// cut is a line of one style, cut at the width of the screen.
func (m *Model) cut(style Style, text string) Line {
	return Line{{style, clip(textwrap.Escape(text, ""), m.width)}}
}

// header says whose view this is, and how many members are in which state.
func (m *Model) header() Line {
	m.list() // counts
	text := "serf watch"
	if m.agent != "" {
		text = m.agent + " sees:"
		for _, status := range []string{"alive", "leaving", "failed", "left"} {
			if n := m.counts[status]; n > 0 || status == "alive" || status == "failed" {
				text += fmt.Sprintf("  %d %s", n, status)
			}
		}
	}
	if m.health != "" {
		text += "  health " + m.health
	}
	clock := m.now.Format(time.TimeOnly)
	return Line{{Reverse, pad(textwrap.Escape(text, ""), m.width-len(clock)-1) + " " + clock}}
}

// footer is what went wrong, the filter, or which keys there are.
func (m *Model) footer() Line {
	switch {
	case m.filtering:
		return m.cut(Plain, "/"+m.filter+"_")
	case m.lost != "":
		return m.cut(Red, "no connection: "+m.lost)
	case m.help:
		return m.cut(Faint, "any key: back")
	case m.details != "":
		return m.cut(Faint, "Esc back  arrows scroll")
	case m.filter != "":
		return m.cut(Faint, fmt.Sprintf("/%s: %d of %d members  Esc all", m.filter, len(m.list()),
			len(m.members)))
	}
	return m.cut(Faint, "q quit  / filter  s sort  r reverse  Tab events  Enter member  ? help")
}

var helpText = strings.Split(`
q, Ctrl-C      quit
up, down       select a member; also k, j
Page Up, Down  move by a screen; also b, f
Home, End      to the first, the last; also g, G
Enter          show the selected member, and its history if the agent keeps one
/              show only members that have these words in name, address, status or tags
Esc            show all members
s              sort by the next column, which is marked
r              reverse the order
Tab            scroll the events in place of the members, and back
Ctrl-L         draw the screen anew

CHANGED is when the status last changed since this program was started. RTT is estimated from
network coordinates. What stands here is the view of one agent; others may see it otherwise.`,
	"\n")[1:]

func (m *Model) helpLines() (lines []Line) {
	for _, text := range helpText {
		lines = append(lines, m.cut(Plain, text))
	}
	return lines
}

// eventShare is the part of the screen that events have: one in three lines.
const eventShare = 3

// eventRows is how many events are on the screen.
func (m *Model) eventRows() int { return max(1, (m.height-5)/eventShare) }

// memberRows is how many members are on the screen. Beside them and the events there are header,
// titles, the line between, and footer.
func (m *Model) memberRows() int { return max(1, m.height-4-m.eventRows()) }

// listLines are titles, members, and events.
func (m *Model) listLines() []Line {
	rows := m.rows()
	columns := m.columns(rows)
	lines := []Line{m.titles(columns)}
	selected := m.index() - m.top
	for i, it := range rows {
		lines = append(lines, m.row(it, columns, i == selected))
	}
	for len(lines) < m.memberRows()+1 {
		lines = append(lines, nil)
	}
	return append(lines, m.eventLines()...)
}

// column is a column of the list.
type column struct {
	title string
	width int
	right bool // aligned to the right
	text  func(*member) string
}

// Widths of columns.
const (
	nameShare = 3  // names have at most this part of the screen
	nameMin   = 12 // but not less
	tagsMin   = 10 // of the tags, before other columns are left out
	gap       = 2  // between columns
)

func (it *member) addr() string { return addrText(it.Member) }
func (it *member) tags() string { return strings.Join(tagPairs(it.Tags), ",") }

// columns are those that fit the screen, for the members that are shown.
func (m *Model) columns(rows []*member) []column {
	all := []column{
		{titleName, len(titleName + mark), false, func(it *member) string { return it.Name }},
		{titleAddress, len(titleAddress + mark), false, (*member).addr},
		{titleStatus, 8, false, func(it *member) string { return it.Status }},
		{titleRTT, 9, true, rttText},
		{titleChanged, 8, true, m.changedText},
		{titleTags, 0, false, (*member).tags},
	}
	for _, it := range rows {
		for i := range all[:2] {
			all[i].width = max(all[i].width, textWidth(textwrap.Escape(all[i].text(it), "")))
		}
	}
	all[0].width = min(all[0].width, max(nameMin, m.width/nameShare))
	for _, dispensable := range []string{"", titleChanged, titleRTT, titleAddress, titleTags} {
		var kept []column
		room := m.width
		for _, c := range all {
			if c.title != dispensable {
				kept, room = append(kept, c), room-c.width-gap
			}
		}
		if all = kept; room >= tagsMin {
			break
		}
	}
	return all
}

// What marks the column that the list is sorted by.
const (
	mark         = " ▲"
	markReversed = " ▼"
)

func (m *Model) titles(columns []column) Line {
	ordered := mark
	if m.reversed {
		ordered = markReversed
	}
	cells := make([]string, len(columns))
	for i, c := range columns {
		if cells[i] = c.title; c.title == orders[m.sort].title {
			cells[i] += ordered
		}
	}
	return Line{{Bold, m.cells(cells, columns)}}
}

// cells aligns the cells of a row. The last column has what is left of the line.
func (m *Model) cells(cells []string, columns []column) string {
	var b strings.Builder
	left := m.width
	for i, c := range columns {
		size := min(c.width, left)
		if i == len(columns)-1 {
			size = left
		}
		if c.right {
			b.WriteString(strings.Repeat(" ", max(0, size-textWidth(cells[i]))))
			b.WriteString(clip(cells[i], size))
		} else {
			b.WriteString(pad(cells[i], size))
		}
		if left -= size; left >= gap {
			b.WriteString(strings.Repeat(" ", gap))
			left -= gap
		}
	}
	return strings.TrimRight(b.String(), " ")
}

func (m *Model) row(it *member, columns []column, selected bool) Line {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = textwrap.Escape(c.text(it), "")
	}
	text := m.cells(cells, columns)
	if selected && !m.focusEvents {
		return Line{{Reverse, pad(text, m.width)}}
	}
	return Line{{statusStyle(it.Status), text}}
}

func statusStyle(status string) Style {
	switch status {
	case "failed":
		return Red
	case "leaving":
		return Yellow
	case "left":
		return Faint
	}
	return Plain
}

func rttText(it *member) string {
	if it.rtt < 0 {
		return ""
	}
	return strconv.FormatFloat(it.rtt, 'f', 1, 64)
}

// changedText is how long ago the status changed.
func (m *Model) changedText(it *member) string {
	if it.changed.IsZero() {
		return ""
	}
	return age(m.now.Sub(it.changed))
}

// age is a duration in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

// eventLines are the line between, and the events on the screen.
func (m *Model) eventLines() []Line {
	title := "── events "
	if m.eventsBack > 0 {
		title += fmt.Sprintf("(%d newer below) ", m.eventsBack)
	}
	style := Faint
	if m.focusEvents {
		style = Bold
	}
	line := title + strings.Repeat("─", max(0, m.width-textWidth(title)))
	lines := []Line{{{style, clip(line, m.width)}}}
	end := len(m.events) - m.eventsBack
	for _, ev := range m.events[max(0, end-m.eventRows()):max(0, end)] {
		text := []string{ev.at.Format(time.TimeOnly), pad(ev.kind, len(rpc.MemberUpdate)), ev.text}
		lines = append(lines, m.cut(eventStyle(ev.kind), strings.Join(text, "  ")))
	}
	return lines
}

func eventStyle(kind string) Style {
	switch kind {
	case rpc.MemberFailed, "disconnected":
		return Red
	case rpc.MemberJoin, "connected":
		return Green
	}
	return Plain
}

// detailLines are all that is known about the member whose details are shown.
func (m *Model) detailLines() (lines []Line) {
	line := func(style Style, text string) { lines = append(lines, m.cut(style, text)) }
	line(Bold, m.details)
	it := m.members[m.details]
	if it == nil {
		line(Plain, "no longer listed")
	} else {
		line(statusStyle(it.Status), "status    "+it.Status)
		line(Plain, "address   "+addrText(it.Member))
		if it.rtt >= 0 {
			line(Plain, "rtt       "+rttText(it)+" ms")
		}
		line(Plain, fmt.Sprintf("protocol  %d, understands %d to %d", it.Delegate.Current,
			it.Delegate.Min, it.Delegate.Max))
		for _, pair := range tagPairs(it.Tags) {
			line(Plain, "tag       "+pair)
		}
	}
	line(Plain, "")
	line(Bold, "history")
	for _, text := range m.history {
		text = textwrap.Escape(text, "")
		indent := len(text) - len(strings.TrimLeft(text, " "))
		filled := text[:indent] + textwrap.FillTo(text[indent:], indent, m.width)
		for part := range strings.SplitSeq(filled, "\n") {
			line(Plain, part)
		}
	}
	if len(m.history) == 0 {
		line(Faint, m.historyState)
	}
	return lines
}
