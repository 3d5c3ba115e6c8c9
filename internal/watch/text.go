package watch

import (
	"fmt"
	"strings"
	"unicode"

	"serf/agent/rpc"
	"serf/internal/std"
)

// addrText is ADDR:PORT, or :PORT if the agent knows no address.
func addrText(m rpc.Member) string {
	if !m.Addr.Addr().IsValid() {
		return fmt.Sprintf(":%d", m.Addr.Port())
	}
	return m.Addr.String()
}

// tagPairs are tags as k=v in the order of their keys.
func tagPairs(tags map[string]string) (list []string) {
	for _, k := range std.SortedKeys(tags) {
		list = append(list, k+"="+tags[k])
	}
	return list
}

func memberText(m rpc.Member) string {
	tags := strings.Join(tagPairs(m.Tags), ",")
	return strings.TrimSpace(m.Name + "  " + addrText(m) + "  " + tags)
}

// userText is what a user event or a query says.
func userText(ev rpc.Event) string {
	text := fmt.Sprintf("%s  ltime %d", ev.Name, ev.LTime)
	if len(ev.Payload) > 0 {
		text += fmt.Sprintf("  %q", ev.Payload)
	}
	return text
}

// columnsOf is how many columns a character takes on a terminal.
func columnsOf(r rune) int {
	if r < 0x7f {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	if unicode.Is(wide, r) {
		return 2
	}
	return 1
}

// textWidth is how many columns a text takes.
func textWidth(s string) (n int) {
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

// clip is s in at most n columns. Where something is left out, an ellipsis is last.
func clip(s string, n int) string {
	switch {
	case n <= 0:
		return ""
	case len(s) <= n || textWidth(s) <= n:
		return s
	}
	used := 0
	for i, r := range s {
		if used += columnsOf(r); used > n-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// pad is s in exactly n columns.
func pad(s string, n int) string {
	s = clip(s, n)
	return s + strings.Repeat(" ", max(0, n-textWidth(s)))
}
