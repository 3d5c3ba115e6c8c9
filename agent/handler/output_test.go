package handler

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"plain é \t|":            "plain é \t|",
		`a\b "c"`:                `a\b "c"`,
		"a\r":                    "a",
		"a\rb\r\r":               `a\rb\r`,
		"\x1b[31m\x00":           `\x1b[31m\x00`,
		"\xff\u202e\ufffd\u0085": `\xff\u202e` + "\ufffd" + `\u0085`,
		"":                       "",
	} {
		if got := escaped([]byte(text)); got != want {
			t.Errorf("escaped(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestLastLine(t *testing.T) {
	long := strings.Repeat("x", textMax)
	for output, want := range map[string]string{
		"":                    "",
		" \n\r\n":             "",
		"one":                 "one",
		"one\ntwo\n":          "two",
		"one\r\ntwo \r\n\r\n": "two",
		"a\n\x1b]0;b\x07\n":   `\x1b]0;b\a`,
		"a\n" + long:          long,
		"a\n" + long + "y\n":  long + "...",
	} {
		if got := lastLine([]byte(output)); got != want {
			t.Errorf("lastLine(%q) = %q, want %q", output, got, want)
		}
	}
}

func TestLinesAreTheLast(t *testing.T) {
	var output []byte
	for i := range linesMax {
		output = fmt.Appendf(output, "%d\n", i)
	}
	if last, before := lines(output); len(last) != linesMax || before != 0 || string(last[0]) != "0" {
		t.Errorf("at the limit: %d lines from %q on, %d before", len(last), last[0], before)
	}
	output = append(output, "more"...)
	last, before := lines(output)
	if len(last) != linesMax || before != 1 || string(last[0]) != "1" || string(last[linesMax-1]) != "more" {
		t.Errorf("beyond: %q, %d before", bytes.Join(last, []byte(" ")), before)
	}
	if last, _ := lines(nil); len(last) != 1 || len(last[0]) != 0 {
		t.Errorf("no output is %q, want one empty line", last)
	}
}
