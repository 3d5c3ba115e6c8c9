// Package page is the web page that an agent serves: its files, and the policy under which a
// browser shows them. The page reads what the agent's other addresses answer. It is plain HTML,
// style sheets and JavaScript modules, in the folder files. The program has them, and the description
// of the addresses, in a third of their size: "go test ./agent/http/page -update" packs them anew.
package page

import (
	"bytes"
	"compress/flate"
	_ "embed" // packed.deflate
	"encoding/json"
	"path"
	"strings"
	"sync"

	"serf/internal/theme"
)

// Policy is the value of the Content-Security-Policy header of all files. The page can load only
// what its agent serves, and can't turn a text into markup or code.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// packed is a JSON object of all files, by name, compressed. A test holds it to the folder files and
// to openapi.json.
//
//go:embed packed.deflate
var packed []byte

// files are the files by name. Most agents are never asked for them.
var files = sync.OnceValue(func() map[string]string {
	var all map[string]string
	err := json.NewDecoder(flate.NewReader(bytes.NewReader(packed))).Decode(&all)
	if err != nil {
		panic("BUG: the web page in this program can't be unpacked: " + err.Error())
	}
	return all
})

// descriptionName is the file that describes all of the agent's addresses; it isn't the page's.
const descriptionName = "openapi.json"

// Description describes the agent's addresses, in the form of OpenAPI 3.1.
func Description() []byte { return []byte(files()[descriptionName]) }

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
	case !isFile || name == descriptionName:
		return nil, "", false
	case name == "theme.css":
		return []byte(theme.CSS), types[".css"], true
	}
	text, ok := files()[name]
	return []byte(text), types[path.Ext(name)], ok
}
