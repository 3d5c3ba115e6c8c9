// Package std has functions that Go's standard library lacks.
package std

import (
	"errors"
	"io/fs"
	"slices"
	"unsafe"
)

// WithoutPath is an error of a file without the path that the system adds: messages begin with it.
func WithoutPath(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// SortedKeys returns the keys of a map, sorted.
func SortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m { // order-free: sorted below
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Bytes is s without a copy of it: to be read only.
func Bytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
