package page

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

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
		"/page/./main.js", "/main.js", "/page//main.js"} {
		if body, _, ok := File(url); ok {
			t.Errorf("%q is a file of %d bytes", url, len(body))
		}
	}
}

// A module or a style sheet that the page names but that isn't there would show only in a browser.
func TestFilesNameOnlyFilesThatExist(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`(?:from "\.|(?:href|src)=")(/?[\w/]+\.(?:js|css|svg))"`)
	list, err := files.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range list {
		body, err := files.ReadFile("files/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(body), -1) {
			found++
			url := "/page/" + path.Base(m[1])
			if _, contentType, ok := File(url); !ok || contentType == "" {
				t.Errorf("%s names %s", f.Name(), url)
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
	list, err := files.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		body, err := files.ReadFile("files/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(body), "http://www.w3.org/2000/svg", "") // a name, not loaded
		if m := unsafe.FindString(text); m != "" {
			t.Errorf("%s has %q", f.Name(), m)
		}
	}
	for _, unsafe := range []string{"unsafe-inline", "unsafe-eval", "http", "*", "data:"} {
		if strings.Contains(Policy, unsafe) {
			t.Errorf("the policy has %s", unsafe)
		}
	}
}
