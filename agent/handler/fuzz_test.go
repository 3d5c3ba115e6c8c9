package handler

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"serf/internal/eventfilter"
)

// FuzzParse reads arbitrary specifications. One that is accepted is the same after String and
// Parse.
func FuzzParse(f *testing.F) {
	for _, spec := range []string{"", "a.sh", "member-join,user:deploy=a.sh -x=1", "query:=b", "*=", "user:a,b=c", "=x",
		"exec:a b=c", "timeout:3s,user=exec:\"a b\" 'c'd", "timeout:0=a"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		h, err := Parse(spec)
		if err != nil {
			return
		}
		again, err := Parse(h.String())
		if err != nil || !again.same(h) || !slices.Equal(again.Args, h.Args) || again.Timeout != h.Timeout {
			t.Fatalf("%q, then %q, %v", h, again, err)
		}
	})
}

// FuzzEvent passes arbitrary names, tags and payloads to scripts: no variable contains a byte that
// would end it, none is set twice, and each member is one line.
func FuzzEvent(f *testing.F) {
	f.Add("web-1", "role", "web\nleave", []byte("x"))
	f.Add("\x00", "a=b", "é\t", []byte{})
	f.Add("n", "SERF", "\xff", []byte("line\n"))
	f.Fuzz(func(t *testing.T, name, key, value string, payload []byte) {
		tags := map[string]string{key: value, key + "_": "other"}
		user := Event{Kind: eventfilter.User, Name: name, Payload: payload}
		for _, v := range user.environ(name, tags) {
			if strings.Contains(v, "\x00") || !strings.Contains(v, "=") {
				t.Fatalf("variable %q", v)
			}
		}
		joined := Event{Kind: eventfilter.MemberJoin, Members: []Member{{Name: name, Tags: tags}, {Name: name + "2", Tags: tags}}}
		if lines := bytes.Count(joined.stdin(), []byte("\n")); lines != len(joined.Members) {
			t.Fatalf("%d lines for %d members: %q", lines, len(joined.Members), joined.stdin())
		}
	})
}
