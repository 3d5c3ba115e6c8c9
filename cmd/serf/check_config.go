package main

import (
	"fmt"
	"regexp"
	"strconv"

	"serf/agent/config"
)

// configFault is something wrong in a configuration.
type configFault struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Text   string `json:"text"`
}

// configReport is the result of a check of a configuration.
type configReport struct {
	Valid    bool          `json:"valid"`
	Faults   []configFault `json:"faults"`
	Warnings []configFault `json:"warnings"`
}

// checkConfig checks what the options of an agent name, and starts nothing.
func checkConfig(args []string, format string, e env) int {
	s, err := loadSetup(args)
	r := configReport{Valid: err == nil, Faults: []configFault{}, Warnings: []configFault{}}
	for _, p := range config.Problems(err) {
		r.Faults = append(r.Faults, faultOf(p.Error()))
	}
	for _, w := range s.warnings {
		r.Warnings = append(r.Warnings, faultOf(w))
	}
	if format == formatJSON {
		err = writeJSON(e.Stdout, r)
	} else {
		err = r.write(e)
	}
	if err != nil || !r.Valid {
		return exitError
	}
	return exitOK
}

func (r *configReport) write(e env) error {
	for _, f := range r.Faults {
		fmt.Fprintln(e.Stderr, f.String())
	}
	for _, f := range r.Warnings {
		fmt.Fprintln(e.Stderr, "warning: "+f.String())
	}
	if !r.Valid {
		_, err := fmt.Fprintln(e.Stderr, "The configuration has faults.")
		return err
	}
	_, err := fmt.Fprintln(e.Stdout, "The configuration is valid.")
	return err
}

// faultOf takes apart a problem, which may begin with its place in a file.
func faultOf(problem string) configFault {
	m := regexp.MustCompile(`^(.+?):(\d+):(\d+): (?s)(.*)$`).FindStringSubmatch(problem)
	if m == nil {
		return configFault{Text: problem}
	}
	line, _ := strconv.Atoi(m[2]) // digits
	column, _ := strconv.Atoi(m[3])
	return configFault{m[1], line, column, m[4]}
}

func (f *configFault) String() string {
	if f.File == "" {
		return printable(f.Text)
	}
	return printable(fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text))
}
