package serf

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"serf/wire"
)

// audience says whom a query is meant for: members that pass all of its filters.
// The zero audience is everybody.
type audience struct {
	names []map[string]bool // one of each must be the member's
	tags  []tagFilter
}

type tagFilter struct {
	tag  string
	expr *regexp.Regexp
}

// includes says whether a member of this name, with these tags, is meant. A tag that it
// doesn't have counts as an empty one.
func (a *audience) includes(name string, tags map[string]string) bool {
	for _, names := range a.names {
		if !names[name] {
			return false
		}
	}
	for _, f := range a.tags {
		if !f.expr.MatchString(tags[f.tag]) {
			return false
		}
	}
	return true
}

// newAudience makes one of what a user asks for, and its form on the wire. The error names
// the expression that doesn't compile.
func newAudience(nodes []string, tags map[string]string) (audience, wire.FilterList, error) {
	var a audience
	var list wire.FilterList
	if len(nodes) > 0 {
		list.AddNodes(nodes...)
		a.addNames(slices.Values(nodes))
	}
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		expr, err := regexp.Compile(tags[tag])
		if err != nil {
			return a, list, fmt.Errorf("filter of tag %q: %w", tag, err)
		}
		list.AddTag(tag, tags[tag])
		a.tags = append(a.tags, tagFilter{tag, expr})
	}
	return a, list, nil
}

// parseAudience reads the filters of a query that was received. A filter of an unknown
// kind is an error: nobody can say whether it matches.
func parseAudience(list wire.FilterList) (audience, error) {
	var a audience
	it := list.Iter()
	for it.Next() {
		switch it.Kind {
		case wire.FilterNode:
			f, err := wire.ParseNodeFilter(it.Body)
			if err != nil {
				return a, err
			}
			a.addNames(func(yield func(string) bool) {
				for n := f.Names.Iter(); n.Next() && yield(string(n.Elem)); {
				}
			})
		case wire.FilterTag:
			f, err := wire.ParseTagFilter(it.Body)
			if err != nil {
				return a, err
			}
			expr, err := regexp.Compile(string(f.Expr))
			if err != nil {
				return a, err
			}
			a.tags = append(a.tags, tagFilter{string(f.Tag), expr})
		default:
			return a, errUnknownFilter
		}
	}
	return a, it.Err
}

func (a *audience) addNames(names func(yield func(string) bool)) {
	set := make(map[string]bool)
	for name := range names {
		set[name] = true
	}
	a.names = append(a.names, set)
}
