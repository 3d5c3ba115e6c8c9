package textwrap

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape returns s with what isn't printable, nor among keep, written as in a Go string.
func Escape(s, keep string) string {
	// Also true of what isn't UTF-8.
	unprintable := func(r rune) bool {
		return (r == utf8.RuneError || !unicode.IsPrint(r)) && !strings.ContainsRune(keep, r)
	}
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unprintable(r) {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
