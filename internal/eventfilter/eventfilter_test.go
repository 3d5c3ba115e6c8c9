package handler

import "testing"

func TestFiltersMatch(t *testing.T) {
	for _, tc := range []struct {
		filters, kind, name string
		want                bool
	}{
		{"*", MemberJoin, "", true},
		{"*", User, "deploy", true},
		{"member-join", MemberJoin, "", true},
		{"member-join", MemberLeave, "", false},
		{"user", User, "deploy", true},
		{"user", Query, "deploy", false},
		{"user:deploy", User, "deploy", true},
		{"user:deploy", User, "undeploy", false},
		{"user:deploy", Query, "deploy", false},
		{"query:load", Query, "load", true},
		{"member-leave,query:load", MemberLeave, "", true},
		{"member-leave,query:load", Query, "uptime", false},
	} {
		f, err := ParseFilters(tc.filters)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Match(tc.kind, tc.name); got != tc.want {
			t.Errorf("%q matches %s %q: %v, want %v", tc.filters, tc.kind, tc.name, got, tc.want)
		}
	}
}
