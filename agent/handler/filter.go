package handler

import (
	"fmt"
	"slices"
	"strings"
)

// Kinds of events, as filters and SERF_EVENT name them.
const (
	MemberJoin   = "member-join"
	MemberLeave  = "member-leave"
	MemberFailed = "member-failed"
	MemberUpdate = "member-update"
	MemberReap   = "member-reap"
	User         = "user"
	Query        = "query"
)

// anyKind is the filter that lets all events through.
const anyKind = "*"

var kinds = []string{MemberJoin, MemberLeave, MemberFailed, MemberUpdate, MemberReap, User, Query, anyKind}

// Filter lets events of one kind through, or all.
type Filter struct {
	Kind string // one of the kinds, or "*"
	Name string // only the user event or query of this name; empty: all of them
}

// String returns the filter as it is written in a specification.
func (f Filter) String() string {
	if f.Name == "" {
		return f.Kind
	}
	return f.Kind + ":" + f.Name
}

// Match says whether an event passes. name is that of a user event or query.
func (f Filter) Match(kind, name string) bool {
	if f.Kind == anyKind {
		return true
	}
	return f.Kind == kind && (f.Name == "" || f.Name == name)
}

// Filters lets through what one of its filters does.
type Filters []Filter

// Match says whether an event passes one of the filters.
func (f Filters) Match(kind, name string) bool {
	return slices.ContainsFunc(f, func(f Filter) bool { return f.Match(kind, name) })
}

// String returns the filters separated by commas, as ParseFilters reads them.
func (f Filters) String() string {
	texts := make([]string, len(f))
	for i := range f {
		texts[i] = f[i].String()
	}
	return strings.Join(texts, ",")
}

// ParseFilters reads filters separated by commas: a kind, "user:NAME",
// "query:NAME" or "*". Nothing at all means "*".
func ParseFilters(s string) (Filters, error) {
	if s == "" {
		return parseFilters(nil)
	}
	return parseFilters(strings.Split(s, ","))
}

func parseFilters(texts []string) (Filters, error) {
	if len(texts) == 0 {
		return Filters{{Kind: anyKind}}, nil
	}
	var all Filters
	for _, text := range texts {
		f := Filter{Kind: text}
		if kind, name, ok := strings.Cut(text, ":"); ok && (kind == User || kind == Query) {
			f = Filter{Kind: kind, Name: name}
			if strings.TrimSpace(name) == "" { // a variable that isn't set
				return nil, fmt.Errorf("event filter %q has no name; for all of them it's %q", text, kind)
			}
		}
		if !slices.Contains(kinds, f.Kind) {
			return nil, fmt.Errorf("event filter %q: allowed are %s, user:NAME, query:NAME, %sTIME", text, strings.Join(kinds, ", "), timeoutPrefix)
		}
		all = append(all, f)
	}
	return all, nil
}
