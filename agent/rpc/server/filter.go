package server

import (
	"fmt"
	"regexp"
	"strings"

	"serf/agent/rpc/internal/protocol"
	"serf/internal/eventfilter"
	"serf/swim/serf"
)

// filtersMax bounds the parts of a filter: each is compared with each event or member.
const filtersMax = 256

// parseFilter reads the filter of a stream of events; false if it is none.
func parseFilter(s string) (eventfilter.Filters, bool) {
	if strings.Count(s, ",") >= filtersMax {
		return nil, false
	}
	f, err := eventfilter.Parse(s)
	return f, err == nil
}

// patternMax bounds a regular expression of a members filter in bytes. A compiled expression can be
// a thousand times as large as its text.
const patternMax = 1024

// memberFilter selects members by regular expressions that match the whole text.
type memberFilter struct {
	name, status *regexp.Regexp // nil: any
	tags         map[string]*regexp.Regexp
}

func newMemberFilter(req protocol.MembersFilteredRequest) (f memberFilter, err error) {
	if f.name, err = compileFilter("name", req.Name); err != nil {
		return memberFilter{}, err
	}
	if f.status, err = compileFilter("status", req.Status); err != nil {
		return memberFilter{}, err
	}
	if len(req.Tags) > filtersMax {
		n := len(req.Tags)
		return memberFilter{}, fmt.Errorf("%d tags to filter by, limit %d", n, filtersMax)
	}
	f.tags = make(map[string]*regexp.Regexp, len(req.Tags))
	for tag, expr := range req.Tags { // order-free: a set of conditions
		if f.tags[tag], err = compilePattern("tag "+tag, expr); err != nil {
			return memberFilter{}, err
		}
	}
	return f, nil
}

// compileFilter is compilePattern for a filter that matches everything if it is empty. The empty
// filter of a tag doesn't: it matches members without the tag.
func compileFilter(what, expr string) (*regexp.Regexp, error) {
	if expr == "" {
		return nil, nil
	}
	return compilePattern(what, expr)
}

func compilePattern(what, expr string) (*regexp.Regexp, error) {
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

func (f *memberFilter) match(m *serf.Member) bool {
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
