package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Results are kept in a file with a line for each test of each run, with tabs between: who, suite,
// test, what became of it, and for memberlist's own tests what they need.

// save adds results to a file.
func save(file string, original bool, all results) (err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	on := "ours"
	if original {
		on = "original"
	}
	for _, r := range all.sorted() {
		s := suiteOf(r.pkg)
		if s == nil || r.test == "" {
			continue
		}
		line := []string{on, s.name, r.test, r.action, ""}
		if r.action == "needs" {
			line[4] = strings.Join(r.output, ", ")
		}
		if _, err := fmt.Fprintln(f, strings.Join(line, "\t")); err != nil {
			return err
		}
	}
	return nil
}

// row is a line of a table: a test, and how it did.
type row struct {
	test  string
	on    map[string]*count
	needs string
}

// whole tells whether a test never failed.
func (r *row) whole() bool {
	for _, c := range r.on {
		if c.passed < c.ran {
			return false
		}
	}
	return true
}

// count is how often a test passed of how often it ran.
type count struct{ passed, ran int }

func (c *count) String() string {
	switch {
	case c == nil:
		return "-"
	case c.ran == 0:
		return "skipped"
	}
	return fmt.Sprintf("%d/%d", c.passed, c.ran)
}

// printTables prints a table for each suite of the results in a file.
func printTables(w io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	rows := map[string][]*row{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 5 {
			return fmt.Errorf("%s: not a line of results: %s", file, lines.Text())
		}
		rowOf(rows, fields[1], fields[2]).add(fields)
	}
	for _, s := range suites {
		printTable(w, &s, rows[s.name])
	}
	return lines.Err()
}

func rowOf(rows map[string][]*row, suite, test string) *row {
	for _, r := range rows[suite] {
		if r.test == test {
			return r
		}
	}
	r := &row{test: test, on: map[string]*count{}}
	rows[suite] = append(rows[suite], r)
	return r
}

func (r *row) add(fields []string) {
	on, action := fields[0], fields[3]
	if action == "needs" {
		r.needs = fields[4]
		return
	}
	if r.on[on] == nil {
		r.on[on] = &count{}
	}
	if action != "skip" {
		r.on[on].ran++
	}
	if action == "pass" {
		r.on[on].passed++
	}
}

func printTable(w io.Writer, s *suite, rows []*row) {
	if len(rows) == 0 {
		return
	}
	slices.SortFunc(rows, func(a, b *row) int { return strings.Compare(a.test, b.test) })
	fmt.Fprintf(w, "\n## %s\n\n", s.name)
	if s.skip != "" {
		fmt.Fprintf(w, "Not run: `%s`, which %s.\n\n", strings.Trim(s.skip, "^$"), s.why)
	}
	fmt.Fprintf(w, "| test | published | on ours | |\n| --- | --- | --- | --- |\n")
	for _, r := range rows {
		known, _ := s.known(r.test)
		note := known.reason
		if r.needs == "" && r.whole() {
			note = ""
		}
		ours := r.on["ours"].String()
		if r.needs != "" {
			ours, note = "-", "needs `"+strings.ReplaceAll(r.needs, ", ", "`, `")+"`"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", r.test, r.on["original"], ours, note)
	}
}
