package nearest

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	names := []string{"agent", "event", "force-leave", "info", "join", "keys", "keygen", "leave", "members", "rtt", "node_name", "log_level"}
	for word, want := range map[string]string{
		"agnet": "agent", "mebmers": "members", "member": "members", "forceleave": "force-leave", "force_leave": "force-leave",
		"Join": "join", "keyg": "keygen", "inof": "info", "node-name": "node_name", "LogLevel": "log_level", "mem": "members",
		"reload": "", "x": "", "": "", "zz": "", "rt": "rtt", "frobnicate": "", strings.Repeat("a", wordMax+1): "",
	} {
		if got := Of(word, names); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "ab", 2}, {"ab", "", 2}, {"ab", "ab", 0}, {"ab", "ba", 1}, {"abc", "abd", 1}, {"abcd", "acbd", 1}, {"kitten", "sitting", 3},
		{strings.Repeat("a", wordMax), strings.Repeat("a", wordMax), 0}, {strings.Repeat("a", wordMax+1), strings.Repeat("a", wordMax+1), wordMax + 1},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q to %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
