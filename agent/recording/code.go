package recording

import (
	"errors"

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

// codeErr codes an error, which is mostly nil: a byte 0, that no other begins with.
func codeErr(c *checkpoint.Coder, v *error) {
	if none := *v == nil; c.Restoring() && c.Next() == 0 || !c.Restoring() && none {
		c.Bool(new(bool))
		return
	}
	c.Error(v, swim.ErrStreamRefused, swim.ErrStreamSilent) // for which a node asks by errors.Is
}
