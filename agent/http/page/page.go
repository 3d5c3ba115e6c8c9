// Package page is the web page that an agent serves: its files, and the policy under which a
// browser shows them. The page reads what the agent's other addresses answer. It is plain HTML,
// style sheets and JavaScript modules, in the folder files; after a change of those
// "go test ./agent/http/page -update" packs them anew.
package page

import (
	"bytes"
	"compress/gzip"
	_ "embed"
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

// packed is a JSON object of all files, by name, compressed: a third of their size in the program. A
// test holds it to the folder files.
//
//go:embed page.gz
var packed []byte

// files are the files by name. Most agents are never asked for them.
var files = sync.OnceValue(func() map[string]string {
	var all map[string]string
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		err = json.NewDecoder(r).Decode(&all)
	}
	if err != nil {
		panic("BUG: the web page in this program can't be unpacked: " + err.Error())
	}
	return all
})

// types are the content types of all files, by the ends of their names.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// File returns the file at a path of the agent's HTTP address, "/" or "/page/NAME", with its
// content type; ok is false if there is none.
func File(url string) (body, contentType string, ok bool) {
	name, isFile := strings.CutPrefix(url, "/page/")
	switch {
	case url == "/":
		name = "index.html"
	case !isFile:
		return "", "", false
	case name == "theme.css":
		return theme.CSS, types[".css"], true
	}
	body, ok = files()[name]
	return body, types[path.Ext(name)], ok
}
