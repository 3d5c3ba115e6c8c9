// Package dissect words packets, and messages of streams, field by field: for readers of
// recordings, and as JSON. It has words for each type of message of package wire. Keys are shown by
// their fingerprints only, and long payloads are cut.
package dissect

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"serf/internal/textwrap"
	"serf/wire"
)

// Part is a message, or a part of one.
type Part struct {
	Kind   string
	Fields []Field
	Parts  []Part // that it has inside
}

// Field is a field of a part. Its value is a string, a number or a bool.
type Field struct {
	Name  string
	Value any
}

const (
	// payloadMax is how many bytes of a payload are shown.
	payloadMax = 64
	// textMax is how many bytes of a name or of tags are shown.
	textMax = 256
)

// Add appends a field. Inlined, its copies would be 20 kB.
func (p *Part) Add(name string, value any) { p.Fields = append(p.Fields, Field{name, value}) }

// Name adds a name or text from the network.
func (p *Part) Name(name string, value []byte) {
	text := string(value[:min(len(value), textMax)])
	if len(text) < len(value) {
		text += fmt.Sprintf("... (%d bytes)", len(value))
	}
	p.Add(name, textwrap.Escape(text, ""))
}

// Some adds a value unless it is zero or empty: texts and errors as Name does, lists with commas.
func (p *Part) Some(name string, value any) {
	switch v := value.(type) {
	case []byte:
		value = string(v)
	case []string:
		value = strings.Join(v, ",")
	case error:
		value = v.Error()
	}
	switch v := value.(type) {
	case nil:
	case string:
		if v != "" {
			p.Name(name, []byte(v))
		}
	default:
		if text, ok := v.(fmt.Stringer); !reflect.ValueOf(v).IsZero() && ok {
			p.Add(name, text.String())
		} else if !reflect.ValueOf(v).IsZero() {
			p.Add(name, v)
		}
	}
}

// Payload adds bytes that mean something to somebody else: as text if they are, else in hex. The
// size is added if they are cut.
func (p *Part) Payload(name string, value []byte) {
	shown, isText := textual(value)
	text := string(value[:shown])
	if !isText {
		text = "0x" + hex.EncodeToString(value[:shown])
	}
	if shown < len(value) {
		text += "..."
	}
	p.Add(name, text)
	if shown < len(value) {
		p.Add(name+"_bytes", len(value))
	}
}

// textual tells how many bytes to show, and whether these are text: whole characters.
func textual(b []byte) (shown int, isText bool) {
	for shown < min(len(b), payloadMax) {
		r, size := utf8.DecodeRune(b[shown:])
		if r == utf8.RuneError && size < 2 || !unicode.IsPrint(r) {
			return min(len(b), payloadMax), false
		}
		shown += size
	}
	return shown, true
}

// fault adds what is wrong, if there is an error.
func (p *Part) fault(err error) {
	if err != nil {
		p.Add("error", strings.TrimPrefix(wire.ErrText(err), "msgpack: "))
	}
}

// failed tells whether a part couldn't be read.
func (p *Part) failed() bool { return len(p.Fields) == 1 && p.Fields[0].Name == "error" }

// Text is the part in a line, and what it has inside in lines below, indented by two columns more.
// At most most parts of each part are shown, and how many more there are.
func (p *Part) Text(indent, most int) string {
	var b strings.Builder
	p.write(&b, indent, most)
	return b.String()
}

func (p *Part) write(b *strings.Builder, indent, most int) {
	b.WriteString(strings.Repeat(" ", indent) + p.Line() + "\n")
	for i := range p.Parts {
		if i == most {
			fmt.Fprintf(b, "%*s... and %d more\n", indent+2, "", len(p.Parts)-most)
			break
		}
		p.Parts[i].write(b, indent+2, most)
	}
}

// Clean returns a text from the network with what isn't printable escaped.
func Clean(text string) string { return textwrap.Escape(text, "") }

// Put appends a part inside of this one. See Add.
func (p *Part) Put(x Part) { p.Parts = append(p.Parts, x) }

// Line is the part itself in a line.
func (p *Part) Line() string {
	var b strings.Builder
	b.WriteString(p.Kind)
	for _, f := range p.Fields {
		b.WriteString(" " + f.Name)
		if f.Value == true {
			continue
		}
		text := fmt.Sprint(f.Value)
		if text == "" || strings.ContainsAny(text, " \"\\") {
			text = strconv.Quote(text)
		}
		b.WriteString("=" + text)
	}
	return b.String()
}

// MarshalJSON implements json.Marshaler: an object with kind, the fields in their order, and parts.
func (p Part) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	member := func(name string, value any) error {
		text, err := json.Marshal(value)
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, text)
		return err
	}
	b.WriteByte('{')
	err := member("kind", p.Kind)
	for _, f := range p.Fields {
		if err == nil {
			err = member(f.Name, f.Value)
		}
	}
	if err == nil && len(p.Parts) > 0 {
		err = member("parts", p.Parts)
	}
	b.WriteByte('}')
	return b.Bytes(), err
}
