package serf

import (
	"fmt"
	"iter"
	"regexp"
	"slices"

	"serf/internal/std"
	"serf/wire"
)

// queryFilters say which members a query is meant for: those that all filters match. Without any it
// is meant for all.
type queryFilters struct {
	names []map[string]bool
	tags  []tagFilter
}

type tagFilter struct {
	tag  string
	expr *regexp.Regexp
}

// match says whether all filters match a member with this name and these tags. A missing tag counts
// as an empty one. All members, as far as this node knows, have askTag.
func (f *queryFilters) match(name string, tags map[string]string) bool {
	for _, names := range f.names {
		if !names[name] {
			return false
		}
	}
	for _, t := range f.tags {
		value := tags[t.tag]
		if t.tag == askTag {
			value = askVersions
		}
		if !t.expr.MatchString(value) {
			return false
		}
	}
	return true
}

// newQueryFilters returns the filters that a user gives, also as they are on the wire. The error
// is ErrNoNodes, or names the expression that doesn't compile.
func newQueryFilters(
	nodes []string, tags map[string]string,
) (queryFilters, wire.FilterList, error) {
	var f queryFilters
	var list wire.FilterList
	if nodes != nil && len(nodes) == 0 {
		return f, list, ErrNoNodes
	}
	if nodes != nil {
		list.AddNodes(nodes...)
		f.addNames(slices.Values(nodes))
	}
	for _, tag := range std.SortedKeys(tags) {
		expr, err := regexp.Compile(tags[tag])
		if err != nil {
			return f, list, fmt.Errorf("filter of tag %q: %w", tag, err)
		}
		list.AddTag(tag, tags[tag])
		f.tags = append(f.tags, tagFilter{tag, expr})
	}
	return f, list, nil
}

// parseQueryFilters reads the filters of an inbound query. A filter of an unknown kind is an error:
// this node can't tell whether it matches.
func parseQueryFilters(list wire.FilterList) (queryFilters, error) {
	var filters queryFilters
	it := list.Iter()
	for it.Next() {
		switch it.Kind {
		case wire.FilterNode:
			f, err := wire.ParseNodeFilter(it.Body)
			if err != nil {
				return filters, err
			}
			filters.addNames(func(yield func(string) bool) {
				for n := f.Names.Iter(); n.Next() && yield(string(n.Elem)); {
				}
			})
		case wire.FilterTag:
			f, err := wire.ParseTagFilter(it.Body)
			if err != nil {
				return filters, err
			}
			expr, err := regexp.Compile(string(f.Expr))
			if err != nil {
				return filters, err
			}
			filters.tags = append(filters.tags, tagFilter{string(f.Tag), expr})
		default:
			return filters, errUnknownFilter
		}
	}
	return filters, it.Err
}

func (f *queryFilters) addNames(names iter.Seq[string]) {
	set := make(map[string]bool)
	for name := range names {
		set[name] = true
	}
	f.names = append(f.names, set)
}
