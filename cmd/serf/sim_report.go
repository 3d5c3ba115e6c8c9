package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"serf/netsim/report"
	"serf/netsim/report/page"
	"serf/netsim/scenario"
	"serf/netsim/twin"
)

// simOutput is where the report of a simulation goes.
type simOutput struct {
	format  string
	page    string // file, or empty
	command string // that does it again
	trips   []twin.RoundTrips
	file    *os.File
}

// open makes sure that the page can be written, before a run that may take long. An older page
// stays until there is something new; a file that is no page is somebody's, and an error.
func (o *simOutput) open() (err error) {
	if o.page == "" {
		return nil
	}
	if info, err := os.Stat(o.page); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		if err := checkPage(o.page); err != nil {
			return err
		}
	}
	o.file, err = os.OpenFile(o.page, os.O_CREATE|os.O_WRONLY, 0o666)
	return err
}

// checkPage says why a file isn't to be replaced by a page.
func checkPage(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, page.HeadMax))
	if err == nil && !page.Is(head) {
		err = fmt.Errorf("%s is there already, and no page of serf sim", path)
	}
	return err
}

// simDocument is what `serf sim -format=json` writes.
type simDocument struct {
	Version  int               `json:"version"`
	Command  string            `json:"command"` // that does it again
	Seed     uint64            `json:"seed"`
	Scenario scenario.Scenario `json:"scenario"` // what the options mean, in the form of a file
	Report   report.Figures    `json:"report"`
	Explain  []report.Told     `json:"explain,omitempty"`
	// RoundTrips are those of the cluster that -like simulates, and of its twin.
	RoundTrips []twin.RoundTrips `json:"round_trips,omitempty"`
}

// simDocumentVersion counts the changes of simDocument that programs must know of.
const simDocumentVersion = 1

func (o *simOutput) write(e env, s *scenario.Scenario, r *report.Report) error {
	if o.page != "" {
		if err := o.writePage(s, r); err != nil {
			return err
		}
	}
	if o.format == formatJSON {
		return writeJSON(e.Stdout, simDocument{
			simDocumentVersion, o.command, s.Seed, *s, r.Figures(), r.Told(), o.trips})
	}
	writeScenario(e.Stdout, s)
	if _, err := r.WriteTo(e.Stdout); err != nil {
		return err
	}
	return r.WriteStories(e.Stdout)
}

func (o *simOutput) writePage(s *scenario.Scenario, r *report.Report) error {
	var scenario, file strings.Builder
	writeScenario(&scenario, s)
	if _, err := s.WriteTo(&file); err != nil {
		return err
	}
	run := page.Run{
		Title: fmt.Sprintf("%d members, profile %s", s.Members, s.Profile), About: s.About,
		Command: o.command, Scenario: scenario.String(), File: file.String(), Seed: s.Seed,
		Figures: r.Figures(),
	}
	return replace(o.file, run.Write)
}

// replace writes a file's new contents and closes it.
func replace(f *os.File, write func(io.Writer) error) error {
	w := bufio.NewWriter(f)
	return errors.Join(f.Truncate(0), write(w), w.Flush(), f.Close())
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

// shellWord quotes a for the system's shell if it must be.
func shellWord(a string) string {
	if runtime.GOOS == "windows" {
		return windowsWord(a)
	}
	return posixWord(a)
}

// plainText is what no shell takes for anything but text.
const plainText = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=:/+"

func posixWord(a string) string {
	if a != "" && strings.Trim(a, plainText+".,@%") == "" {
		return a
	}
	return "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
}

// windowsWord is for cmd and PowerShell: the latter splits words at commas and dots. Both leave
// alone what is in quotation marks, but for variables. A program takes backslashes for themselves,
// except before such a mark.
func windowsWord(a string) string {
	if a != "" && strings.Trim(a, plainText+`\`) == "" {
		return a
	}
	b := []byte{'"'}
	slashes := 0 // at the end of b
	for i := range len(a) {
		switch a[i] {
		case '\\':
			slashes++
		case '"':
			b = append(b, strings.Repeat(`\`, slashes+1)...)
			slashes = 0
		default:
			slashes = 0
		}
		b = append(b, a[i])
	}
	return string(append(append(b, strings.Repeat(`\`, slashes)...), '"'))
}
