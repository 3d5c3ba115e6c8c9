package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"serf/agent/config"
	"serf/agent/rpc"
)

// errReported ends a command that has already reported its error.
var errReported = errors.New("reported")

// options parses the options and arguments of one command and runs it.
type options struct {
	e    env
	name string
	help string
	set  *flag.FlagSet

	chosen string // the format of the output: see format

	rule  argumentRule
	check func() error // of what was parsed; nil: nothing to check
	sent  []byte       // the payload, if the rule has one
}

func newOptions(name, help string, e env) *options {
	o := &options{e: e, name: name, help: strings.TrimSpace(help) + "\n",
		set: flag.NewFlagSet(name, flag.ContinueOnError)}
	o.set.SetOutput(io.Discard) // parse reports errors in its own way
	return o
}

// takes sets how many arguments there may be, and what one of them is.
func (o *options) takes(least, most int, one string) {
	o.rule = argumentRule{least: least, most: most, one: one}
}

// takesPayload sets a name and an optional payload as the arguments.
func (o *options) takesPayload(name string) {
	o.rule = argumentRule{least: 1, most: 2, one: name, payload: true}
}

// text is an option whose value can't be empty.
func (o *options) text(name, value string) *string {
	o.textVar(&value, name)
	return &value
}

func (o *options) textVar(value *string, name string) {
	o.set.Func(name, "", func(s string) error {
		if config.Blank(s) {
			return config.ErrBlank
		}
		*value = s
		return nil
	})
}

// format is the option for the output format.
func (o *options) format() *string {
	o.chosen = formatText
	o.set.Func("format", "", func(s string) error {
		if o.chosen = strings.ToLower(s); o.chosen != formatText && o.chosen != formatJSON {
			//lint:ignore ST1005 the original begins with these words
			return errors.New("Invalid output format, want text or json")
		}
		return nil
	})
	return &o.chosen
}

// print prints the result of a command in the chosen format: v as JSON, or text.
func (o *options) print(v any, text string) error {
	if o.chosen == formatJSON {
		return writeJSON(o.e.Stdout, v)
	}
	_, err := io.WriteString(o.e.Stdout, text)
	return err
}

// oneOf is an option with a choice of values. The first is the default.
func (o *options) oneOf(name string, values ...string) *string {
	chosen := values[0]
	o.set.Func(name, "", func(s string) error {
		i := slices.IndexFunc(values, func(v string) bool { return strings.EqualFold(s, v) })
		if i < 0 {
			last := len(values) - 1
			return fmt.Errorf("want %s or %s", strings.Join(values[:last], ", "), values[last])
		}
		chosen = values[i]
		return nil
	})
	return &chosen
}

// flag is an option that may be given without a value.
func (o *options) flag(name string, value bool) *bool {
	o.set.BoolFunc(name, "", func(s string) error {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return errors.New("want true or false")
		}
		value = b
		return nil
	})
	return &value
}

func (o *options) duration(name string) *time.Duration {
	return o.durationFrom(name, 0, "a duration can't be negative")
}

// patience is a duration greater than 0.
func (o *options) patience(name string) *time.Duration {
	return o.durationFrom(name, 1, "want a duration of more than 0")
}

// durationFrom is a duration of at least least; short is the error for shorter ones.
func (o *options) durationFrom(name string, least time.Duration, short string) *time.Duration {
	var d time.Duration
	o.set.Func(name, "", func(s string) (err error) {
		switch d, err = time.ParseDuration(s); {
		case err != nil:
			return errors.New("want a duration such as 500ms or 15s")
		case d < least:
			return errors.New(short)
		}
		return nil
	})
	return &d
}

// number is an option from 0 to 255; rule is the error for other values.
func (o *options) number(name, rule string) *uint8 {
	var n uint8
	o.set.Func(name, "", func(s string) error {
		v, err := strconv.ParseUint(s, 10, 8)
		if err != nil {
			return errors.New(rule)
		}
		n = uint8(v)
		return nil
	})
	return &n
}

