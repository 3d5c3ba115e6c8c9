package page

import (
	"encoding/json"
	"fmt"
	"html"
	"strconv"
)

// literal is markup that this package itself writes. Texts from elsewhere are of another type, so
// that they can't be taken for it.
type literal string

// markup gathers a page.
type markup struct{ b []byte }

// put adds markup with texts, escaped, in the place of each %s; %% is a percent sign. A text may
// stand in an element or in an attribute with double quotes.
func (m *markup) put(format literal, texts ...string) {
	escaped := make([]any, len(texts))
	for i, s := range texts {
		escaped[i] = html.EscapeString(s)
	}
	m.b = fmt.Appendf(m.b, string(format), escaped...)
}

// putIf is put unless the first text is empty.
func (m *markup) putIf(format literal, texts ...string) {
	if texts[0] != "" {
		m.put(format, texts...)
	}
}

// embed adds a file of this package as it is.
func (m *markup) embed(file string) { m.b = append(m.b, file...) }

// putJSON adds v for a script to read. The encoder writes <, > and & as escapes, so the script's
// element can't end within it.
func (m *markup) putJSON(v any) error {
	b, err := json.Marshal(v)
	m.b = append(m.b, b...)
	return err
}

// number writes x for a style sheet.
func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
