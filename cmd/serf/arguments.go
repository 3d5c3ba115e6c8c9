package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"serf/agent/config"
	"serf/internal/nearest"
)

// argumentRule says which arguments may follow the options of a command.
type argumentRule struct {
	least, most int
	one         string // what an argument is: "an event name"
	payload     bool   // the last one is a payload, which may be empty or read from a file
	strict      bool   // with no arguments allowed, one is an error and not a warning
}

// none is the rule of commands that take no arguments.
func (r *argumentRule) none() bool { return r.most == 0 }

// anyNumber is the value of most for no limit.
const anyNumber = 1 << 30

// arguments are the words after the options.
type arguments struct {
	list    []string
	literal bool // they follow --, and are taken literally
}

// split finds the arguments in a command line that o.set has parsed. An option among them would be
// mistaken for a name or payload, so it is an error.
func (o *options) split(args []string) (arguments, error) {
	rest := o.set.Args()
	before := args[:len(args)-len(rest)]
	if len(before) > 0 && before[len(before)-1] == "--" {
		return arguments{rest, true}, nil
	}
	if err := o.misplacedValue(before, rest); err != nil {
		return arguments{}, err
	}
	for i, arg := range rest {
		if arg == "--" {
			return arguments{slices.Concat(rest[:i], rest[i+1:]), true}, nil
		}
		if o.isOption(arg) {
			return arguments{}, fmt.Errorf("option %s follows an argument: options come first, "+
				"and what follows -- is no option", arg)
		}
	}
	return arguments{list: rest}, nil
}

// isOption reports whether an argument is one of the command's options.
func (o *options) isOption(arg string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
	return strings.HasPrefix(arg, "-") &&
		(o.set.Lookup(name) != nil || name == "h" || name == "help")
}

// misplacedValue finds the value of a switch given as a word of its own, which would become the
// first argument.
func (o *options) misplacedValue(before, rest []string) error {
	if len(before) == 0 || len(rest) == 0 || rest[0] != "true" && rest[0] != "false" {
		return nil
	}
	last := before[len(before)-1]
	if f := o.set.Lookup(strings.TrimLeft(last, "-")); f == nil || !isSwitch(f) {
		return nil
	}
	return fmt.Errorf("%s %s: a switch takes its value as %s=%s", last, rest[0], last, rest[0])
}

func isSwitch(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// check checks arguments against the rule. Arguments of a command that takes none are ignored with
// a warning, as HashiCorp's Serf ignores them.
func (r *argumentRule) check(a arguments) (warning string, err error) {
	n := len(a.list)
	switch {
	case r.none() && r.strict && n > 0:
		return "", fmt.Errorf("unexpected argument %q", a.list[0])
	case r.none() && n > 0:
		given := strings.Join(quoted(a.list), " ")
		return given + " does nothing: this command takes no arguments", nil
	case n < r.least:
		return "", fmt.Errorf("missing argument: %s", r.one)
	case n > r.most:
		//lint:ignore ST1005 the original begins with these words
		return "", fmt.Errorf("Too many arguments: %d, at most %d are allowed, the first is %s", n,
			r.most, r.one)
	}
	names := a.list
	if r.payload && n == r.most {
		names = names[:n-1]
	}
	if slices.ContainsFunc(names, config.Blank) {
		return "", fmt.Errorf("%s: given, but empty", r.one)
	}
	return "", nil
}

func quoted(list []string) (q []string) {
	for _, s := range list {
		q = append(q, fmt.Sprintf("%q", s))
	}
	return q
}

// payloadHelp is part of the help of the named command, which sends something.
func payloadHelp(command string) string {
	return `
  PAYLOAD is a text, - for what comes on standard input, or @FILE for what is in a file;
  @@ stands for an @ at the beginning of a text. After -- the text is taken as it is:
  serf ` + command + ` -- NAME "$PAYLOAD".
`
}

// payloadMax is more than any agent accepts, in bytes: an endless input must not fill the memory.
const payloadMax = 64 << 10

// payload is the last argument, if it is there: a text, - for standard input or @FILE for a file.
// @@ stands for an @ at the beginning of a text; a text after -- is taken literally.
func (o *options) payload(a arguments) ([]byte, error) {
	if len(a.list) < o.rule.most {
		return nil, nil
	}
	text := a.list[o.rule.most-1]
	file, isFile := strings.CutPrefix(text, "@")
	switch {
	case a.literal:
		return []byte(text), nil
	case text == "-":
		data, err := readAll(o.e.Stdin, payloadMax)
		if err != nil {
			return nil, fmt.Errorf("payload from standard input: %w", err)
		}
		return data, nil
	case strings.HasPrefix(text, "@@"):
		return []byte(text[1:]), nil
	case isFile && config.Blank(file):
		return nil, errors.New("payload @: want the name of a file after @, or @@ for an @")
	case isFile:
		data, err := readFile(file, payloadMax)
		if err != nil {
			return nil, fmt.Errorf("payload @%s: %w", file, err)
		}
		return data, nil
	}
	return []byte(text), nil
}

// readAll reads r up to its end, at most limit bytes.
func readAll(r io.Reader, limit int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(data) > limit {
		return nil, fmt.Errorf("more than %d bytes", limit)
	}
	return data, err
}

// parseAnything is parse for commands that ignore most of what they are given, as those of
// HashiCorp's Serf do, but warn of it. If ok is false the command ends with code.
func (o *options) parseAnything(args []string) (code int, ok bool) {
	if slices.ContainsFunc(args,
		func(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }) {
		io.WriteString(o.e.Stdout, o.help)
		return exitOK, false
	}
	err := o.set.Parse(args)
	switch {
	case err != nil && !strings.HasPrefix(err.Error(), "flag provided but not defined"):
		return o.misused("%s", config.FlagWording.Replace(err.Error())), false
	case err != nil || o.set.NArg() > 0:
		o.warn("%s does nothing: this command takes no arguments and only -format",
			strings.Join(quoted(args), " "))
	}
	return exitOK, true
}

// unknownOption adds a suggestion to the error about an option that doesn't exist.
func (o *options) unknownOption(problem string) string {
	name, ok := strings.CutPrefix(problem, "unknown option -")
	if !ok {
		return problem
	}
	var names []string
	o.set.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	if near := nearest.Of(strings.TrimLeft(name, "-"), names); near != "" {
		return problem + ", did you mean -" + near + "?"
	}
	return problem
}
