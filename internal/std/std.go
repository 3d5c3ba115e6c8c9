// Package std has functions of Go's standard library, as calls, and a few that it lacks. Go copies
// fmt.Errorf, errors.Join and the loop of an iterator to each place that calls them, which makes the
// program larger: it does so at hundreds of places, none of them on a hot path.
package std

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unsafe"
)

// Errorf is fmt.Errorf.
//
//go:noinline
func Errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// Join is errors.Join.
//
//go:noinline
func Join(errs ...error) error { return errors.Join(errs...) }

// WithoutPath is an error of a file without the path that the system adds: messages begin with it.
func WithoutPath(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// DeleteFunc is slices.DeleteFunc, compiled once for all pointers.
//
//go:noinline
func DeleteFunc[E any](s []E, del func(E) bool) []E { return slices.DeleteFunc(s, del) }

// SortedKeys returns the keys of a map, sorted.
//
//go:noinline
func SortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m { // order-free: sorted below
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Builder is strings.Builder.
type Builder struct{ strings.Builder }

// WriteString is that of strings.Builder.
//
//go:noinline
func (b *Builder) WriteString(s string) (int, error) { return b.Builder.WriteString(s) }

// Bytes is s without a copy of it: to be read only.
func Bytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
