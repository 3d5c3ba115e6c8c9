package main

import (
	"fmt"
	"io"
	"time"
)

// outputLines is how much of a failed test's output is shown.
const outputLines = 60

// judge prints a line for each suite and the output of tests that failed without being listed. It
// returns whether there was none of these.
func judge(w io.Writer, all results) bool {
	good := true
	for i := range suites {
		s := &suites[i]
		var n struct{ pass, fail, skip, needs int }
		var took time.Duration
		ended := map[string]bool{} // packages in which a test failed
		for _, r := range all.sorted() {
			if suiteOf(r.pkg) != s || r.test == "" {
				continue
			}
			switch r.action {
			case "pass":
				n.pass++
			case "skip":
				n.skip++
			case "needs":
				n.needs++
			default:
				n.fail++
				ended[r.pkg] = true
			}
			good = judgeTest(w, s, r) && good
		}
		for _, r := range all.sorted() {
			if suiteOf(r.pkg) != s || r.test != "" {
				continue
			}
			took = max(took, r.took)
			if r.action == "fail" && !ended[r.pkg] || r.action == "run" && r.took > 0 {
				fmt.Fprintf(w, "--- %s: %s\n%s", s.name, r.pkg, r.last(outputLines))
				good = false
			}
		}
		if n.pass+n.fail > 0 {
			fmt.Fprintf(w, "%s: %d passed, %d failed, %d skipped, %d not for outsiders, %.0f s\n",
				s.name, n.pass, n.fail, n.skip, n.needs, took.Seconds())
		}
	}
	return good
}

// judgeTest returns whether a test did what it should, and says what it did otherwise.
func judgeTest(w io.Writer, s *suite, r *result) bool {
	known, listed := s.known(r.test)
	failed := r.action == "fail" || r.action == "run"
	switch {
	case failed && listed && (known.kind != flaky || r.again):
		fmt.Fprintf(w, "%s: %s failed, as it may: %s\n", s.name, r.test, known.reason)
	case failed:
		fmt.Fprintf(w, "--- %s: %s %s\n%s", s.name, r.pkg, r.test, r.last(outputLines))
		return false
	case r.action == "pass" && listed && known.kind == differ:
		fmt.Fprintf(w, "%s: %s passes: take it off the list in suites.go\n", s.name, r.test)
		return false
	}
	return true
}

// flaked returns the tests that failed and are listed as flaky.
func (r results) flaked() (tests []*result) {
	for _, t := range r.sorted() {
		s := suiteOf(t.pkg)
		if s == nil || t.test == "" || t.action != "fail" {
			continue
		}
		if known, listed := s.known(t.test); listed && known.kind == flaky {
			tests = append(tests, t)
		}
	}
	return tests
}
