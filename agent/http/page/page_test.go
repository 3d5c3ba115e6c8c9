package page

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "pack the files anew")

// What is in the program is what is in the folder, and the description beside it.
func TestPackedFilesAreUpToDate(t *testing.T) {
	want := make(map[string]string)
	read := func(name, file string) {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = string(body)
	}
	read(descriptionName, "../openapi.json")
	list, err := os.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		read(f.Name(), "files/"+f.Name())
	}
	if *update {
		pack(t, want)
		return // the next run has them
	}
	if !maps.Equal(want, files()) {
		t.Error("packed.deflate isn't what is in the files: go test ./agent/http/page -update")
	}
}

func pack(t *testing.T, all map[string]string) {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(w).Encode(all); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), os.WriteFile("packed.deflate", b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestFilesOfThePage(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"/":               "text/html; charset=utf-8",
		"/page/main.js":   "text/javascript; charset=utf-8",
		"/page/style.css": "text/css; charset=utf-8",
		"/page/theme.css": "text/css; charset=utf-8",
		"/page/icon.svg":  "image/svg+xml",
	} {
		if body, got, ok := File(url); !ok || got != want || len(body) == 0 {
			t.Errorf("%s: %d bytes, %q, %v", url, len(body), got, ok)
		}
	}
	for _, url := range []string{"", "/page", "/page/", "/page/missing.js", "/page/../page.go",
		"/page/./main.js", "/main.js", "/page//main.js", "/page/openapi.json"} {
		if body, _, ok := File(url); ok {
			t.Errorf("%q is a file of %d bytes", url, len(body))
		}
	}
}

// A module or a style sheet that the page names but that isn't there would show only in a browser.
func TestFilesNameOnlyFilesThatExist(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`(?:from "\.|(?:href|src)=")(/?[\w/]+\.(?:js|css|svg))"`)
	found := 0
	for name, body := range files() {
		for _, m := range named.FindAllStringSubmatch(body, -1) {
			found++
			url := "/page/" + path.Base(m[1])
			if _, contentType, ok := File(url); !ok || contentType == "" {
				t.Errorf("%s names %s", name, url)
			}
		}
	}
	if found < 20 {
		t.Errorf("%d names of files, want 20 at least", found)
	}
}

// What strangers choose becomes text. Nothing in the page can make markup or code of it, or loads
// anything from elsewhere.
func TestNothingMakesMarkupOfTexts(t *testing.T) {
	t.Parallel()
	unsafe := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|` +
		`new Function|DOMParser|srcdoc|javascript:| style=|\bon[a-z]+="|https?://|<script>`)
	for name, body := range files() {
		if name == descriptionName {
			continue // no browser shows it
		}
		text := strings.ReplaceAll(body, "http://www.w3.org/2000/svg", "") // a name, not loaded
		if m := unsafe.FindString(text); m != "" {
			t.Errorf("%s has %q", name, m)
		}
	}
	for _, unsafe := range []string{"unsafe-inline", "unsafe-eval", "http", "*", "data:"} {
		if strings.Contains(Policy, unsafe) {
			t.Errorf("the policy has %s", unsafe)
		}
	}
}
