package main

import (
	"strings"

	"serf/netsim"
)

// simOutput is where the report of a simulation goes.
type simOutput struct {
	format  string
	command string // that does it again
}

// simDocument is what `serf sim -format=json` writes.
type simDocument struct {
	Version int            `json:"version"`
	Command string         `json:"command"` // that does it again
	Seed    uint64         `json:"seed"`
	Report  netsim.Figures `json:"report"`
}

// simDocumentVersion counts the changes of simDocument that programs must know of.
const simDocumentVersion = 1

func (s simOutput) write(e env, p *netsim.Plan, r *netsim.Report) error {
	if s.format == formatJSON {
		return writeJSON(e.Stdout, simDocument{simDocumentVersion, s.command, p.Seed, r.Figures()})
	}
	writePlan(e.Stdout, p)
	_, err := r.WriteTo(e.Stdout)
	return err
}

// simCommand is the command line with the given arguments, for a shell.
func simCommand(args []string) string {
	var b strings.Builder
	b.WriteString("serf sim")
	for _, a := range args {
		b.WriteByte(' ')
		b.WriteString(shellWord(a))
	}
	return b.String()
}

// shellWord quotes a for a POSIX shell if it must be.
func shellWord(a string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=.,:/@%+"
	if a != "" && strings.Trim(a, plain) == "" {
		return a
	}
	return "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
}
