package eventfilter

import (
	"errors"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		filters         string
		passes, stopped string // kind:name, separated by spaces
	}{
		{"", "user:x query:y member-join: member-reap:", ""},
		{"*", "user:x query:y member-join: member-reap:", ""},
		{"user", "user:x user:", "query:x member-join:"},
		{"user:deploy", "user:deploy", "user:undeploy query:deploy member-join:"},
		{"query:a,query:b", "query:a query:b", "query:c user:a"},
		{"member-leave,user", "member-leave: user:x", "member-join: query:x"},
		{"user:a:b", "user:a:b", "user:a"},
		{"user:", "user:x", "query:x"},
	} {
		fs, err := Parse(tc.filters)
		if err != nil {
			t.Errorf("%q: %v", tc.filters, err)
		}
		for _, e := range strings.Fields(tc.passes) {
			if kind, name, _ := strings.Cut(e, ":"); !fs.Match(kind, name) {
				t.Errorf("%q stops %s", tc.filters, e)
			}
		}
		for _, e := range strings.Fields(tc.stopped) {
			if kind, name, _ := strings.Cut(e, ":"); fs.Match(kind, name) {
				t.Errorf("%q lets %s through", tc.filters, e)
			}
		}
		if again, err := Parse(fs.String()); err != nil || again.String() != fs.String() {
			t.Errorf("%q: String %q, read as %v, %v", tc.filters, fs, again, err)
		}
	}
	if Filters(nil).Match(User, "x") {
		t.Error("no filters let something through")
	}
}

func TestUnknownFilters(t *testing.T) {
	for _, text := range []string{"member", "user,", ",", "member-join:x", "*:x", " user", "user, query"} {
		_, err := Parse(text)
		unknown, ok := errors.AsType[*UnknownError](err)
		if !ok || !strings.Contains(text, unknown.Filter) {
			t.Errorf("%q: %v", text, err)
		}
	}
	_, err := Parse("user,member")
	const want = `event filter "member": allowed are member-join, member-leave, member-failed, ` +
		`member-update, member-reap, user, query, *, user:NAME, query:NAME`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
