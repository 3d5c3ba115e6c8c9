package main

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"

	"serf/agent/rpc"
	"serf/internal/textwrap"
)

// verdict is the exit code of a check.
type verdict int

// The verdicts, as monitoring plugins have them.
const (
	verdictOK verdict = iota
	verdictWarning
	verdictCritical
	verdictUnknown
)

func (v verdict) String() string {
	return [...]string{"ok", "warning", "critical", "unknown"}[v]
}

// MarshalText makes the verdict a word in JSON.
func (v verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// checkResult is what a check found.
type checkResult struct {
	Status  verdict       `json:"status"`
	Agent   string        `json:"agent,omitempty"`
	Checks  []checkItem   `json:"checks"`
	Figures []checkFigure `json:"figures,omitempty"`
}

// checkItem is one thing that was looked at.
type checkItem struct {
	Check  string  `json:"check"`
	Status verdict `json:"status"`
	Text   string  `json:"text"`
}

// checkFigure is a figure, with the ranges outside of which it is a warning or critical, in the
// form of the plugins: "5:" is from 5 on, "3" is up to 3.
type checkFigure struct {
	Name     string `json:"name"`
	Value    int    `json:"value"`
	Warning  string `json:"warning,omitempty"`
	Critical string `json:"critical,omitempty"`
}

// add adds what was checked.
func (r *checkResult) add(check string, v verdict, text string) {
	r.Checks = append(r.Checks, checkItem{check, v, text})
	r.Status = r.verdict()
}

// figure adds a number for graphs.
func (r *checkResult) figure(name string, value int, warning, critical string) {
	r.Figures = append(r.Figures, checkFigure{name, value, warning, critical})
}

// verdict is the worst of all; critical is worse than unknown, which hides nothing then.
func (r *checkResult) verdict() verdict {
	badness := func(v verdict) int { return slices.Index([]verdict{0, 1, 3, 2}, v) }
	worst := verdictOK
	for _, c := range r.Checks {
		if badness(c.Status) > badness(worst) {
			worst = c.Status
		}
	}
	return worst
}

// addMembers judges how many members are alive and failed.
func (r *checkResult) addMembers(members []rpc.Member, limits checkOptions) {
	names := make(map[string][]string)
	for _, m := range members {
		names[m.Status] = append(names[m.Status], m.Name)
	}
	alive, failed := len(names["alive"]), len(names["failed"])
	v, text := verdictOK, fmt.Sprintf("%d alive", alive)
	switch {
	case alive < limits.members:
		v, text = verdictCritical, fmt.Sprintf("%s, want %d", text, limits.members)
	case alive < limits.membersWarning:
		v, text = verdictWarning, fmt.Sprintf("%s, want %d", text, limits.membersWarning)
	}
	r.add("members", v, text)
	v, text = verdictOK, fmt.Sprintf("%d failed", failed)
	if failed > 0 {
		text += " (" + someNames(names["failed"]) + ")"
	}
	switch {
	case limits.failed >= 0 && failed > limits.failed:
		v = verdictCritical
	case limits.failedWarning >= 0 && failed > limits.failedWarning:
		v = verdictWarning
	}
	r.add("failed", v, text)
	r.figure("alive", alive, atLeast(limits.membersWarning), atLeast(limits.members))
	r.figure("failed", failed, atMost(limits.failedWarning), atMost(limits.failed))
	r.figure("leaving", len(names["leaving"]), "", "")
	r.figure("left", len(names["left"]), "", "")
}

// atLeast and atMost are ranges; those of a negative limit are empty.
func atLeast(n int) string {
	if n < 0 {
		return ""
	}
	return strconv.Itoa(n) + ":"
}

func atMost(n int) string {
	if n < 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// someNamesMax is how many names are given; a line is short.
const someNamesMax = 5

func someNames(names []string) string {
	slices.Sort(names)
	return textwrap.Some(names, someNamesMax)
}

// addKeys judges whether the agent's keys would survive a restart, if it has any and says so.
func (r *checkResult) addKeys(stats map[string]map[string]string) {
	switch keys := stats["keys"]; keys["saved"] {
	case "true":
		r.add("keys", verdictOK, "keys saved")
	case "false":
		r.add("keys", verdictWarning, "keys not saved: "+keys["problem"])
	}
}

func (r *checkResult) write(w io.Writer, format string) error {
	if format == formatJSON {
		return writeJSON(w, r)
	}
	_, err := io.WriteString(w, r.line())
	return err
}

// line is the result in one line: the worst first, then figures in the form of the plugins.
func (r *checkResult) line() string {
	var bad, good []string
	checks := slices.Clone(r.Checks)
	sort.SliceStable(checks, func(i, j int) bool { return checks[i].Status > checks[j].Status })
	for _, c := range checks {
		if c.Status == verdictOK {
			good = append(good, c.Text)
		} else {
			bad = append(bad, c.Text)
		}
	}
	text := strings.Join(bad, ", ")
	if text != "" && len(good) > 0 {
		text += "; "
	}
	text += strings.Join(good, ", ")
	// A bar would end the text, and what is no letter might drive a terminal.
	text = strings.ReplaceAll(printable(text), "|", `\x7c`)
	line := "SERF " + strings.ToUpper(r.Status.String()) + ": " + text
	for i, f := range r.Figures {
		if i == 0 {
			line += " |"
		}
		line += fmt.Sprintf(" %s=%d;%s;%s;0", f.Name, f.Value, f.Warning, f.Critical)
	}
	return line + "\n"
}
