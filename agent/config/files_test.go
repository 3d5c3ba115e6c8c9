package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTagsFile(t *testing.T) {
	tags := map[string]string{"b": "2", "a": "1\t\"=", "": ""}
	got, err := ParseTags("", FormatTags(tags))
	if d := cmp.Diff(tags, got); d != "" || err != nil {
		t.Error(err, d)
	}
	if got := string(FormatTags(nil)); got != "{}\n" {
		t.Errorf("no tags are written as %q", got)
	}
	c, _, err := Load([]string{"-tags-file=t"}, fakeEnv(map[string]string{"t": `{"a": "b"}`}))
	if d := cmp.Diff(map[string]string{"a": "b"}, c.Tags); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestKeyringFile(t *testing.T) {
	keys := [][]byte{make([]byte, 32), make([]byte, 16), make([]byte, 24)}
	for i, k := range keys {
		k[0] = byte(i)
	}
	got, err := ParseKeyring("", FormatKeyring(keys))
	if d := cmp.Diff(keys, got); d != "" || err != nil {
		t.Error(err, d)
	}
	_, err = ParseKeyring("ring.json", []byte(`["MDEyMzQ1Njc4OWFiY2RlZg==", "c2VjcmV0"]`))
	if want := "ring.json:1:30: [1]: 6 bytes decoded, allowed 16, 24 or 32"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMergeTags(t *testing.T) {
	type tags = map[string]string
	for _, tc := range []struct {
		name                      string
		base, current, next, want tags
	}{
		{"nothing changed", tags{"a": "1"}, tags{"a": "1"}, tags{"a": "1"}, tags{"a": "1"}},
		{"added to the file", nil, nil, tags{"a": "1"}, tags{"a": "1"}},
		{"changed in the file", tags{"a": "1"}, tags{"a": "1"}, tags{"a": "2"}, tags{"a": "2"}},
		{"removed from the file", tags{"a": "1"}, tags{"a": "1"}, nil, tags{}},
		{"added at run time", tags{"a": "1"}, tags{"a": "1", "b": "2"}, tags{"a": "1"}, tags{"a": "1", "b": "2"}},
		{"changed at run time", tags{"a": "1"}, tags{"a": "9"}, tags{"a": "1"}, tags{"a": "9"}},
		{"deleted at run time", tags{"a": "1"}, tags{}, tags{"a": "1"}, tags{}},
		{"changed in both", tags{"a": "1"}, tags{"a": "9"}, tags{"a": "2"}, tags{"a": "9"}},
		{"changed at run time, removed from the file", tags{"a": "1"}, tags{"a": "9"}, nil, tags{"a": "9"}},
		{"set empty at run time, in the file later", nil, tags{"a": ""}, tags{"a": "2"}, tags{"a": ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, MergeTags(tc.base, tc.current, tc.next)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Content that the agent didn't write belongs to somebody else, however it got there.
func TestOthersContentIsNotOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	saves := map[string]func() error{
		"keyring": func() error { return SaveKeyring(path, [][]byte{make([]byte, 16)}) },
		"tags":    func() error { return SaveTags(path, map[string]string{"a": "b"}) },
	}
	for name, save := range saves {
		for _, content := range []string{"db_host = a\n", `{"a": {}}`, `["x"]`, "5"} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			err := save()
			if got, _ := os.ReadFile(path); err == nil || !strings.Contains(err.Error(), path+" isn't overwritten") || string(got) != content {
				t.Errorf("%s over %q: it has %q, error %v", name, content, got, err)
			}
		}
		for _, content := range []string{"", "again"} { // nothing there, or emptied; then its own
			if content == "" {
				os.WriteFile(path, nil, 0o600)
			}
			if err := save(); err != nil {
				t.Error(name, err)
			}
		}
	}
}
