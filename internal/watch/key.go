package watch

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Action is what a key asks the program to do.
type Action int

// The actions.
const (
	None    Action = iota
	Quit           // end
	Suspend        // stop, as shells do at Ctrl-Z
	Ask            // get the history of Model.Details
)

// Keys that aren't characters. They are in a range of Unicode for private use.
const (
	keyUp rune = 0xf700 + iota
	keyDown
	keyPageUp
	keyPageDown
	keyHome
	keyEnd
	keyEscape
	keyDelete
	keyUnknown
)

// sequences are what terminals send for keys.
var sequences = map[string]rune{
	"\x1b[A": keyUp, "\x1b[B": keyDown, "\x1bOA": keyUp, "\x1bOB": keyDown,
	"\x1b[5~": keyPageUp, "\x1b[6~": keyPageDown,
	"\x1b[H": keyHome, "\x1b[F": keyEnd, "\x1bOH": keyHome, "\x1bOF": keyEnd,
	"\x1b[1~": keyHome, "\x1b[4~": keyEnd, "\x1b[7~": keyHome, "\x1b[8~": keyEnd,
}

// Typed takes what was read from a terminal in one go, and returns what to do. Terminals send the
// bytes of a key together: an escape character alone is the key.
func (m *Model) Typed(input []byte) Action {
	for len(input) > 0 {
		key, n := decode(input)
		input = input[n:]
		if a := m.press(key); a != None {
			return a
		}
	}
	return None
}

// decode returns the first key of an input, and its length.
func decode(input []byte) (key rune, n int) {
	if input[0] != '\x1b' {
		key, n = utf8.DecodeRune(input)
		if key == '\b' || key == '\x7f' {
			key = keyDelete
		}
		return key, n
	}
	if len(input) == 1 || input[1] != '[' && input[1] != 'O' {
		return keyEscape, 1
	}
	end := bytes.IndexFunc(input[2:], func(r rune) bool { return r >= '@' && r <= '~' })
	if end < 0 {
		return keyUnknown, len(input)
	}
	n = 2 + end + 1
	if key, ok := sequences[string(input[:n])]; ok {
		return key, n
	}
	return keyUnknown, n
}

const (
	ctrlC rune = 3
	ctrlL rune = 12
	ctrlZ rune = 26
)

// press takes a key.
func (m *Model) press(key rune) Action {
	switch {
	case key == ctrlC:
		return Quit
	case key == ctrlZ:
		return Suspend
	case m.filtering:
		m.typeFilter(key)
		return None
	case m.help:
		m.help = false
		return None
	case m.details != "":
		m.inDetails(key)
		return None
	}
	return m.inList(key)
}

func (m *Model) inList(key rune) Action {
	switch key {
	case 'q':
		return Quit
	case '?', 'h':
		m.help = true
	case '/':
		m.filtering, m.before = true, m.filter
	case keyEscape:
		m.setFilter("")
	case 's':
		m.sort, m.dirty = (m.sort+1)%len(orders), true
	case 'r':
		m.reversed, m.dirty = !m.reversed, true
	case '\t':
		m.focusEvents = !m.focusEvents
	case '\r', '\n':
		return m.open()
	default:
		m.scroll(key)
	}
	return None
}

// open shows the details of the selected member.
func (m *Model) open() Action {
	list := m.list()
	if len(list) == 0 {
		return None
	}
	m.details, m.detailsTop = list[m.index()].Name, 0
	m.history, m.historyState = nil, "asking the agent"
	return Ask
}

// Details is the name of the member whose details are shown, or "".
func (m *Model) Details() string { return m.details }

func (m *Model) inDetails(key rune) {
	switch key {
	case 'q', keyEscape, '\r', '\n':
		m.details = ""
	case '?':
		m.help = true
	default:
		m.detailsTop = max(0, min(m.detailsTop+m.step(key, m.height-2), len(m.detailLines())-1))
	}
}

// step is how many lines a key moves, on a screen of so many.
func (m *Model) step(key rune, page int) int {
	const all = 1 << 30
	switch key {
	case keyUp, 'k':
		return -1
	case keyDown, 'j':
		return 1
	case keyPageUp, 'b':
		return -max(1, page-1)
	case keyPageDown, ' ', 'f':
		return max(1, page-1)
	case keyHome, 'g':
		return -all
	case keyEnd, 'G':
		return all
	}
	return 0
}

// scroll moves through the list, or through the events.
func (m *Model) scroll(key rune) {
	if m.focusEvents {
		rows := m.eventRows()
		m.eventsBack = max(0, min(m.eventsBack-m.step(key, rows), len(m.events)-rows))
		return
	}
	list := m.list()
	if len(list) == 0 {
		return
	}
	at := max(0, min(m.index()+m.step(key, m.memberRows()), len(list)-1))
	m.selected = list[at].Name
}

// typeFilter takes a key while the filter is typed. The list follows each of them.
func (m *Model) typeFilter(key rune) {
	switch key {
	case '\r', '\n':
		m.filtering = false
	case keyEscape:
		m.filtering = false
		m.setFilter(m.before)
	case keyDelete:
		_, n := utf8.DecodeLastRuneInString(m.filter)
		m.setFilter(m.filter[:len(m.filter)-n])
	case 21: // Ctrl-U
		m.setFilter("")
	default:
		isKey := key >= keyUp && key <= keyUnknown
		if !isKey && unicode.IsPrint(key) && len(m.filter)+utf8.RuneLen(key) <= filterMax {
			m.setFilter(m.filter + string(key))
		}
	}
}

func (m *Model) setFilter(text string) {
	m.filter, m.dirty = strings.TrimLeft(text, " "), true
}
