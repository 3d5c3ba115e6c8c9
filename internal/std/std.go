// Package std has functions of Go's standard library, as calls. Go copies fmt.Errorf and errors.Join
// to each place that calls them, which makes the program larger: it reports errors at hundreds of
// places, none of them on a hot path.
package std

import (
	"errors"
	"fmt"
)

// Errorf is fmt.Errorf.
//
//go:noinline
func Errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// Join is errors.Join.
//
//go:noinline
func Join(errs ...error) error { return errors.Join(errs...) }
