package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"serf/internal/nearest"
)

// parseFlags sets on c what args say. Lists and tags are added to what c has.
// It returns flag.ErrHelp if help was asked for.
func parseFlags(c *Config, args []string) error {
	set := flag.NewFlagSet("agent", flag.ContinueOnError)
	set.SetOutput(io.Discard) // the caller prints the error
	for i := range options {
		if o := &options[i]; o.flag != "" {
			set.Var(flagValue{o.field(c), o, c}, o.flag, o.usage)
		}
	}
	if err := set.Parse(args); err != nil {
		return flagProblem(err)
	}
	if set.NArg() > 0 {
		// What follows it would be dropped without a word, -join x for instance.
		return fmt.Errorf("unexpected argument %q: options start with a dash, switches take their value as -option=true", set.Arg(0))
	}
	return nil
}

// flagValue makes a field of Config a flag.Value.
type flagValue struct {
	field any
	o     *option
	c     *Config
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
	switch f := v.field.(type) {
	case *string:
		if err := setText(f, s); err != nil {
			return err
		}
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
	case **int:
		var n int
		if n, err = strconv.Atoi(s); err == nil {
			*f = &n
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
		v.c.noteOrigin(v.o.keyOf()+"."+key, "-"+v.o.flag)
	}
	if err != nil {
		return fmt.Errorf("want %s", wants(v.field))
	}
	v.c.noteOrigin(v.o.itemKey(v.field), "-"+v.o.flag)
	return nil
}

// flagProblem turns the flag package's words into ours: what it calls flags are options here.
func flagProblem(err error) error {
	text := flagWording.Replace(err.Error())
	if name, ok := strings.CutPrefix(text, unknownOption); ok {
		return errors.New(text + optionAdvice(strings.TrimLeft(name, "-")))
	}
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return errors.New(text)
}

const unknownOption = "unknown option "

var flagWording = strings.NewReplacer(
	"flag provided but not defined: ", unknownOption,
	"flag needs an argument: ", "option needs a value: ",
	"for flag -", "for option -",
	"for -", "for option -",
)

// optionAdvice says what may be meant by an option that doesn't exist.
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
