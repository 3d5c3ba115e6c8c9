// Package jsonfile reads the JSON that users write: configuration, tags, keys, scenarios. It finds
// what encoding/json silently accepts, or reports without a place: unknown keys, keys that come
// twice, values of the wrong kind, text in another encoding, more than one value.
package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sort"
	"strings"
)

// Place is where something is in a file: line and column, both from 1. Columns count bytes, as
// compilers do.
type Place struct{ Line, Column int }

func (p Place) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// Problem is one thing that is wrong with a file.
type Problem struct {
	Name  string // of the file
	Place Place
	Key   string // as "faults[2].count"; "" for the file itself
	Text  string
}

// Error is "c.json:3:5: key: text".
func (p *Problem) Error() string {
	var b strings.Builder
	if p.Name != "" {
		b.WriteString(p.Name + ":")
	}
	fmt.Fprintf(&b, "%v: ", p.Place)
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	return b.String() + p.Text
}

// File is a JSON file and the problems found while it is read.
type File struct {
	name   string
	data   []byte
	lines  []int // where each begins; computed when needed
	places map[string]Place
	errs   []error
	root   Value
	more   int // offset of what follows the first value; 0 for nothing
}

// Parse reads the first value of data, the content of the file called name. If Err already reports
// a problem there is no value to read.
func Parse(name string, data []byte) *File {
	f := &File{name: name, data: data, places: make(map[string]Place)}
	start := len(data) - len(bytes.TrimLeft(bytes.TrimPrefix(data, utf8Mark), space))
	f.root = Value{file: f, at: start}
	if at, text := f.foreign(); text != "" {
		f.fail(at, "", "%s", text)
		return f
	}
	d := json.NewDecoder(bytes.NewReader(data[start:]))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		f.failSyntax(start, err)
		return f
	}
	f.root.raw = data[start : start+len(raw)]
	rest := data[start+len(raw):]
	if more := bytes.TrimLeft(rest, space); len(more) > 0 {
		f.more = len(data) - len(more)
	}
	return f
}

// Whole makes it a problem if anything follows the first value.
func (f *File) Whole() *File {
	if f.more > 0 {
		f.fail(f.more, "", "something follows the end of the %s", f.root.kind())
	}
	return f
}

// More is the place of what follows the first value, if anything does.
func (f *File) More() (at Place, ok bool) { return f.place(f.more), f.more > 0 }

// Root is the value of the file.
func (f *File) Root() Value { return f.root }

// Err returns all problems found so far, joined.
func (f *File) Err() error { return errors.Join(f.errs...) }

// Places returns the places of all keys and items that were read, by path.
func (f *File) Places() map[string]Place { return f.places }

// place is the place of an offset. The line starts are computed once: there may be as many places
// as bytes.
func (f *File) place(offset int) Place {
	if f.lines == nil {
		f.lines = []int{0}
		for i, c := range f.data {
			if c == '\n' {
				f.lines = append(f.lines, i+1)
			}
		}
	}
	offset = min(max(offset, 0), len(f.data))
	line := sort.SearchInts(f.lines, offset+1) // the number of lines that begin at or before it
	column := offset - f.lines[line-1] + 1
	if line == 1 && bytes.HasPrefix(f.data[:offset], utf8Mark) {
		column -= len(utf8Mark) // which no editor shows
	}
	return Place{line, column}
}

func (f *File) fail(offset int, key, format string, args ...any) {
	f.errs = append(f.errs, &Problem{f.name, f.place(offset), key, fmt.Sprintf(format, args...)})
}

// Value is a value in a File.
type Value struct {
	// Path is its key with those of the surrounding objects and lists, "faults[2].count"; "" at the
	// top.
	Path string
	file *File
	raw  []byte
	at   int // where raw begins

	secret bool
}

// Secret is v, except that no problem shows its value.
func (v Value) Secret() Value {
	v.secret = true
	return v
}

// Place is where the value begins.
func (v Value) Place() Place { return v.file.place(v.at) }

// Fail reports a problem of the value.
func (v Value) Fail(format string, args ...any) { v.file.fail(v.at, v.Path, format, args...) }

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return string(v.raw) == "null" }

