package rpc

import (
	"strings"
	"testing"
)

func TestBadFilters(t *testing.T) {
	for _, s := range []string{"member", "user,", "member-join:x", "*:x", " user", strings.Repeat("user,", filtersMax) + "user"} {
		if _, err := ParseFilter(s); err != errInvalidFilter {
			t.Errorf("%.20q: %v, want %v", s, err, errInvalidFilter)
		}
	}
	if _, err := ParseFilter(strings.Repeat("user,", filtersMax-1) + "user"); err != nil {
		t.Errorf("%d parts: %v", filtersMax, err)
	}
}

func TestMemberFilterMatchesWhole(t *testing.T) {
	m := &Member{Name: "web-1", Status: "alive", Tags: map[string]string{"role": "web"}}
	for _, tt := range []struct {
		req  membersFilteredRequest
		want bool
	}{
		{membersFilteredRequest{}, true},
		{membersFilteredRequest{Name: "web-."}, true},
		{membersFilteredRequest{Name: "web"}, false},
		{membersFilteredRequest{Name: "web|web-1"}, true},
		{membersFilteredRequest{Name: "x|1"}, false},
		{membersFilteredRequest{Status: "alive|failed"}, true},
		{membersFilteredRequest{Status: "fail.*"}, false},
		{membersFilteredRequest{Tags: map[string]string{"role": "web|db"}}, true},
		{membersFilteredRequest{Tags: map[string]string{"role": "web", "dc": "x"}}, false},
		{membersFilteredRequest{Tags: map[string]string{"dc": ""}}, true},
		{membersFilteredRequest{Tags: map[string]string{"role": ""}}, false},
	} {
		f, err := newMemberFilter(tt.req)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.match(m); got != tt.want {
			t.Errorf("%+v: %t, want %t", tt.req, got, tt.want)
		}
	}
}
