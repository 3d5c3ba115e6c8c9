// Package textwrap prepares texts for a terminal: it fills help texts, and escapes what others
// sent.
package textwrap

import (
	"strings"
	"unicode/utf8"
)

// Width is the width of help texts, in columns.
const Width = 100

// Fill breaks text at white space into lines of at most Width columns, if its words allow. The
// first line begins at column indent, where the caller has come to; the others are indented so far.
func Fill(text string, indent int) string { return FillTo(text, indent, Width) }

// FillTo is Fill for lines of another width.
func FillTo(text string, indent, width int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
