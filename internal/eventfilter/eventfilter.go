// Package eventfilter reads the filters of events that event handlers and RPC streams share: kinds,
// and names of user events and queries, separated by commas.
package eventfilter

import (
	"fmt"
	"slices"
	"strings"
)

// The kinds of events, as filters, handlers and RPC name them.
const (
	MemberJoin   = "member-join"
	MemberLeave  = "member-leave"
	MemberFailed = "member-failed"
	MemberUpdate = "member-update"
	MemberReap   = "member-reap"
	User         = "user"
	Query        = "query"
)

// Any is the kind of a filter that lets all events through.
const Any = "*"

// Kinds lists what a filter's kind may be.
var Kinds = []string{
	MemberJoin, MemberLeave, MemberFailed, MemberUpdate, MemberReap, User, Query, Any,
}

// Filter lets the events of one kind through, or all.
type Filter struct {
	Kind string // one of Kinds
	Name string // of the user event or query; empty lets all names through
}

// Match reports whether an event passes. name is that of a user event or query, else empty.
func (f Filter) Match(kind, name string) bool {
	return f.Kind == Any || f.Kind == kind && (f.Name == "" || f.Name == name)
}

// String is the filter as Parse reads it.
func (f Filter) String() string {
	if f.Name == "" {
		return f.Kind
	}
	return f.Kind + ":" + f.Name
}

// Filters let through what any of them does. The zero value lets nothing through.
type Filters []Filter

// Match reports whether an event passes one of the filters.
func (fs Filters) Match(kind, name string) bool {
	return slices.ContainsFunc(fs, func(f Filter) bool { return f.Match(kind, name) })
}

// String is the filters as Parse reads them.
func (fs Filters) String() string {
	texts := make([]string, len(fs))
	for i := range fs {
		texts[i] = fs[i].String()
	}
	return strings.Join(texts, ",")
}

// UnknownError is a filter of a kind that doesn't exist.
type UnknownError struct{ Filter string }

// Error names the filter and what is allowed.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("event filter %q: allowed are %s, user:NAME, query:NAME",
		e.Filter, strings.Join(Kinds, ", "))
}

// Parse reads filters separated by commas; no text at all means "*". The error is an *UnknownError.
func Parse(text string) (Filters, error) {
	if text == "" {
		return Filters{{Kind: Any}}, nil
	}
	var fs Filters
	for one := range strings.SplitSeq(text, ",") {
		f, err := ParseOne(one)
		if err != nil {
			return nil, err
		}
		fs = append(fs, f)
	}
	return fs, nil
}

// ParseOne reads one filter: a kind, "user:NAME", "query:NAME" or "*". The name may be empty, which
// lets all names through. The error is an *UnknownError.
func ParseOne(text string) (Filter, error) {
	f := Filter{Kind: text}
	if kind, name, ok := strings.Cut(text, ":"); ok && (kind == User || kind == Query) {
		f = Filter{Kind: kind, Name: name}
	}
	if !slices.Contains(Kinds, f.Kind) {
		return Filter{}, &UnknownError{text}
	}
	return f, nil
}
