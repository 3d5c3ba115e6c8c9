package textwrap

import (
	"strings"
	"testing"
)

func TestFill(t *testing.T) {
	long := strings.Repeat("x", Width)
	for _, tt := range []struct {
		text   string
		indent int
		want   string
	}{
		{"", 4, ""},
		{"a  b\nc", 4, "a b c"},
		{"a " + long[:Width-6], 4, "a " + long[:Width-6]}, // exactly Width
		{"a " + long[:Width-5], 4, "a\n    " + long[:Width-5]},
		{strings.Repeat("ü", Width-6) + " b", 4, strings.Repeat("ü", Width-6) + " b"},
		{long + " b", 2, long + "\n  b"},
	} {
		if got := Fill(tt.text, tt.indent); got != tt.want {
			t.Errorf("%q at %d: %q, want %q", tt.text, tt.indent, got, tt.want)
		}
	}
}
