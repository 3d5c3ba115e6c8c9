// Package theme has the colours and basic styles that the web pages of this program share: the
// agent's and the simulator's.
package theme

import _ "embed"

// CSS is a style sheet for the beginning of a page's own.
//
//go:embed theme.css
var CSS string
