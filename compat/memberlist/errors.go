package memberlist

import (
	"errors"
	"fmt"
	"strings"
)

var errNodeNamesAreRequired = errors.New("memberlist: node names are required by configuration but one was not provided")

// NoPingResponseError says that a ping was sent and no answer came in time.
type NoPingResponseError struct {
	node string
}

// Error names the node.
func (e NoPingResponseError) Error() string { return "No response from node " + e.node }

// joinedErrors are errors in the form that programs know from hashicorp/go-multierror. errors.Is
// and errors.As look at each.
type joinedErrors []error

// err returns e, or nil if there are none.
func (e joinedErrors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Error returns a list with a line for each error.
func (e joinedErrors) Error() string {
	var b strings.Builder
	if len(e) == 1 {
		b.WriteString("1 error occurred:\n")
	} else {
		fmt.Fprintf(&b, "%d errors occurred:\n", len(e))
	}
	for _, err := range e {
		fmt.Fprintf(&b, "\t* %s\n", err)
	}
	b.WriteByte('\n')
	return b.String()
}

// Unwrap returns the errors.
func (e joinedErrors) Unwrap() []error { return e }
