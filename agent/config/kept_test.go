package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"serf/agent/disk"
	"serf/internal/systest"
)

// A file that is written for one purpose and read for another would be destroyed.
func TestFilesWithTwoPurposes(t *testing.T) {
	env := fakeEnv(map[string]string{
		"c.json": "{}", "dir/c.json": "{}", "ring.json": `["MDEyMzQ1Njc4OWFiY2RlZg=="]`, "dir/ring": `["MDEyMzQ1Njc4OWFiY2RlZg=="]`,
	})
	for args, want := range map[string]string{
		"-snapshot=x -tags-file=x":                       "-tags-file: x is the file of -snapshot, too",
		"-snapshot=x -tags-file=./a/../x":                "-tags-file: ./a/../x is the file of -snapshot, too",
		"-keyring-file=ring.json -snapshot=ring.json":    "-keyring-file: ring.json is the file of -snapshot, too",
		"-tags-file=c.json -config-file=c.json":          "-tags-file: c.json is read as configuration, too, by way of c.json",
		"-config-file=c.json -snapshot=./c.json":         "-snapshot: ./c.json is read as configuration, too, by way of c.json",
		"-config-dir=dir -tags-file=dir/tags.json":       "-tags-file: dir/tags.json is read as configuration, too, by way of dir",
		"-config-dir=dir -snapshot=dir/snap":             "",
		"-config-dir=dir -keyring-file=dir/ring":         "",
		"-config-file=c.json -snapshot=s -tags-file=t":   "",
		"-config-file=c.json -tags-file=dir/c.json.tags": "",
	} {
		_, _, err := Load(strings.Fields(args), env)
		if got := strings.Join(texts(err), "; "); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

func TestSameFileByAnotherName(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "c.json"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	systest.Symlink(t, path, link)
	_, _, err := Load([]string{"-config-file", path, "-tags-file", link}, OS())
	wantProblem(t, err, "-tags-file: ", "is read as configuration, too")
}

func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the wait for a lock takes no time
		dir := t.TempDir()
		tags, ring := Config{TagsFile: filepath.Join(dir, "tags")}, Config{KeyringFile: filepath.Join(dir, "ring")}
		both := Config{TagsFile: tags.TagsFile, KeyringFile: ring.KeyringFile, Snapshot: filepath.Join(dir, "none", "s")}
		locks, warnings, err := both.Lock()
		if err != nil || len(warnings) > 0 {
			t.Fatal(warnings, err)
		}
		for want, c := range map[string]Config{"tags_file (-tags-file): " + tags.TagsFile: tags, "keyring_file (-keyring-file): " + ring.KeyringFile: ring} {
			if _, _, err := c.Lock(); !errors.Is(err, disk.ErrInUse) || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		}
		locks.Release()
		second, _, err := ring.Lock()
		if err != nil {
			t.Fatal("the first is gone, but:", err)
		}
		if _, _, err := both.Lock(); err == nil {
			t.Fatal("locked twice")
		}
		third, _, err := tags.Lock() // was given back, as the other couldn't be had
		if err != nil {
			t.Error(err)
		}
		second.Release()
		third.Release()
		third.Release()
	})
}

// In a folder that can't be written nothing needs a lock, but the user has to know.
func TestFileThatCantBeLockedIsAWarning(t *testing.T) {
	c := Config{KeyringFile: filepath.Join(t.TempDir(), "none", "ring")}
	locks, warnings, err := c.Lock()
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], c.KeyringFile+" can't be written") {
		t.Errorf("%q, %v", warnings, err)
	}
	locks.Release()
}
