// Package memberfilter selects members by regular expressions, as RPC and HTTP do.
package memberfilter

import (
	"fmt"
	"regexp"

	"serf/swim/serf"
)

const (
	// tagsMax bounds the tags to filter by: each is compared with each member.
	tagsMax = 256
	// patternMax bounds a regular expression in bytes. A compiled expression can be a thousand
	// times as large as its text.
	patternMax = 1024
)

// Filter selects members by regular expressions that match the whole text. The zero value selects
// all.
type Filter struct {
	name, status *regexp.Regexp // nil: any
	tags         map[string]*regexp.Regexp
}

// New returns a filter. A name or status that is empty is any; an empty tag is one that a member
// doesn't have, or that is empty.
func New(name, status string, tags map[string]string) (f Filter, err error) {
	if f.name, err = compileUnlessEmpty("name", name); err != nil {
		return Filter{}, err
	}
	if f.status, err = compileUnlessEmpty("status", status); err != nil {
		return Filter{}, err
	}
	if len(tags) > tagsMax {
		return Filter{}, fmt.Errorf("%d tags to filter by, limit %d", len(tags), tagsMax)
	}
	f.tags = make(map[string]*regexp.Regexp, len(tags))
	for tag, expr := range tags { // order-free: a set of conditions
		if f.tags[tag], err = compile("tag "+tag, expr); err != nil {
			return Filter{}, err
		}
	}
	return f, nil
}

func compileUnlessEmpty(what, expr string) (*regexp.Regexp, error) {
	if expr == "" {
		return nil, nil
	}
	return compile(what, expr)
}

func compile(what, expr string) (*regexp.Regexp, error) {
	if len(expr) > patternMax {
		return nil, fmt.Errorf("filter by %s: regular expression of %d bytes, limit %d",
			what, len(expr), patternMax)
	}
	// First by itself, so that the error shows what the client sent.
	if _, err := regexp.Compile(expr); err != nil {
		return nil, fmt.Errorf("filter by %s: %w", what, err)
	}
	re, err := regexp.Compile("^(?:" + expr + ")$")
	if err != nil {
		return nil, fmt.Errorf("filter by %s: %w", what, err)
	}
	return re, nil
}

// Match reports whether the filter selects m.
func (f *Filter) Match(m *serf.Member) bool {
	if f.name != nil && !f.name.MatchString(m.Name) {
		return false
	}
	if f.status != nil && !f.status.MatchString(m.Status.String()) {
		return false
	}
	for tag, re := range f.tags { // order-free: all must match
		if !re.MatchString(m.Tags[tag]) {
			return false
		}
	}
	return true
}
