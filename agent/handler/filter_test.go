package handler

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		spec string
		want Handler
	}{
		{"notify.sh", Handler{Filters{{Kind: "*"}}, "notify.sh"}},
		{"=notify.sh", Handler{Filters{{Kind: "*"}}, "notify.sh"}},
		{"*=notify.sh a b", Handler{Filters{{Kind: "*"}}, "notify.sh a b"}},
		{"member-join=A=1 x", Handler{Filters{{Kind: "member-join"}}, "A=1 x"}},
		{"member-join,member-failed=x", Handler{Filters{{Kind: "member-join"}, {Kind: "member-failed"}}, "x"}},
		{"user=x", Handler{Filters{{Kind: "user"}}, "x"}},
		{"user:deploy,query:up:time=x", Handler{Filters{{Kind: "user", Name: "deploy"}, {Kind: "query", Name: "up:time"}}, "x"}},
	} {
		got, err := Parse(tc.spec)
		if err != nil {
			t.Errorf("Parse(%q): %v", tc.spec, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("Parse(%q): %s", tc.spec, diff)
		}
		again, err := Parse(got.String())
		if diff := cmp.Diff(got, again); diff != "" || err != nil {
			t.Errorf("Parse(%q) doesn't return what String wrote: %v %s", got, err, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const allowed = "member-join, member-leave, member-failed, member-update, member-reap, user, query, *, user:NAME, query:NAME"
	for _, tc := range []struct{ spec, want string }{
		{"", "no script"},
		{"user=", "no script"},
		{"user= \t", "no script"},
		{"member-jion=x", allowed},
		{"member-join:a=x", allowed},
		{"user,=x", allowed},
		{"user, query=x", allowed},
		{"A=1 x", `event filter "A"`},
	} {
		if _, err := Parse(tc.spec); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Parse(%q) = %v, want an error that has %q", tc.spec, err, tc.want)
		}
	}
}

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
