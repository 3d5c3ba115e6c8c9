// Package std has functions of Go's standard library, as calls. Go copies fmt.Errorf and errors.Join
// to each place that calls them, which makes the program larger: it reports errors at hundreds of
// places, none of them on a hot path.
package std

import (
	"errors"
	"fmt"
	"strings"
)

// Errorf is fmt.Errorf.
//
//go:noinline
func Errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// Join is errors.Join.
//
//go:noinline
func Join(errs ...error) error { return errors.Join(errs...) }

// Builder is strings.Builder.
type Builder struct{ strings.Builder }

// WriteString is that of strings.Builder.
//
//go:noinline
func (b *Builder) WriteString(s string) (int, error) { return b.Builder.WriteString(s) }
