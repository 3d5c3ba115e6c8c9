package wire

import (
	"errors"
	"strings"
)

// IsForeign tells whether something was refused because its sender belongs to another cluster, or
// lacks the key of this one.
func IsForeign(err error) bool { return IsLabelError(err) || IsKeyError(err) }

// IsLabelError tells whether something was refused for its label.
func IsLabelError(err error) bool { return errors.Is(err, ErrLabel) || errors.Is(err, ErrNoLabel) }

// IsKeyError tells whether no key opened something, or it should have been encrypted and wasn't, or
// the other way round.
func IsKeyError(err error) bool {
	return errors.Is(err, ErrNoKey) || errors.Is(err, ErrNotEncrypted) || errors.Is(err, ErrEncrypted)
}

// ErrText is err without the name of this package, which readers of a log don't know.
func ErrText(err error) string { return strings.TrimPrefix(err.Error(), "wire: ") }