// list is an option that may be repeated, with values that can't be empty.
func (o *options) list(name string) *[]string {
	var list []string
	o.set.Func(name, "", func(s string) error {
		if config.Blank(s) {
			return config.ErrBlank
		}
		list = append(list, s)
		return nil
	})
	return &list
}

// pairs is an option KEY=VALUE that may be repeated. The last value of a key counts.
func (o *options) pairs(name string) map[string]string {
	pairs := make(map[string]string)
	o.set.Func(name, "", func(s string) error {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return errors.New("want KEY=VALUE")
		}
		pairs[key] = value
		return nil
	})
	return pairs
}

// parse returns the arguments after the options. If ok is false the command ends with code: help
// was asked for, or an error in the command line has been reported.
func (o *options) parse(args []string) (rest []string, code int, ok bool) {
	err := o.set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(o.e.Stdout, o.help)
		return nil, exitOK, false
	case err != nil:
		return nil, o.misused("%s", o.unknownOption(config.FlagWording.Replace(err.Error()))), false
	}
	found, err := o.split(args)
	if err != nil {
		return nil, o.misused("%v", err), false
	}
	warning, err := o.rule.check(found)
	if err != nil {
		return nil, o.misused("%v", err), false
	}
	if warning != "" {
		o.warn("%s", warning)
	}
	if o.rule.payload {
		if o.sent, err = o.payload(found); err != nil {
			return nil, o.misused("%v", err), false
		}
	}
	return found.list, exitOK, true
}

// warn warns that something is done otherwise than one may think.
func (o *options) warn(format string, args ...any) {
	fmt.Fprintf(o.e.Stderr, "serf %s: warning: %s\n", o.name, fmt.Sprintf(format, args...))
}

// fromEnv is an option with a default from the environment. A variable that is set but empty is an
// error unless the option is given; so is a value that valid returns an error for (nil: any will
// do), which says what is wanted.
func (o *options) fromEnv(variable, option, otherwise string, valid func(string) error,
) (value *string, check func() error) {
	v, set := o.e.LookupEnv(variable)
	value = o.text(option, cmp.Or(v, otherwise))
	return value, func() error {
		given := o.given(option)
		if set && config.Blank(v) && !given {
			return fmt.Errorf("%s: set in the environment, but empty; for the default unset it",
				variable)
		}
		if valid == nil {
			return nil
		}
		source := "option -" + option
		if set && !given {
			source = "environment variable " + variable
		}
		if err := valid(*value); err != nil {
			return fmt.Errorf("invalid value %q of %s, %w", *value, source, err)
		}
		return nil
	}
}

// given reports whether an option was given. It is called after parse.
func (o *options) given(name string) (given bool) {
	o.set.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

// misused reports an error in the command line and returns its exit code.
func (o *options) misused(format string, args ...any) int {
	fmt.Fprintf(o.e.Stderr, "serf %s: %s\n", o.name, fmt.Sprintf(format, args...))
	fmt.Fprintf(o.e.Stderr, "'serf %s -h' shows the usage.\n", o.name)
	return exitError
}

// run adds the options of all commands that talk to an agent, parses, connects and calls f with the
// arguments. An error of f is printed after the word Error.
func (o *options) run(ctx context.Context, args []string,
	f func(c *rpc.Client, args []string) error) int {
	o.help += rpcHelp
	to := o.connection()
	rest, code, ok := o.parse(args)
	if !ok {
		return code
	}
	for _, check := range []func() error{to.check, o.check} {
		if check == nil {
			continue
		}
		if err := check(); err != nil {
			return o.misused("%v", err)
		}
	}
	c, err := to.dial(ctx)
	if err != nil {
		return o.unconnected(err)
	}
	defer c.Close()
	err = f(c, rest)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
	default:
		fmt.Fprintf(o.e.Stderr, "Error %s\n", strings.TrimSpace(err.Error()))
		o.hint(err, "")
	}
	return exitError
}

// unconnected reports that an agent can't be reached, and returns the exit code.
func (o *options) unconnected(err error) int {
	fmt.Fprintf(o.e.Stderr, "Error connecting to Serf agent: %v\n", err)
	o.hint(err, "Is an agent running there? Its address is given by -rpc-addr or SERF_RPC_ADDR.")
	return exitError
}
