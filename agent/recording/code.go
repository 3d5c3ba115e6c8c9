package recording

import (
	"errors"
	"slices"

	"serf/internal/checkpoint"
	"serf/swim"
)

var errFormat = errors.New("not in the format of a recording")

func codeTags(c *checkpoint.Coder, tags *map[string]string) {
	checkpoint.Map(c, tags, 2, func(key, value *string) {
		c.Text(key)
		c.Text(value)
	})
}

// asked are the errors that a node looks for by errors.Is in what it is given.
var asked = []error{swim.ErrStreamRefused, swim.ErrStreamSilent}

// codeErr codes an error: its text, and which of asked it is.
func codeErr(c *checkpoint.Coder, v *error) {
	var is uint8 // 0: nil; otherwise the bits of asked, times two, plus one
	text := ""
	if *v != nil {
		text, is = (*v).Error(), 1
		for i, target := range asked {
			if errors.Is(*v, target) {
				is |= 2 << i
			}
		}
	}
	if checkpoint.Uint(c, &is); is == 0 {
		return
	}
	if c.Text(&text); c.Restoring() {
		*v = &recordedError{text, is >> 1}
	}
}

// recordedError is an error that was recorded.
type recordedError struct {
	text string
	is   uint8
}

func (e *recordedError) Error() string { return e.text }

// Is tells the node what the error was.
func (e *recordedError) Is(target error) bool {
	i := slices.Index(asked, target)
	return i >= 0 && e.is>>i&1 != 0
}
