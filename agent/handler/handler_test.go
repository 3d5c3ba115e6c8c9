package handler

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	all := Filters{{Kind: "*"}}
	for _, tc := range []struct {
		spec string
		want Handler
	}{
		{"notify.sh", Handler{Filters: Filters{{Kind: "*"}}, Script: "notify.sh"}},
		{"=notify.sh", Handler{Filters: Filters{{Kind: "*"}}, Script: "notify.sh"}},
		{"*=notify.sh a b", Handler{Filters: Filters{{Kind: "*"}}, Script: "notify.sh a b"}},
		{"member-join=A=1 x", Handler{Filters: Filters{{Kind: "member-join"}}, Script: "A=1 x"}},
		{"member-join,member-failed=x", Handler{Filters: Filters{{Kind: "member-join"}, {Kind: "member-failed"}}, Script: "x"}},
		{"user=x", Handler{Filters: Filters{{Kind: "user"}}, Script: "x"}},
		{"user:deploy,query:up:time=x", Handler{Filters: Filters{{Kind: "user", Name: "deploy"}, {Kind: "query", Name: "up:time"}}, Script: "x"}},
		{"member-join,timeout:90s=x", Handler{Filters: Filters{{Kind: "member-join"}}, Script: "x", Timeout: 90 * time.Second}},
		{"timeout:1m,user:timeout:3=x", Handler{Filters: Filters{{Kind: "user", Name: "timeout:3"}}, Script: "x", Timeout: time.Minute}},
		{"timeout:1m=x", Handler{Filters: all, Script: "x", Timeout: time.Minute}},
		{"timeout:0=x", Handler{Filters: all, Script: "x", Timeout: -1}},
		{"exec:prog", Handler{Filters: all, Script: "exec:prog", Args: []string{"prog"}}},
		{"exec:env A=1 $B `c` *", Handler{Filters: all, Script: "exec:env A=1 $B `c` *", Args: []string{"env", "A=1", "$B", "`c`", "*"}}},
		{"user=exec: prog\t a  b\n", Handler{Filters: Filters{{Kind: "user"}}, Script: "exec: prog\t a  b\n", Args: []string{"prog", "a", "b"}}},
		{`user=exec:"C:\Program Files\x.exe" 'a "b"' c" "d ""`, Handler{Filters: Filters{{Kind: "user"}},
			Script: `exec:"C:\Program Files\x.exe" 'a "b"' c" "d ""`, Args: []string{`C:\Program Files\x.exe`, `a "b"`, "c d", ""}}},
		{"user= exec:p", Handler{Filters: Filters{{Kind: "user"}}, Script: " exec:p", Args: []string{"p"}}},
		{"user=echo exec:p", Handler{Filters: Filters{{Kind: "user"}}, Script: "echo exec:p"}},
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
	const allowed = "member-join, member-leave, member-failed, member-update, member-reap, user, query, *, user:NAME, query:NAME, timeout:TIME"
	for _, tc := range []struct{ spec, want string }{
		{"", "no script"},
		{"user=", "no script"},
		{"user= \t", "no script"},
		{"member-jion=x", allowed},
		{"member-join:a=x", allowed},
		{"user,=x", allowed},
		{"user, query=x", allowed},
		{"user:=x.sh", `event filter "user:" has no name; for all of them it's "user"`},
		{"member-join,query: =x.sh", `event filter "query: " has no name; for all of them it's "query"`},
		{"A=1 x", `event filter "A"`},
		{"timeout:5s,=x", allowed},
		{"timeout:=x", "want a time such as 30s"},
		{"timeout:5=x", "timeout:5: want a time such as 30s"},
		{"timeout:-1s=x", "timeout:-1s: want a time such as 30s"},
		{"timeout:1s,user,timeout:2s=x", `a second "timeout:2s"`},
		{"exec:", "no program after exec:"},
		{"user=exec: \t", "no program after exec:"},
		{`user=exec:"" a`, "no program after exec:"},
		{`user=exec:"a`, `a quote " that isn't closed`},
		{"user=exec:a it's", "a quote ' that isn't closed"},
		{"user=exec:a\x00b", "a zero byte"},
	} {
		if _, err := Parse(tc.spec); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Parse(%q) = %v, want an error that has %q", tc.spec, err, tc.want)
		}
	}
}
