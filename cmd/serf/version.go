package main

import (
	"context"
	"fmt"
)

const versionHelp = `
Usage: serf version

  Prints the version of this program and the Serf protocols that its agent speaks.
`

// version of this program.
const version = "0.1.0"

// The Serf protocols that the agent speaks.
const (
	protocolMax = 5
	protocolMin = 2
)

func runVersion(_ context.Context, args []string, e env) int {
	o := newOptions("version", versionHelp, e)
	if _, code, ok := o.parse(args); !ok {
		return code
	}
	fmt.Fprintln(e.Stdout, version)
	fmt.Fprintf(e.Stdout, "Agent Protocol: %d (Understands back to: %d)\n", protocolMax, protocolMin)
	return exitOK
}
