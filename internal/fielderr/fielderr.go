// Package fielderr finds out which fields of a program's configuration the problems of a node are
// about.
package fielderr

import (
	"errors"
	"fmt"
	"strings"

	"serf/wire"
)

// Names are the fields that problems of the node call by other names. Those of its timing have
// their own names, in field Timing.
type Names []struct{ Problem, Field string }

// Of returns which field a problem of the node is about, and the rest of its text.
func (n Names) Of(problem error) (field, text string) {
	text = problem.Error()
	for _, f := range n {
		if rest, ok := strings.CutPrefix(text, f.Problem); ok {
			return f.Field, strings.TrimLeft(rest, ": ")
		}
	}
	name, rest, _ := strings.Cut(text, ": ")
	var b strings.Builder
	b.WriteString("Timing.")
	for word := range strings.FieldsSeq(name) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String(), rest
}

// Flatten takes joined errors apart; nil is none.
func Flatten(err error) (list []error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			list = append(list, Flatten(e)...)
		}
		return list
	}
	if err != nil {
		list = append(list, err)
	}
	return list
}

// Keys reports what is wrong with the keys of a node: with none, or one by one.
func Keys(keys [][]byte, bad func(field string, err error)) {
	if keys != nil && len(keys) == 0 {
		bad("Keys", errEmptyKeys)
	}
	for i, key := range keys {
		if _, err := wire.NewKeyring(key); err != nil {
			bad(fmt.Sprintf("Keys[%d]", i), err)
		}
	}
}

// Plain refuses to send what would be refused: members that are set up so have neither encryption
// among themselves nor an understanding.
func Plain(accept, send bool) error {
	if send && !accept {
		return errPlainOut
	}
	return nil
}

var errPlainOut = errors.New(
	"true, allowed only with AcceptPlain: others that send plain text are refused")

// errEmptyKeys: a nil slice asks for plain text, an empty one is a mistake.
var errEmptyKeys = errors.New("empty: want at least one key, or nil for plain text")
