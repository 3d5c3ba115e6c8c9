package server

import (
	"strings"
	"testing"

	"serf/agent/rpc/internal/protocol"
	"serf/swim/serf"
)

func TestBadFilters(t *testing.T) {
	for _, s := range []string{"member", "user,", "member-join:x", "*:x", " user", strings.Repeat("user,", filtersMax) + "user"} {
		if _, ok := parseFilter(s); ok {
			t.Errorf("%.20q is taken for a filter", s)
		}
	}
	if _, ok := parseFilter(strings.Repeat("user,", filtersMax-1) + "user"); !ok {
		t.Errorf("a filter of %d parts is refused", filtersMax)
	}
}

func TestMemberFilterMatchesWhole(t *testing.T) {
	m := &serf.Member{Name: "web-1", Status: serf.StatusAlive, Tags: map[string]string{"role": "web"}}
	for _, tt := range []struct {
		req  protocol.MembersFilteredRequest
		want bool
	}{
		{protocol.MembersFilteredRequest{}, true},
		{protocol.MembersFilteredRequest{Name: "web-."}, true},
		{protocol.MembersFilteredRequest{Name: "web"}, false},
		{protocol.MembersFilteredRequest{Name: "web|web-1"}, true},
		{protocol.MembersFilteredRequest{Name: "x|1"}, false},
		{protocol.MembersFilteredRequest{Status: "alive|failed"}, true},
		{protocol.MembersFilteredRequest{Status: "fail.*"}, false},
		{protocol.MembersFilteredRequest{Tags: map[string]string{"role": "web|db"}}, true},
		{protocol.MembersFilteredRequest{Tags: map[string]string{"role": "web", "dc": "x"}}, false},
		{protocol.MembersFilteredRequest{Tags: map[string]string{"dc": ""}}, true},
		{protocol.MembersFilteredRequest{Tags: map[string]string{"role": ""}}, false},
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
