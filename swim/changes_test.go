package swim

import (
	"slices"
	"testing"
)

func TestChangesAreListedUpToALimit(t *testing.T) {
	var c Changes
	if _, listed := c.Take(); listed {
		t.Error("before the first call nothing is known")
	}
	c.Add(3)
	c.Add(5)
	if ids, listed := c.Take(); !listed || !slices.Equal(ids, []MemberID{3, 5}) {
		t.Errorf("%v, %t", ids, listed)
	}
	if ids, listed := c.Take(); !listed || len(ids) > 0 {
		t.Errorf("once more: %v, %t", ids, listed)
	}
	for range changesMax {
		c.Add(1)
	}
	if ids, listed := c.Take(); !listed || len(ids) != changesMax {
		t.Errorf("at the limit: %d, %t", len(ids), listed)
	}
	for range changesMax + 1 {
		c.Add(1)
	}
	if _, listed := c.Take(); listed {
		t.Error("beyond the limit")
	}
	if n := c.Count(); n != 2+changesMax+changesMax+1 {
		t.Errorf("%d changes counted", n)
	}
	(*Changes)(nil).Add(1)
}
