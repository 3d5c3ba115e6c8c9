package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parseFlags sets on c what args say. Lists and tags are added to what c has.
// It returns flag.ErrHelp if help was asked for.
func parseFlags(c *Config, args []string) error {
	set := flag.NewFlagSet("agent", flag.ContinueOnError)
	set.SetOutput(io.Discard) // the caller prints the error
	for _, o := range options {
		if o.flag != "" {
			set.Var(flagValue{o.field(c)}, o.flag, o.usage)
		}
	}
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		// What follows it would be dropped without a word, -join x for instance.
		return fmt.Errorf("unexpected argument %q: options start with a dash, switches take their value as -option=true", set.Arg(0))
	}
	return nil
}

// flagValue makes a field of Config a flag.Value.
type flagValue struct{ field any }

func (v flagValue) String() string { return "" }

func (v flagValue) IsBoolFlag() bool {
	switch v.field.(type) {
	case *bool, inverted:
		return true
	}
	return false
}

func (v flagValue) Set(s string) (err error) {
	switch f := v.field.(type) {
	case *string:
		return setText(f, s)
	case *bool:
		*f, err = parseBool(s)
	case inverted:
		var off bool
		off, err = parseBool(s)
		*f.on = !off
	case *int:
		var n int
		if n, err = strconv.Atoi(s); err == nil {
			*f = n
		}
	case *time.Duration:
		err = setDuration(f, s)
	case *[]string:
		*f = append(*f, s)
	case *map[string]string:
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return errors.New("want key=value")
		}
		addTag(f, key, value)
	}
	if err != nil {
		return fmt.Errorf("want %s", wants(v.field))
	}
	return nil
}

func parseBool(s string) (bool, error) { return strconv.ParseBool(s) }

// errBlank: an empty text stands for a variable that isn't set. To take the default instead would turn
// encryption off, or listen on all addresses, without a word.
var errBlank = errors.New("given, but empty; for the default leave it out")

func blank(s string) bool { return strings.TrimSpace(s) == "" }

func setText(f *string, s string) error {
	if blank(s) {
		return errBlank
	}
	*f = s
	return nil
}

func setDuration(f *time.Duration, s string) error {
	d, err := time.ParseDuration(s)
	if err == nil {
		*f = d
	}
	return err
}

func addTag(tags *map[string]string, key, value string) {
	if *tags == nil {
		*tags = make(map[string]string)
	}
	(*tags)[key] = value
}

// parseFile sets on c what the JSON object in data says and returns every
// problem of it, joined. The caller adds the name of the file.
func parseFile(c *Config, data []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return jsonProblem(data, err)
	}
	return applyObject(c, "", object)
}

// applyObject sets the values of object, whose keys all follow prefix.
func applyObject(c *Config, prefix string, object map[string]json.RawMessage) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if err := applyKey(c, prefix+name, object[name]); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// applyKey sets one key. Keys are found whatever their case, as files written
// for the original agent may have it.
func applyKey(c *Config, key string, raw json.RawMessage) error {
	group := strings.ToLower(key) + "."
	for _, o := range options {
		if o.key == "" {
			continue
		}
		if strings.EqualFold(o.key, key) {
			if err := setKey(c, &o, raw); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			return nil
		}
		if strings.HasPrefix(o.key, group) {
			var object map[string]json.RawMessage
			if err := json.Unmarshal(raw, &object); err != nil {
				return fmt.Errorf("%s: want an object, got %s", key, excerpt(raw))
			}
			return applyObject(c, group, object)
		}
	}
	return fmt.Errorf("unknown key %q", key)
}

// guards are the keys without which an agent is open to more than it should be. null, which leaves all others
// alone, is for them what an empty text is.
var guards = map[string]bool{"encrypt_key": true, "keyring_file": true, "rpc_auth": true, "label": true}

// setKey sets what a key of a file is for. null leaves it alone.
func setKey(c *Config, o *option, raw json.RawMessage) error {
	switch {
	case !bytes.Equal(raw, []byte("null")):
		return setJSON(o.field(c), raw)
	case guards[o.key]:
		return errBlank
	}
	return nil
}

// setJSON sets a field from a JSON value.
func setJSON(field any, raw json.RawMessage) error {
	var err error
	switch f := field.(type) {
	case *string:
		var s string
		if err = json.Unmarshal(raw, &s); err == nil {
			return setText(f, s)
		}
	case *bool:
		var b bool
		if err = json.Unmarshal(raw, &b); err == nil {
			*f = b
		}
	case *int:
		var n int
		if err = json.Unmarshal(raw, &n); err == nil {
			*f = n
		}
	case *time.Duration:
		var s string
		if err = json.Unmarshal(raw, &s); err == nil {
			if blank(s) {
				return errBlank
			}
			err = setDuration(f, s)
		}
	case *[]string:
		var more []string
		if err = json.Unmarshal(raw, &more); err == nil {
			*f = append(*f, more...)
		}
	case *map[string]string:
		var more map[string]string
		if err = json.Unmarshal(raw, &more); err == nil {
			for key, value := range more { // order-free: each key once
				addTag(f, key, value)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("want %s, got %s", wants(field), excerpt(raw))
	}
	return nil
}

// excerptMax keeps a message on a line or two, in bytes.
const excerptMax = 60

func excerpt(raw []byte) string {
	if len(raw) > excerptMax {
		return string(raw[:excerptMax]) + "..."
	}
	return string(raw)
}

// jsonProblem words what is wrong with a whole file, with the line of it.
func jsonProblem(data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		return fmt.Errorf("line %d: %w", line, err)
	}
	return errors.New("want a JSON object")
}
