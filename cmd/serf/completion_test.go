package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"serf/internal/manual"
)

// What the hidden command prints; the shells' own ways are tested with the shells.
func TestComplete(t *testing.T) {
	t.Parallel()
	addr := startAgent(t, "")
	for _, tt := range []struct {
		args string // with | between arguments
		want string // lines with | between them, without explanations
	}{
		{"-line=serf me", "members"}, {"-line=serf key", "keygen|keys"}, {"-line=serf hel", "help"},
		{"-line=serf", ""}, {"-line=", ""}, {"-line=serf nosuch ", ""},
		{"-line=serf help key", "keygen|keys"}, {"-line=serf help sim e", "events"},
		{"-line=serf sim li", "lifeguard"}, {"-line=serf sim lifeguard -sto", "-stop="},
		{"-line=serf completion ", "bash|fish|powershell|zsh"}, {"-line=serf completion bash ", ""},
		{"-line=serf agent -profile=w", "-profile=wan"}, {"-line=serf agent -config-f", "-config-file="},
		{"-line=serf agent -config-file=", ":files"}, {"-line=serf keygen ", "-format="},
		{"-line=serf force-leave ", "n1|node-two"}, {"-line=serf rtt n1 no", "node-two"},
		{"-line=serf force-leave 'nod", "node-two"}, {"-line=serf force-leave no\\d", "node-two"},
		{"-line=serf query -node=n", "-node=n1|-node=node-two"},
		{"-line=serf event ", ""}, {"-line=serf event deploy ", ""},
		{"-word=nod|force-leave", "node-two"}, {"-word=|rtt|n1", "n1|node-two"}, {"-word=mem", "members"},
		{"-line=serf rtt -rpc-addr=127.0.0.1:1 ", ""},
	} {
		got := runLine(t.Context(), map[string]string{"SERF_RPC_ADDR": addr},
			append([]string{completeCommand}, strings.Split(tt.args, "|")...)...)
		var words []string
		for line := range strings.Lines(got.stdout) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			words = append(words, word)
		}
		if joined := strings.Join(words, "|"); joined != tt.want || got.stderr != "" {
			t.Errorf("%s: %q, %q, want %q", tt.args, joined, got.stderr, tt.want)
		}
	}
}

// The agent that is asked for names is the one that the line is about.
func TestCompletionAsksTheAgentOfTheLine(t *testing.T) {
	t.Parallel()
	addr := startAgent(t, "sesame")
	line := "-line=serf force-leave -rpc-addr " + addr + " -rpc-auth=sesame nod"
	vars := map[string]string{"SERF_RPC_ADDR": "127.0.0.1:1"}
	if got := runLine(t.Context(), vars, completeCommand, line); got.stdout != "node-two\n" {
		t.Errorf("%+v", got)
	}
}

func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for shell := range completionScripts {
		got := runLine(t.Context(), nil, "completion", shell)
		if got.code != exitOK || !strings.Contains(got.stdout, completeCommand) {
			t.Errorf("%s: %+v", shell, got)
		}
	}
	if got := runLine(t.Context(), nil, "completion", "csh"); got.code != exitError || !strings.Contains(got.stderr, "bash, fish, powershell, zsh") {
		t.Errorf("csh: %+v", got)
	}
}

// helpPages are the help texts of all commands and their parts, by what is typed before -h.
func helpPages(t *testing.T) map[string]manual.Page {
	pages := make(map[string]manual.Page)
	for _, c := range commands() {
		for _, part := range append([]string{""}, c.parts...) {
			pages[strings.TrimSpace(c.name+" "+part)] = manual.Parse(helpOf(t.Context(), c, part))
		}
	}
	return pages
}

// Values that the help lists are ones that the option takes.
func TestChoicesOfTheHelpAreTaken(t *testing.T) {
	t.Parallel()
	checked := 0
	for name, page := range helpPages(t) {
		for _, o := range page.Options() {
			for _, value := range o.Choices() {
				if name == "agent" {
					continue // serf agent -h shows the help whatever else is wrong
				}
				got := runLine(t.Context(), nil, append(strings.Fields(name), "-"+o.Name+"="+value, "-h")...)
				if got.code != exitOK {
					t.Errorf("serf %s -%s=%s: %s", name, o.Name, value, got.stderr)
				}
				checked++
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d values found", checked)
	}
}

// The pages of the manual have what readers look for, and no fault that mandoc or groff knows.
func TestManualPages(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "man1")
	got := runLine(t.Context(), map[string]string{"SOURCE_DATE_EPOCH": "86400"}, "help", "-man", folder)
	if got != (result{}) {
		t.Fatalf("%+v", got)
	}
	for name := range helpPages(t) {
		path := filepath.Join(folder, "serf-"+strings.ReplaceAll(name, " ", "-")+".1")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		for _, want := range []string{"1970-01-02", ".SH NAME\n", "\\fBserf " + strings.ReplaceAll(name, "-", `\-`) + "\\fP", "DESCRIPTION", "EXIT"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: no %q", path, want)
			}
		}
	}
	pages, err := filepath.Glob(filepath.Join(folder, "*.1"))
	if err != nil || len(pages) != len(helpPages(t))+1 {
		t.Errorf("%d pages, %v", len(pages), err)
	}
	for _, checker := range [][]string{{"mandoc", "-T", "lint", "-W", "style"}, {"groff", "-ww", "-man", "-z"}} {
		t.Run(checker[0], func(t *testing.T) {
			if _, err := exec.LookPath(checker[0]); err != nil {
				t.Skip("not installed: ", err)
			}
			out, err := exec.Command(checker[0], slices.Concat(checker[1:], pages)...).CombinedOutput()
			if len(out) > 0 || err != nil {
				t.Errorf("%v, %.2000s", err, out)
			}
		})
	}
}

func TestManualPagesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"help", "-man"}, {"help", "-man", "a", "b"}, {"help", "-man", file}} {
		if got := runLine(t.Context(), nil, args...); got.code != exitError || got.stderr == "" {
			t.Errorf("%q: %+v", args, got)
		}
	}
	got := runLine(t.Context(), map[string]string{"SOURCE_DATE_EPOCH": "today"}, "help", "-man", t.TempDir())
	if got.code != exitError || !strings.Contains(got.stderr, "SOURCE_DATE_EPOCH") {
		t.Errorf("%+v", got)
	}
}

// Without a date from outside pages have that of the commit, or at least one.
func TestManualDate(t *testing.T) {
	t.Parallel()
	none := env{LookupEnv: func(string) (string, bool) { return "", false }}
	if at, err := manualDate(none); err != nil || at.Before(time.Unix(1, 0)) {
		t.Errorf("%v, %v", at, err)
	}
}

func TestShellWords(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"":              {""},
		"a":             {"a"},
		"a ":            {"a", ""},
		"a  b":          {"a", "b"},
		`a "b c" d`:     {"a", "b c", "d"},
		`a 'b\ c`:       {"a", `b\ c`},
		`a b\ c`:        {"a", "b c"},
		`a "b\"c" '"' `: {"a", `b"c`, `"`, ""},
	} {
		if got := shellWords(line); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
