package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"serf/swim/serf"
)

const versionHelp = `
Usage: serf version [options]

  Prints the version of this program, the Serf protocols that its agent speaks, and what
  it was built from.

Options:

  -format=text
        text or json.
`

// version is the version of this program.
const version = "1.0.0"

// commit is the commit that the program was built from, where the go command doesn't know it:
// -ldflags="-X main.commit=...".
var commit string

func runVersion(_ context.Context, args []string, e env) int {
	o := newOptions("version", versionHelp, e)
	format := o.format()
	if code, ok := o.parseAnything(args); !ok {
		return code
	}
	info, _ := debug.ReadBuildInfo()
	if *format == formatJSON {
		writeJSON(e.Stdout, jsonVersion{
			Version:  version,
			Protocol: jsonProtocolRange{Max: serf.ProtocolMax, Min: serf.ProtocolMin},
			Commit:   commitOf(info),
			Go:       runtime.Version(),
			OS:       runtime.GOOS,
			Arch:     runtime.GOARCH,
		})
		return exitOK
	}
	fmt.Fprintf(e.Stdout, "Serf v%s\n", version)
	fmt.Fprintf(e.Stdout, "Agent Protocol: %d (Understands back to: %d)\n",
		serf.ProtocolMax, serf.ProtocolMin)
	fmt.Fprintf(e.Stdout, "Commit: %s\n", commitOf(info))
	fmt.Fprintf(e.Stdout, "Go: %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}

type jsonVersion struct {
	Version  string            `json:"version"`
	Protocol jsonProtocolRange `json:"protocol"`
	Commit   string            `json:"commit"`
	Go       string            `json:"go"`
	OS       string            `json:"os"`
	Arch     string            `json:"arch"`
}

// jsonProtocolRange are the Serf protocols that the agent speaks.
type jsonProtocolRange struct {
	Max uint8 `json:"max"`
	Min uint8 `json:"min"`
}

// commitOf is the commit that the program was built from, as the go command recorded it.
func commitOf(info *debug.BuildInfo) string {
	if commit != "" {
		return commit
	}
	revision, changed := "unknown", ""
	if info == nil {
		return revision
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed since"
		}
	}
	return revision + changed
}
