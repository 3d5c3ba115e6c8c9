package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"serf/agent/rpc"
	"serf/internal/std"
	"serf/swim/serf"
)

const keysHelp = `
Usage: serf keys [options]

  Changes or lists the encryption keys of all members. Of the keys that a member has
  installed it accepts all and encrypts with one, the primary. To change the key of a cluster:
  install the new one, use it, remove the old one, each when the step before succeeded
  everywhere. Each step may be repeated.

  Exactly one of the following four is needed. The exit code is 0 only if all members
  answered and none failed. A member answers when its keyring file is written; if that can't be,
  it says why, uses the key all the same, and tries again until it can. Members without a
  keyring file are listed: what was changed there is lost with a restart.

Options:

  -format=text
        text or json.

  -install=KEY
        Install a key: accept messages encrypted with it.

  -use=KEY
        Make an installed key the primary.

  -remove=KEY
        Remove a key, which must not be the primary.

  -list
        List the keys, and how many members have each.
`

// keyChange describes a command that changes keys.
type keyChange struct {
	name      string
	key       *string
	begin     string
	done      string
	failure   string
	operation func(*rpc.Client, context.Context, string) (rpc.KeyReport, error)
}

func runKeys(ctx context.Context, args []string, e env) int {
	o := newOptions("keys", keysHelp, e)
	format := o.format()
	list := o.flag("list", false)
	changes := []keyChange{
		{"install", o.text("install", ""), "Installing key on all members...", "Successfully installed key!",
			"installing key", (*rpc.Client).InstallKey},
		{"use", o.text("use", ""), "Changing primary key on all members...",
			"Successfully changed primary key!", "changing primary key", (*rpc.Client).UseKey},
		{"remove", o.text("remove", ""), "Removing key on all members...", "Successfully removed key!",
			"removing key", (*rpc.Client).RemoveKey},
	}
	chosen := func() (c []keyChange) {
		for _, change := range changes {
			if *change.key != "" {
				c = append(c, change)
			}
		}
		return c
	}
	o.check = func() error {
		n := len(chosen())
		if *list {
			n++
		}
		if n != 1 {
			return errors.New("exactly one of -install, -use, -remove and -list is needed")
		}
		return nil
	}
	return o.run(ctx, args, func(c *rpc.Client, _ []string) error {
		switch {
		case *list && *format == formatJSON:
			report, err := c.ListKeys(ctx)
			return writeKeysJSON(e, "list", report, gathering(err))
		case *list:
			return listKeys(ctx, c, e)
		case *format == formatJSON:
			k := chosen()[0]
			report, err := k.operation(c, ctx, *k.key)
			return writeKeysJSON(e, k.name, report, k.failed(err))
		}
		return chosen()[0].run(ctx, c, e)
	})
}

func (k keyChange) run(ctx context.Context, c *rpc.Client, e env) error {
	fmt.Fprintf(e.Stdout, "==> %s\n", k.begin)
	report, err := k.operation(c, ctx, *k.key)
	if err != nil {
		writeKeyFailures(e, report)
		return k.failed(err)
	}
	fmt.Fprintf(e.Stdout, "==> %s\n", k.done)
	writeKeyRemarks(e, report)
	return nil
}

// failed is the error of the operation, if there is one.
func (k keyChange) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", k.failure, err)
}

func listKeys(ctx context.Context, c *rpc.Client, e env) error {
	fmt.Fprintln(e.Stdout, "==> Asking all members for installed keys...")
	report, err := c.ListKeys(ctx)
	if err != nil {
		writeKeyFailures(e, report)
		return gathering(err)
	}
	fmt.Fprint(e.Stdout, "==> Keys gathered, listing cluster keys...\n\n")
	var rows [][]string
	for _, key := range std.SortedKeys(report.Keys) {
		rows = append(rows,
			[]string{printable(key), fmt.Sprintf("[%d/%d]", report.Keys[key], report.Members)})
	}
	writeColumns(e.Stdout, rows)
	writeKeyRemarks(e, report)
	return nil
}

// gathering is the error of a list of keys, if there is one.
func gathering(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("gathering member keys: %w", err)
}

// jsonKeys is the result of an operation on keys. Messages are those of members that failed, or
// that have something to remark.
type jsonKeys struct {
	Operation string            `json:"operation"`
	Members   int               `json:"members"`
	Responses int               `json:"responses"`
	Errors    int               `json:"errors"`
	Messages  map[string]string `json:"messages"`
	Keys      map[string]int    `json:"keys,omitempty"`
}

// writeKeysJSON prints a report, if there is one, and returns the error of the operation.
func writeKeysJSON(e env, operation string, r rpc.KeyReport, failed error) error {
	if failed != nil && r.Members == 0 {
		return failed // nobody was asked
	}
	if r.Messages == nil {
		r.Messages = map[string]string{}
	}
	err := writeJSON(e.Stdout,
		jsonKeys{operation, r.Members, r.Responses, r.Errors, r.Messages, r.Keys})
	return errors.Join(failed, err)
}

// writeKeyFailures lists the members that failed, with the reasons, and then the others' remarks.
func writeKeyFailures(e env, report rpc.KeyReport) {
	var rows [][]string
	for _, name := range std.SortedKeys(report.Messages) {
		if text := report.Messages[name]; text != serf.KeysInMemory {
			rows = append(rows, []string{"failed:", printable(name), printable(text)})
			delete(report.Messages, name)
		}
	}
	if len(rows) > 0 {
		writeColumns(e.Stdout, rows)
	}
	writeKeyRemarks(e, report)
}

// writeKeyRemarks prints the remarks of members that succeeded on standard error: programs know
// what success looks like. Members without a keyring file are listed together.
func writeKeyRemarks(e env, report rpc.KeyReport) {
	var inMemory []string
	var rows [][]string
	for _, name := range std.SortedKeys(report.Messages) {
		if text := report.Messages[name]; text == serf.KeysInMemory {
			inMemory = append(inMemory, printable(name))
		} else {
			rows = append(rows, []string{"remark:", printable(name), printable(text)})
		}
	}
	if len(rows) > 0 {
		writeColumns(e.Stderr, rows)
	}
	if len(inMemory) > 0 {
		fmt.Fprintf(e.Stderr, "==> Warning: in memory only on %s: without a keyring file it is "+
			"lost with a restart\n", strings.Join(inMemory, ", "))
	}
}
