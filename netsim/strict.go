package netsim

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Place is where a key of a file is: line and column, both from 1.
type Place struct{ Line, Column int }

func (p Place) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// Problem is one thing that is wrong with a scenario. Key says where, as "faults[2].count".
type Problem struct {
	Key, Text string
}

func (p *Problem) Error() string { return strings.TrimPrefix(p.Key+" ", " ") + p.Text }

// Problems returns the single problems of an error of Validate.
func Problems(err error) []*Problem {
	var list []*Problem
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			list = append(list, Problems(e)...)
		}
		return list
	}
	if p := (*Problem)(nil); errors.As(err, &p) {
		list = append(list, p)
	}
	return list
}

// strictReader reads JSON into a value and finds all that encoding/json passes over in silence, or
// reports without its place: keys that don't exist, or come twice, and values of the wrong kind.
type strictReader struct {
	data   []byte
	places map[string]Place
	errs   []error
}

// readStrict sets what data has on v, a pointer. The error has all problems, joined, each with its place.
// places has the place of each key that was read.
func readStrict(data []byte, v any) (places map[string]Place, err error) {
	r := &strictReader{data: data, places: make(map[string]Place)}
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(data, new(json.RawMessage)); {
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("%v: %w", r.place(int(syntax.Offset)-1), err)
	case err != nil:
		return nil, err
	}
	start := len(data) - len(bytes.TrimLeft(data, jsonSpace))
	r.value(data[start:], start, reflect.ValueOf(v).Elem(), "")
	return r.places, errors.Join(r.errs...)
}

const jsonSpace = " \t\r\n"

func (r *strictReader) place(offset int) Place {
	before := r.data[:min(max(offset, 0), len(r.data))]
	line := bytes.LastIndexByte(before, '\n')
	return Place{Line: bytes.Count(before, []byte{'\n'}) + 1, Column: len(before) - line}
}

func (r *strictReader) fail(offset int, key, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%v: %w", r.place(offset), &Problem{key, fmt.Sprintf(format, args...)}))
}

// value reads raw, which begins at offset, into v.
func (r *strictReader) value(raw []byte, offset int, v reflect.Value, key string) {
	switch p := v.Addr().Interface(); {
	case isText(p):
		r.leaf(raw, offset, v, key)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.value(raw, offset, v.Elem(), key)
	case v.Kind() == reflect.Struct:
		r.object(raw, offset, v, key)
	case v.Kind() == reflect.Slice:
		r.list(raw, offset, v, key)
	default:
		r.leaf(raw, offset, v, key)
	}
}

func isText(p any) bool {
	_, ok := p.(encoding.TextUnmarshaler)
	return ok
}

// leaf reads a value that has no parts.
func (r *strictReader) leaf(raw []byte, offset int, v reflect.Value, key string) {
	got := strings.TrimSpace(string(raw))
	const shown = 60 // bytes of a value that is wrong altogether
	if len(got) > shown {
		got = got[:shown] + "..."
	}
	if got == "null" {
		r.fail(offset, key, "null: want %s", wantOf(v))
		return
	}
	err := json.Unmarshal(raw, v.Addr().Interface())
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
	case errors.As(err, &wrong):
		r.fail(offset, key, "%s: want %s", got, wantOf(v))
	default:
		r.fail(offset, key, "%s: %v", got, err)
	}
}

// list reads an array. It replaces what v had.
func (r *strictReader) list(raw []byte, offset int, v reflect.Value, key string) {
	if raw[0] != '[' {
		r.fail(offset, key, "want a list in [ and ]")
		return
	}
	v.SetZero()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.Token() // what follows can't fail: the syntax has been checked
	for d.More() {
		var part json.RawMessage
		d.Decode(&part)
		at := offset + int(d.InputOffset()) - len(part)
		item := fmt.Sprintf("%s[%d]", key, v.Len())
		r.places[item] = r.place(at)
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		r.value(part, at, v.Index(v.Len()-1), item)
	}
}

// object reads the keys of a struct.
func (r *strictReader) object(raw []byte, offset int, v reflect.Value, key string) {
	if raw[0] != '{' {
		r.fail(offset, key, "want an object in { and }")
		return
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.Token()
	seen := make(map[string]bool)
	for d.More() {
		at := int(d.InputOffset())
		at += len(raw[at:]) - len(bytes.TrimLeft(raw[at:], jsonSpace+",")) + offset
		name, _ := d.Token()
		var part json.RawMessage
		d.Decode(&part)
		path := joinKey(key, name.(string))
		field := fieldOf(v, name.(string))
		switch {
		case !field.IsValid():
			r.fail(at, path, "is no key here; allowed are %s", strings.Join(keysOf(v.Type()), ", "))
		case seen[name.(string)]:
			r.fail(at, path, "is there twice")
		default:
			r.places[path] = r.place(at)
			r.value(part, offset+int(d.InputOffset())-len(part), field, path)
		}
		seen[name.(string)] = true
	}
}

func joinKey(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// fieldOf is the field of struct v that JSON calls name, or not valid.
func fieldOf(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			if found := fieldOf(v.Field(i), name); found.IsValid() {
				return found
			}
		} else if jsonName(f) == name && name != noKey {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// keysOf lists what JSON calls the fields of a struct, in their order.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous {
			keys = append(keys, keysOf(f.Type)...)
		} else if name := jsonName(f); name != noKey {
			keys = append(keys, name)
		}
	}
	return keys
}

// noKey is the name of a field that isn't in the file.
const noKey = "-"

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// wantOf names the kind of value that v takes.
func wantOf(v reflect.Value) string {
	switch v.Interface().(type) {
	case Duration:
		return `a duration such as "90s"`
	case Dist:
		return `a delay such as "5ms", "1ms..20ms" or "exp:100µs,500µs"`
	case Chance:
		return `a chance such as 0.05 or "5%"`
	case Bandwidth:
		return `a speed such as "100mbit"`
	case time.Duration:
		panic("BUG: a duration that has no text")
	}
	switch v.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Float64:
		return "a number"
	case reflect.Uint64:
		return "a whole number, 0 or more"
	default:
		return "a whole number"
	}
}
