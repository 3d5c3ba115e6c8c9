package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"serf/internal/jsonfile"
	"serf/internal/nearest"
	"serf/internal/timing"
)

// parseFile applies the JSON object in data, the content of the file called name, to c. The error
// has every problem of its form, joined, each with its place.
func parseFile(c *Config, name string, data []byte) (warnings []string, err error) {
	f := jsonfile.Parse(name, data)
	r := fileReader{c, name, func(text string) { warnings = append(warnings, text) }}
	root := f.Root()
	if root.IsList() { // a keyring, by mistake
		root = root.Secret()
	}
	if !root.IsNull() { // null sets nothing
		r.keys(root, "")
	}
	if at, more := f.More(); more {
		warnings = append(warnings,
			fmt.Sprintf("%s:%v: what follows the first object is ignored", name, at))
	}
	return warnings, f.Err()
}

// fileReader applies a file.
type fileReader struct {
	c    *Config
	name string
	warn func(text string)
}

// keys reads an object whose keys all follow prefix. Keys match in any case, because files for
// HashiCorp's Serf may rely on that.
func (r fileReader) keys(object jsonfile.Value, prefix string) {
	for k := range object.Keys(strings.ToLower) {
		r.key(k, prefix)
	}
}

func (r fileReader) key(k jsonfile.Key, prefix string) {
	key := prefix + strings.ToLower(k.Name)
	if i := slices.IndexFunc(options, func(o option) bool { return o.key == key }); i >= 0 {
		v := k.Value
		if secrets[key] {
			v = v.Secret()
		}
		r.value(v, k.Place(), &options[i])
		return
	}
	if slices.ContainsFunc(options,
		func(o option) bool { return strings.HasPrefix(o.key, key+".") }) {
		if !k.Value.IsNull() {
			r.keys(k.Value, key+".")
		}
		return
	}
	k.FailUnknown(keyAdvice(key, prefix))
}

// keyAdvice suggests a key in place of one that doesn't exist.
func keyAdvice(key, prefix string) string {
	var names []string
	for _, o := range options {
		if o.key != "" && strings.ReplaceAll(o.flag, "-", "_") == key { // spelt like its option
			return "did you mean " + o.key + "?"
		}
		if name, ok := strings.CutPrefix(o.key, prefix); ok && name != "" {
			name, _, _ = strings.Cut(name, ".")
			names = append(names, name)
		}
	}
	if prefix != "" {
		return jsonfile.Advice(strings.TrimPrefix(key, prefix), names)
	}
	if near := nearest.Of(key, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "'serf agent -h' lists the keys"
}

// guards are the keys without which an agent is more open than intended. For them null, which
// leaves all other keys alone, counts as an empty text.
var guards = map[string]bool{"encrypt_key": true, "encrypt_key_file": true, "keyring_file": true,
	"rpc_auth": true, "rpc_auth_file": true, "http_auth": true, "http_auth_file": true,
	"rpc_tls_client_ca": true, "label": true}

// value applies the value of an option's key. null leaves the option alone.
func (r fileReader) value(v jsonfile.Value, at jsonfile.Place, o *option) {
	if v.IsNull() {
		if guards[o.key] {
			v.Fail("%v", ErrBlank)
		}
		return
	}
	restore := keep(o.field(r.c))
	switch f := o.field(r.c).(type) {
	case *string:
		var s string
		if !v.Read(&s) {
			return
		}
		if err := setText(f, s); err != nil {
			v.Fail("%v", err)
		}
	case *time.Duration, **timing.Duration:
		if v.IsBlank() {
			v.Fail("%v", ErrBlank)
			return
		}
		v.Read(f)
	case *[]string:
		r.list(v, f, o.key)
	case *map[string]string:
		for k := range v.Keys(nil) {
			var text string
			if k.Value.IsNull() || k.Value.Read(&text) { // null is an empty text
				addTag(f, k.Name, text)
				r.note(o.key+"."+k.Name, k.Place())
			}
		}
	default:
		v.Read(f)
	}
	if saysNothing(o.key, o.field(r.c)) {
		restore()
		r.warn(fmt.Sprintf("%s:%v: %s: %v does nothing: the default holds", r.name, at, o.key, v))
		return
	}
	r.note(o.key, at)
}

// list appends the items of a list.
func (r fileReader) list(v jsonfile.Value, f *[]string, key string) {
	for item := range v.Items() {
		var s string
		if !item.Read(&s) {
			continue
		}
		if key == "event_handlers" && Blank(s) {
			r.warn(fmt.Sprintf("%s:%v: %s: %s", r.name, item.Place(), key, blankHandler))
			continue
		}
		r.note(fmt.Sprintf("%s[%d]", key, len(*f)), item.Place())
		*f = append(*f, s)
	}
}

// note records where a key was set last.
func (r fileReader) note(key string, at jsonfile.Place) {
	r.c.noteOrigin(key, fmt.Sprintf("%s:%v", r.name, at))
}