// IsBlank reports whether the value is a text with nothing but white space.
func (v Value) IsBlank() bool {
	var s string
	return json.Unmarshal(v.raw, &s) == nil && !v.IsNull() && strings.TrimSpace(s) == ""
}

// IsList reports whether the value is a list.
func (v Value) IsList() bool { return bytes.HasPrefix(v.raw, []byte{'['}) }

// kind names the kind of the value.
func (v Value) kind() string {
	switch v.raw[0] {
	case '{':
		return "object"
	case '[':
		return "list"
	case '"':
		return "text"
	}
	return "value"
}

// String is the value as written, or its beginning; "..." for a secret.
func (v Value) String() string {
	if v.secret {
		return "..."
	}
	got := v.raw
	switch v.raw[0] {
	case '{', '[': // the start says enough
		got, _, _ = bytes.Cut(got, []byte{'\n'})
	}
	if len(got) > shownMax {
		got = bytes.ToValidUTF8(got[:shownMax], nil)
	}
	if len(got) < len(v.raw) {
		return string(got) + "..."
	}
	return string(got)
}

// shownMax is how much of a value a message shows, in bytes.
const shownMax = 60

// failWant reports that the value should be of another kind: "5, want a text".
func (v Value) failWant(want string) { v.failValue("want " + want) }

// failValue reports what is wrong with the value, and shows it.
func (v Value) failValue(text string) {
	if v.secret {
		v.Fail("%s", text)
		return
	}
	v.Fail("%v, %s", v, text)
}

// Key is a key of an object with its value.
type Key struct {
	Name  string
	Value Value
	at    int // where the key is
}

// Place is where the key is.
func (k Key) Place() Place { return k.Value.file.place(k.at) }

// FailUnknown reports that there is no such key; advice suggests another.
func (k Key) FailUnknown(advice string) {
	k.Value.file.fail(k.at, k.Value.Path, "is no key here; %s", advice)
}

// Keys iterates over the keys of an object. same maps the spellings of a key to one; nil if there
// is only one. A key that comes twice is a problem, as is a value that isn't an object.
func (v Value) Keys(same func(string) string) iter.Seq[Key] {
	return func(yield func(Key) bool) {
		if len(v.raw) == 0 {
			return // it couldn't be parsed
		}
		if v.raw[0] != '{' {
			v.failWant("an object in { and }")
			return
		}
		seen := make(map[string]int)
		d := json.NewDecoder(bytes.NewReader(v.raw))
		d.Token() // what follows can't fail: the syntax has been checked
		for d.More() {
			at := int(d.InputOffset())
			at += v.at + len(v.raw[at:]) - len(bytes.TrimLeft(v.raw[at:], space+","))
			token, _ := d.Token()
			name := token.(string)
			k := Key{name, v.part(d, joinPath(v.Path, name)), at}
			if same != nil {
				name = same(name)
			}
			if first, twice := seen[name]; twice {
				v.file.fail(at, k.Value.Path, "is there twice, first at %v", v.file.place(first))
				continue
			}
			seen[name] = at
			v.file.places[k.Value.Path] = v.file.place(at)
			if !yield(k) {
				return
			}
		}
	}
}

// Items iterates over the items of a list. A value that isn't a list is a problem.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if len(v.raw) == 0 {
			return
		}
		if v.raw[0] != '[' {
			v.failWant("a list in [ and ]")
			return
		}
		d := json.NewDecoder(bytes.NewReader(v.raw))
		d.Token()
		for i := 0; d.More(); i++ {
			item := v.part(d, fmt.Sprintf("%s[%d]", v.Path, i))
			v.file.places[item.Path] = item.Place()
			if !yield(item) {
				return
			}
		}
	}
}

// part is the next value that d reads from v.
func (v Value) part(d *json.Decoder, path string) Value {
	var raw json.RawMessage
	d.Decode(&raw)
	end := int(d.InputOffset())
	at := end - len(raw)
	return Value{Path: path, file: v.file, raw: v.raw[at:end], at: v.at + at, secret: v.secret}
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
