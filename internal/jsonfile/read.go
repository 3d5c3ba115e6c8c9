package jsonfile

import (
	"encoding"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"serf/internal/nearest"
)

// Wanter describes the values that a type takes, for use after "want".
type Wanter interface{ Want() string }

// Read reads v into p, a pointer to a struct with json tags, a list, a map of texts or a single
// value. It reports whether there was no problem. What the file doesn't mention is left alone;
// lists and maps are replaced.
func (v Value) Read(p any) bool {
	problems := len(v.file.errs)
	if len(v.raw) == 0 {
		return false // it couldn't be parsed
	}
	v.read(reflect.ValueOf(p).Elem())
	return len(v.file.errs) == problems
}

func (v Value) read(to reflect.Value) {
	switch {
	case IsText(to):
		v.leaf(to)
	case to.Kind() == reflect.Pointer:
		fresh := reflect.New(to.Type().Elem())
		if v.Read(fresh.Interface()) {
			to.Set(fresh)
		}
	case to.Kind() == reflect.Struct:
		v.object(to)
	case to.Kind() == reflect.Map:
		v.pairs(to)
	case to.Kind() == reflect.Slice:
		v.list(to)
	default:
		v.leaf(to)
	}
}

// IsText reports whether to, which must be addressable, is written as a text, whatever its type.
func IsText(to reflect.Value) bool {
	_, ok := to.Addr().Interface().(encoding.TextUnmarshaler)
	return ok
}

func (v Value) object(to reflect.Value) {
	for k := range v.Keys(nil) {
		field := FieldOf(to, k.Name)
		if !field.IsValid() {
			k.FailUnknown(Advice(k.Name, KeysOf(to.Type())))
			continue
		}
		k.Value.read(field)
	}
}

func (v Value) pairs(to reflect.Value) {
	to.Set(reflect.MakeMap(to.Type()))
	for k := range v.Keys(nil) {
		value := reflect.New(to.Type().Elem()).Elem()
		k.Value.read(value)
		to.SetMapIndex(reflect.ValueOf(k.Name), value)
	}
}

func (v Value) list(to reflect.Value) {
	to.SetZero()
	for item := range v.Items() {
		to.Set(reflect.Append(to, reflect.Zero(to.Type().Elem())))
		item.read(to.Index(to.Len() - 1))
	}
}

// leaf reads a value without parts.
func (v Value) leaf(to reflect.Value) {
	if v.IsNull() {
		v.failWant(WantOf(to))
		return
	}
	if d, ok := to.Addr().Interface().(*time.Duration); ok {
		v.duration(d)
		return
	}
	raw := v.raw
	if to.CanInt() || to.CanUint() {
		raw = whole(raw)
	}
	err := json.Unmarshal(raw, to.Addr().Interface())
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
	case errors.As(err, &wrong):
		v.failWant(WantOf(to))
	default:
		v.failValue(err.Error())
	}
}

func (v Value) duration(d *time.Duration) {
	var text string
	err := json.Unmarshal(v.raw, &text)
	if err == nil {
		*d, err = time.ParseDuration(text)
	}
	if err != nil {
		v.failWant(WantOf(reflect.ValueOf(d).Elem()))
	}
}

// whole rewrites a whole number without fraction and exponent: many programs write 4.0 or 1e3.
func whole(raw []byte) []byte {
	x, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || x != math.Trunc(x) || math.Abs(x) >= 1<<53 { // from there on fractions don't show
		return raw
	}
	return strconv.AppendInt(nil, int64(x), 10)
}

// FieldOf is the field of struct v with a JSON name; invalid if there is none.
func FieldOf(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			if found := FieldOf(v.Field(i), name); found.IsValid() {
				return found
			}
		} else if JSONName(f) == name && name != noKey {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// KeysOf lists the JSON names of a struct's fields, in their order.
func KeysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous {
			keys = append(keys, KeysOf(f.Type)...)
		} else if name := JSONName(f); name != noKey {
			keys = append(keys, name)
		}
	}
	return keys
}

// noKey is the JSON name of a field that isn't in files.
const noKey = "-"

// JSONName is the JSON name of a field.
func JSONName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// Advice suggests what to write instead of name: the key that was probably meant, if there is one,
// and all keys.
func Advice(name string, keys []string) string {
	text := "allowed are " + strings.Join(keys, ", ")
	if near := nearest.Of(name, keys); near != "" {
		return "did you mean " + near + "? " + text
	}
	return text
}

// WantOf describes the kind of value that v, which must be addressable, takes.
func WantOf(v reflect.Value) string {
	switch x := v.Addr().Interface().(type) {
	case Wanter:
		return x.Want()
	case *time.Duration:
		return `a time such as "10s"`
	}
	switch {
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.Kind() == reflect.String:
		return "a text"
	case v.CanFloat():
		return "a number"
	case v.CanUint():
		return "a whole number, 0 or more"
	default:
		return "a whole number"
	}
}
