package handler

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"serf/internal/eventfilter"
)

// Filters say which events a script is run for.
type Filters = eventfilter.Filters

// Handler is a script or program and the events that it is run for.
type Handler struct {
	Filters Filters
	// Script is for the shell, or, with Args, how those were written.
	Script string
	// Args are a program and its arguments, to be run without a shell; nil for a script.
	Args []string
	// Timeout is when the script is killed: 0 means the runner's time-out, negative never.
	Timeout time.Duration
}

const (
	// execPrefix marks a program that is run without a shell. No kind of event has that name.
	execPrefix = "exec:"
	// timeoutPrefix marks a time-out among the filters.
	timeoutPrefix = "timeout:"
)

// String returns the handler as Parse reads it.
func (h Handler) String() string {
	when := h.Filters.String()
	switch {
	case h.Timeout > 0:
		when += "," + timeoutPrefix + h.Timeout.String()
	case h.Timeout < 0:
		when += "," + timeoutPrefix + "0s"
	}
	return when + "=" + h.Script
}

// same reports whether both run the same for the same events. Their time-outs may differ.
func (h Handler) same(other Handler) bool {
	return h.Script == other.Script && h.Filters.String() == other.Filters.String()
}

// ErrNoScript means that a specification has nothing to run, for example because a variable isn't
// set.
var ErrNoScript = errors.New("has no script")

// Parse reads a specification: "[filter,...=]script" or "[filter,...=]exec:program argument...". A
// filter is a kind of event, "user:NAME", "query:NAME" or "*"; one of them may be "timeout:TIME". A
// script that contains "=" needs a filter before it.
func Parse(spec string) (Handler, error) {
	when, script, ok := strings.Cut(spec, "=")
	if !ok || strings.HasPrefix(spec, execPrefix) {
		when, script = "", spec
	}
	if strings.TrimSpace(script) == "" {
		return Handler{}, fmt.Errorf("event handler %q %w: want [filter=]script", spec, ErrNoScript)
	}
	h := Handler{Script: script}
	err := h.parseWhen(when)
	if program, ok := strings.CutPrefix(strings.TrimLeft(script, " \t"), execPrefix); ok &&
		err == nil {
		h.Args, err = splitArgs(program)
	}
	if err != nil {
		return Handler{}, fmt.Errorf("event handler %q: %w", spec, err)
	}
	return h, nil
}

// parseWhen reads what stands before the script: filters, and at most one time-out.
func (h *Handler) parseWhen(s string) error {
	if s != "" {
		for text := range strings.SplitSeq(s, ",") {
			if err := h.parseCondition(text); err != nil {
				return err
			}
		}
	}
	if h.Filters == nil {
		h.Filters = Filters{{Kind: eventfilter.Any}}
	}
	return nil
}

func (h *Handler) parseCondition(text string) (err error) {
	if after, ok := strings.CutPrefix(text, timeoutPrefix); ok {
		if h.Timeout != 0 {
			return fmt.Errorf("a second %q", text)
		}
		h.Timeout, err = parseTimeout(after)
		return err
	}
	f, err := eventfilter.ParseOne(text)
	switch {
	case err != nil:
		return fmt.Errorf("%w, %sTIME", err, timeoutPrefix)
	case f.Kind != text && strings.TrimSpace(f.Name) == "": // a variable that isn't set
		return fmt.Errorf("event filter %q has no name; for all of them it's %q", text, f.Kind)
	}
	h.Filters = append(h.Filters, f)
	return nil
}

// parseTimeout reads the time-out of one handler.
func parseTimeout(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil || d < 0:
		return 0, fmt.Errorf("%s%s: want a time such as 30s, or 0 for none", timeoutPrefix, s)
	case d == 0:
		return -1, nil
	}
	return d, nil
}

// splitArgs splits a command line at spaces. Quotes of either kind keep spaces; nothing else has a
// meaning, least of all backslashes, which every Windows path has.
func splitArgs(s string) (args []string, err error) {
	var arg strings.Builder
	var quote rune
	began := false
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, began = r, true
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n' || r == '\r'):
			if began {
				args, began = append(args, arg.String()), false
				arg.Reset()
			}
		default:
			arg.WriteRune(r)
			began = true
		}
	}
	if began {
		args = append(args, arg.String())
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("a quote %c that isn't closed", quote)
	case len(args) == 0 || args[0] == "":
		//lint:ignore ST1005 the prefix ends with a colon
		return nil, errors.New("no program after " + execPrefix)
	case strings.Contains(s, "\x00"):
		return nil, errors.New("a zero byte, which no system can pass on")
	}
	return args, checkProgram(args[0])
}
