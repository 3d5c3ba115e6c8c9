package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"serf/internal/nearest"
	"serf/internal/timing"
)

// parseFlags applies args to c. Lists and tags are added to those of c. It returns flag.ErrHelp if
// help was asked for.
func parseFlags(c *Config, args []string) (warnings []string, err error) {
	warn := func(text string) { warnings = append(warnings, text) }
	set := flag.NewFlagSet("agent", flag.ContinueOnError)
	set.SetOutput(io.Discard) // the caller prints the error
	for i := range options {
		if o := &options[i]; o.flag != "" {
			set.Var(flagValue{o.field(c), o, c, warn}, o.flag, o.usage)
		}
	}
	if err := set.Parse(args); err != nil {
		return nil, flagProblem(err)
	}
	for i, arg := range set.Args() {
		if strings.HasPrefix(arg, "-") && len(arg) > 1 {
			// Otherwise it would silently be dropped, -join=x for instance.
			return nil, fmt.Errorf("unexpected argument %q before %s: options start with a dash, "+
				"switches take their value as -option=true", set.Arg(0), arg)
		}
		if i == 0 {
			warn(fmt.Sprintf("%q does nothing: the agent takes options only", arg))
		}
	}
	return warnings, nil
}

// flagValue makes a field of Config a flag.Value.
type flagValue struct {
	field any
	o     *option
	c     *Config
	warn  func(text string)
}

func (v flagValue) String() string { return "" }

func (v flagValue) IsBoolFlag() bool {
	switch v.field.(type) {
	case *bool, inverted:
		return true
	}
	return false
}

func (v flagValue) Set(s string) (err error) {
	restore := keep(v.field)
	switch f := v.field.(type) {
	case *string:
		if err := setText(f, s); err != nil {
			return err
		}
	case *bool:
		*f, err = strconv.ParseBool(s)
	case inverted:
		var off bool
		off, err = strconv.ParseBool(s)
		*f.on = !off
	case *int:
		var n int
		if n, err = strconv.Atoi(s); err == nil {
			*f = n
		}
	case **int:
		var n int
		if n, err = strconv.Atoi(s); err == nil {
			*f = &n
		}
	case *time.Duration:
		var d time.Duration
		if d, err = time.ParseDuration(s); err == nil {
			*f = d
		}
	case *[]string:
		if v.o.key == "event_handlers" && Blank(s) {
			v.warn("-" + v.o.flag + ": " + blankHandler)
			return nil
		}
		*f = append(*f, s)
	case *map[string]string:
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return errors.New("want key=value")
		}
		addTag(f, key, value)
		v.c.noteOrigin(v.o.keyOf()+"."+key, "-"+v.o.flag)
	}
	if err != nil {
		return fmt.Errorf("want %s", wants(v.field))
	}
	if saysNothing(v.o.key, v.field) {
		restore()
		v.warn(fmt.Sprintf("-%s: %s does nothing: the default holds", v.o.flag, s))
		return nil
	}
	v.c.noteOrigin(v.o.itemKey(v.field), "-"+v.o.flag)
	return nil
}

// keep returns a function that restores a field to its present value.
func keep(field any) (restore func()) {
	v := reflect.ValueOf(field)
	if v.Kind() != reflect.Pointer {
		return func() {}
	}
	old := reflect.ValueOf(v.Elem().Interface())
	return func() { v.Elem().Set(old) }
}

// saysNothing reports whether a key has a value that HashiCorp's Serf treats as if the key were
// missing.
func saysNothing(key string, field any) bool {
	switch f := field.(type) {
	case *int:
		switch key {
		case "protocol":
			return *f <= 0
		case "retry_max_attempts":
			return *f < 0
		case "query_response_size_limit", "query_size_limit", "user_event_size_limit":
			return *f == 0
		}
	case *time.Duration:
		return *f == 0 && (key == "retry_interval" || key == "broadcast_timeout")
	case **timing.Duration:
		return *f != nil && **f == 0 && (key == "reconnect_interval" ||
			key == "reconnect_timeout" || key == "tombstone_timeout")
	}
	return false
}

// flagProblem words an error of the flag package.
func flagProblem(err error) error {
	text := FlagWording.Replace(err.Error())
	if name, ok := strings.CutPrefix(text, unknownOption); ok {
		return errors.New(text + optionAdvice(strings.TrimLeft(name, "-")))
	}
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return errors.New(text)
}

const unknownOption = "unknown option "

// FlagWording turns the flag package's words into ours: what it calls flags are options here.
var FlagWording = strings.NewReplacer(
	"flag provided but not defined: ", unknownOption,
	"invalid boolean value ", "invalid value ", // also of options whose value may be left out
	"flag needs an argument: ", "option needs a value: ",
	"for flag -", "for option -",
	"for -", "for option -",
	": parse error", "",
)

// optionAdvice suggests an option in place of one that doesn't exist.
func optionAdvice(name string) string {
	var flags []string
	for _, o := range options {
		if plain := strings.ReplaceAll(name, "-", "_"); o.key == plain && o.flag == "" {
			return fmt.Sprintf(": %s is a key of configuration files", o.key)
		} else if o.key == plain {
			return ", did you mean -" + o.flag + "?"
		}
		flags = append(flags, o.flag)
	}
	if near := nearest.Of(name, flags); near != "" {
		return ", did you mean -" + near + "?"
	}
	return ""
}

// ErrBlank refuses an empty text, which comes from a variable that isn't set. The default in its
// place would silently turn off encryption, or listen on all addresses.
var ErrBlank = errors.New("given, but empty; for the default leave it out")

// blankHandler: what isn't set runs nothing, and the original agent takes it.
const blankHandler = "given, but empty: it does nothing"

// Blank reports whether a text has nothing but white space.
func Blank(s string) bool { return strings.TrimSpace(s) == "" }

func setText(f *string, s string) error {
	if Blank(s) {
		return ErrBlank
	}
	*f = s
	return nil
}

func addTag(tags *map[string]string, key, value string) {
	if *tags == nil {
		*tags = make(map[string]string)
	}
	(*tags)[key] = value
}
