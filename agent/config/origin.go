package config

import (
	"fmt"
	"strings"
)

// noteOrigin records what set a key: "-bind", or "c.json:3:5".
func (c *Config) noteOrigin(key, origin string) {
	if strings.HasPrefix(key, "[") {
		return // -config-file, which has no key
	}
	if c.Origins == nil {
		c.Origins = make(map[string]string)
	}
	c.Origins[key] = origin
}

// itemKey is the key of what was set last: for a list, that of its last item.
func (o *option) itemKey(field any) string {
	if list, ok := field.(*[]string); ok {
		return fmt.Sprintf("%s[%d]", o.keyOf(), len(*list)-1)
	}
	return o.keyOf()
}

// Where names a key, or an item of it such as "event_handlers[1]", and what set it: "-bind",
// "c.json:3:5: bind", or "bind (-bind)" if neither an option nor a file did.
func (c *Config) Where(key string) string {
	name, _, _ := strings.Cut(key, "[")
	origin := c.Origins[key]
	switch {
	case origin == "":
		return label(name)
	case strings.HasPrefix(origin, "-"):
		return origin
	}
	return origin + ": " + name
}

// Setting names a key and what set it, for use within a sentence: "-bind", or "bind in c.json:3:5".
func (c *Config) Setting(key string) string {
	switch origin := c.Origins[key]; {
	case origin == "":
		return label(key)
	case strings.HasPrefix(origin, "-"):
		return origin
	default:
		return key + " in " + origin
	}
}

// other names a key that conflicts with the one in question: "keyring_file (c.json:3:5)".
func (c *Config) other(key string) string {
	if origin := c.Origins[key]; origin != "" {
		return fmt.Sprintf("%s (%s)", key, origin)
	}
	return label(key)
}
