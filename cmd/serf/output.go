package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"serf/internal/std"
	"serf/internal/textwrap"
)

// Output formats of commands that have a choice.
const (
	formatText = "text"
	formatJSON = "json"
)

// writeJSON prints v as an indented document.
func writeJSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

// notNil is list, or an empty one, which JSON doesn't show as null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// writeColumns prints rows with aligned columns. No rows give one empty line, as in HashiCorp's
// Serf.
func writeColumns(w io.Writer, rows [][]string) {
	if len(rows) == 0 {
		fmt.Fprintln(w)
	}
	io.WriteString(w, textwrap.Columns(rows))
}

// writeSection prints rows below an empty line, or nothing if there is only the heading.
func writeSection(w io.Writer, rows [][]string) {
	if len(rows) > 1 {
		fmt.Fprintln(w)
		writeColumns(w, rows)
	}
}

// printable returns s with control characters escaped. Names and tags come from other members: they
// must not forge lines or drive the terminal.
func printable(s string) string { return textwrap.Escape(s, "") }

// tagList formats tags as k=v,k=v in the order of their keys.
func tagList(tags map[string]string) string {
	list := make([]string, 0, len(tags))
	for _, k := range std.SortedKeys(tags) {
		list = append(list, printable(k+"="+tags[k]))
	}
	return strings.Join(list, ",")
}
