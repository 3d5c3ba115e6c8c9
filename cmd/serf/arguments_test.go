package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"serf/internal/systest"
)

// parseEvent parses the arguments of a command with a name and a payload.
func parseEvent(stdin string, args ...string) (list []string, payload []byte, ok bool, errs string) {
	var out, errOut bytes.Buffer
	o := newOptions("event", eventHelp, env{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errOut})
	o.takesPayload("an event name")
	o.flag("coalesce", true)
	o.text("rpc-addr", "")
	list, _, ok = o.parse(args)
	return list, o.sent, ok, errOut.String()
}

func TestPayloads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(file, []byte("from a\nfile\n\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"deploy"}, ""},
		{[]string{"deploy", ""}, ""},
		{[]string{"deploy", "v1"}, "v1"},
		{[]string{"-coalesce=false", "deploy", "v1"}, "v1"},
		{[]string{"deploy", "-"}, "from standard\ninput\n"},
		{[]string{"deploy", "@" + file}, "from a\nfile\n\x00"},
		{[]string{"deploy", "@@home"}, "@home"},
		{[]string{"deploy", "@@@"}, "@@"},
		{[]string{"deploy", "a@b"}, "a@b"},
		{[]string{"deploy", "-5"}, "-5"},
		{[]string{"deploy", "-colour=red"}, "-colour=red"},
		{[]string{"deploy", "--", "-coalesce=false"}, "-coalesce=false"},
		{[]string{"--", "deploy", "-coalesce=false"}, "-coalesce=false"},
		{[]string{"-coalesce=false", "--", "deploy", "-"}, "-"},
		{[]string{"deploy", "--", "@" + file}, "@" + file},
		{[]string{"--", "deploy", "@@"}, "@@"},
		{[]string{"--", "deploy", "--"}, "--"},
	} {
		list, payload, ok, errs := parseEvent("from standard\ninput\n", tt.args...)
		if !ok || errs != "" || list[0] != "deploy" || string(payload) != tt.want {
			t.Errorf("%q: %q, payload %q, want %q; %s", tt.args, list, payload, tt.want, errs)
		}
	}
}

func TestArgumentsThatAreRefused(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "missing argument: an event name"},
		{[]string{""}, "an event name: given, but empty"},
		{[]string{"", "x"}, "an event name: given, but empty"},
		{[]string{" ", "x"}, "an event name: given, but empty"},
		{[]string{"a", "b", "c"}, "Too many arguments: 3, at most 2 are allowed, the first is an event name"},
		{[]string{"deploy", "-coalesce=false"}, "option -coalesce=false follows an argument: options come first, and what follows -- is no option"},
		{[]string{"deploy", "--coalesce"}, "option --coalesce follows an argument"},
		{[]string{"deploy", "v1", "-rpc-addr=127.0.0.1:1"}, "option -rpc-addr=127.0.0.1:1 follows an argument"},
		{[]string{"deploy", "-rpc-addr", "127.0.0.1:1"}, "option -rpc-addr follows an argument"},
		{[]string{"deploy", "-h"}, "option -h follows an argument"},
		{[]string{"-coalesce", "false", "deploy"}, "-coalesce false: a switch takes its value as -coalesce=false"},
		{[]string{"-colaesce", "deploy"}, "unknown option -colaesce, did you mean -coalesce?"},
		{[]string{"-nothing-like-it", "deploy"}, "unknown option -nothing-like-it\n"},
		{[]string{"deploy", "@"}, "payload @: want the name of a file after @, or @@ for an @"},
		{[]string{"deploy", "@" + gone}, "payload @" + gone + ": " + systest.NoSuchFile(t)},
	} {
		_, _, ok, errs := parseEvent("", tt.args...)
		if ok || !strings.HasPrefix(errs, "serf event: "+tt.want) {
			t.Errorf("%q: %v, %q, want %q", tt.args, ok, errs, tt.want)
		}
	}
}

func TestPayloadsHaveALimit(t *testing.T) {
	full := strings.Repeat("x", payloadMax)
	if _, payload, ok, errs := parseEvent(full, "deploy", "-"); !ok || string(payload) != full {
		t.Errorf("at the limit: %d bytes, %s", len(payload), errs)
	}
	if _, _, ok, errs := parseEvent(full+"x", "deploy", "-"); ok || !strings.HasPrefix(errs, "serf event: payload from standard input: more than 65536 bytes\n") {
		t.Errorf("beyond the limit: %v, %q", ok, errs)
	}
}

// Arguments that HashiCorp's commands accept and ignore are accepted, with a warning.
func TestArgumentsThatDoNothing(t *testing.T) {
	for _, tt := range []struct {
		line, want string
	}{
		{"keygen -rpc-addr=127.0.0.1:7373", `serf keygen: warning: "-rpc-addr=127.0.0.1:7373" does nothing: this command takes no arguments and only -format` + "\n"},
		{"keygen 32 x", `serf keygen: warning: "32" "x" does nothing: this command takes no arguments and only -format` + "\n"},
		{"version -bogus", `serf version: warning: "-bogus" does nothing: this command takes no arguments and only -format` + "\n"},
		{"keygen", ""}, {"version", ""},
	} {
		if r := runLine(t.Context(), nil, strings.Fields(tt.line)...); r.code != exitOK || r.stderr != tt.want || r.stdout == "" {
			t.Errorf("%s: %+v", tt.line, r)
		}
	}
}

func TestSubcommandsAreSuggested(t *testing.T) {
	for line, want := range map[string]string{
		"sim lifegard":         "serf sim: unknown argument \"lifegard\". Did you mean 'serf sim lifeguard'?\n",
		"sim event -h":         "serf sim: unknown argument \"event\". Did you mean 'serf sim events'?\n",
		"sim frobnicate":       "serf sim: unknown argument \"frobnicate\"; there are lifeguard, convergence, events, merge\n",
		"sim -nodes=3 events":  "serf sim: unexpected argument \"events\"\n",
		"sim -node=3":          "serf sim: unknown option -node, did you mean -nodes?\n",
		"help sim convergense": "serf help sim: unknown argument \"convergense\". Did you mean 'serf sim convergence'?\n",
	} {
		if r := runLine(t.Context(), nil, strings.Fields(line)...); r.code == exitOK || r.stdout != "" || !strings.HasPrefix(r.stderr, want) {
			t.Errorf("%s: %+v, want %q", line, r, want)
		}
	}
}

// Words that programs look for in the output of HashiCorp's Serf.
func TestWordsOfTheOriginal(t *testing.T) {
	for line, want := range map[string]string{
		"event": "event name", "query": "query name", "force-leave": "node name", "force-leave a b": "node name", "rtt": "node name", "join": "one address",
		"event a b c": "Too many", "query a b c": "Too many", "query -relay-factor=256 a": "Relay factor must be", "query -relay-factor=-1 a": "Relay factor must be",
		"members -format=xml": "Invalid output format", "info -format=xml": "Invalid output format", "query -format=xml a": "Invalid output format",
	} {
		if r := runLine(t.Context(), nil, strings.Fields(line)...); r.code != exitError || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: %+v, want %q", line, r, want)
		}
	}
}
