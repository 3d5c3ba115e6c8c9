package server

import (
	"strings"
	"testing"
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
