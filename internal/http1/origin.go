package http1

import (
	"net/url"
	"strings"
)

// IsOrigin reports whether text is one origin as browsers send it: no pattern of several.
func IsOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && u.Hostname() != "" && !strings.Contains(u.Host, "*") &&
		text == u.Scheme+"://"+u.Host
}
