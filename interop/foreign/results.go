package main

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// event is a line of `go test -json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // of what doesn't build
	Test       string
	Elapsed    float64
	Output     string
}

// result is what became of a test, or with an empty name, of a whole package.
type result struct {
	pkg, test string
	action    string // "pass", "fail" or "skip"; "run" if it never ended
	took      time.Duration
	output    []string
	again     bool // it failed, and passed when it was run again by itself
}

// results are those of one run, by package and test.
type results map[[2]string]*result

// read adds the results of a run of `go test -json`. Parts of tests count as their test.
func (r results) read(from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // what a program under test wrote
		}
		if e.Package == "" {
			e.Package, _, _ = strings.Cut(e.ImportPath, " ")
		}
		top, part, _ := strings.Cut(e.Test, "/")
		key := [2]string{e.Package, top}
		if r[key] == nil {
			r[key] = &result{pkg: e.Package, test: top, action: "run"}
		}
		r[key].add(e, part != "")
	}
	return lines.Err()
}

func (r *result) add(e event, part bool) {
	switch e.Action {
	case "output", "build-output":
		r.output = append(r.output, e.Output)
	case "build-fail":
		r.action = "fail"
	case "pass", "fail", "skip":
		if !part {
			r.action = e.Action
			r.took = time.Duration(e.Elapsed * float64(time.Second))
		}
	}
}

// sorted returns the results by package and test.
func (r results) sorted() []*result {
	return slices.SortedFunc(maps.Values(r), func(a, b *result) int {
		return strings.Compare(a.pkg+" "+a.test, b.pkg+" "+b.test)
	})
}

// last returns the end of a result's output.
func (r *result) last(lines int) string {
	return strings.Join(r.output[max(0, len(r.output)-lines):], "")
}
