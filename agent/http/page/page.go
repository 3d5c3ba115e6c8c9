// Package page is the web page that an agent serves: its files, and the policy under which a
// browser shows them. The page reads what the agent's other addresses answer. It is plain HTML,
// style sheets and JavaScript modules, used as they are.
package page

import (
	"embed"
	"path"
	"strings"

	"serf/internal/theme"
)

// Policy is the value of the Content-Security-Policy header of all files. The page can load only
// what its agent serves, and can't turn a text into markup or code.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

//go:embed files
var files embed.FS

// types are the content types of all files, by the ends of their names.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// File returns the file at a path of the agent's HTTP address, "/" or "/page/NAME", with its
// content type; ok is false if there is none.
func File(url string) (body []byte, contentType string, ok bool) {
	name, isFile := strings.CutPrefix(url, "/page/")
	switch {
	case url == "/":
		name = "index.html"
	case !isFile || name == "" || strings.Contains(name, "/"):
		return nil, "", false
	case name == "theme.css":
		return []byte(theme.CSS), types[".css"], true
	}
	body, err := files.ReadFile("files/" + name)
	return body, types[path.Ext(name)], err == nil
}
