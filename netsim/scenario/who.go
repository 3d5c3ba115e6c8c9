package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"serf/netsim"
)

// Who says which members something concerns. Eligible are the members of Region, if set, that Names
// has, if set, or else all members. Count or Share of the eligible ones are drawn, or else all of
// them are meant.
type Who struct {
	Count  int           `json:"count,omitzero"`
	Share  netsim.Chance `json:"share,omitzero"`
	Region string        `json:"region,omitempty"`
	Names  []string      `json:"members,omitempty"` // "m3", or "m3..m9" for several
}

// clone returns a copy that shares nothing with w, nil of nil.
func (w *Who) clone() *Who {
	if w == nil {
		return nil
	}
	c := *w
	c.Names = slices.Clone(w.Names)
	return &c
}

// all reports whether w means all members.
func (w *Who) all() bool {
	return w.Count == 0 && w.Share == 0 && w.Region == "" && len(w.Names) == 0
}

// one reports whether w means a single thing: a member or a region.
func (w *Who) one() bool {
	switch {
	case w.Count > 0 || w.Share > 0:
		return w.Count == 1
	case w.Region != "":
		return len(w.Names) == 0
	}
	return len(w.Names) == 1 && !strings.Contains(w.Names[0], "..")
}

// String describes w as part of a sentence.
func (w Who) String() string {
	eligible := "the nodes"
	switch {
	case w.Region != "" && len(w.Names) > 0:
		eligible = strings.Join(w.Names, ", ") + " of region " + w.Region
	case w.Region != "":
		eligible = "region " + w.Region
	case len(w.Names) > 0:
		eligible = strings.Join(w.Names, ", ")
	}
	switch {
	case w.Count > 0 && eligible != "the nodes":
		return fmt.Sprintf("%d of %s", w.Count, eligible)
	case w.Count == 1:
		return "1 node"
	case w.Count > 1:
		return fmt.Sprintf("%d nodes", w.Count)
	case w.Share > 0:
		return fmt.Sprintf("%v of %s", w.Share, eligible)
	case w.all():
		return "all nodes"
	}
	return eligible
}

// memberRange reads "m3" or "m3..m9", and returns the first index and the one after the last.
func memberRange(s string, members int) (from, to int, err error) {
	first, last, several := strings.Cut(s, "..")
	if !several {
		last = first
	}
	number := func(name string) int {
		digits, ok := strings.CutPrefix(name, "m")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || n < 1 || n > members || "m"+strconv.Itoa(n) != name {
			return 0
		}
		return n
	}
	from, to = number(first), number(last)
	if from == 0 || to < from {
		return 0, 0, fmt.Errorf("%q: allowed are m1 to m%d, or several as m2..m5", s, members)
	}
	return from - 1, to, nil
}
