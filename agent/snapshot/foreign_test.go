package snapshot

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"serf/agent"
	"serf/agent/disk"
)

// foreign are files of other kinds.
var foreign = map[string]string{
	"settings":                 "db_host = a\ndb_pass = b\nlast = c",
	"settings, whole lines":    "db_host = a\ndb_pass = b\n",
	"one line":                 "hello\n",
	"one word":                 "hello",
	"comments":                 "# one\n# two\n",
	"commented settings":       "# one\nlast = c",
	"JSON":                     "[\n  \"MDEyMzQ1Njc4OWFiY2RlZg==\"\n]\n",
	"JSON in one line":         `{"role": "web"}`,
	"some lines like ours":     "clock: 5\nleave\nname: x\nzone: y\nport: 1\n",
	"bytes":                    "\x7fELF\x02\x01\x01\x00\x00\x00\n\x00\x01",
	"a long line":              strings.Repeat("x", 3*lineMax),
	"zeros, then something":    strings.Repeat("\x00", 100) + "x",
	"text of two bytes a rune": "\xff\xfea\x00l\x00i\x00v\x00e\x00:\x00\n\x00",
}

// remains are what a crash, a power loss or an editor may make of a snapshot.
var remains = map[string]string{
	"nothing":            "",
	"a beginning":        "ali",
	"half a line":        "alive: a 10.0.",
	"half a leave":       "lea",
	"half a comment":     "# co",
	"zeros":              strings.Repeat("\x00", 4096),
	"zeros at the end":   "alive: a 10.0.0.1:1\nclock: 3\n" + strings.Repeat("\x00", 4096),
	"an empty line":      "\n",
	"one damaged":        "alive: a 10.0.0.1:1\nxlock: 3\n",
	"with what is newer": "alive: a 10.0.0.1:1\nclock: 3\nfuture: x\n",
	"saved by Notepad":   "\ufeffalive: a 10.0.0.1:1\r\nclock: 3\r\nleave\r\n",
	"only old lines":     "coordinate: {}\n",
}

func TestForeignFileIsRefusedAndStays(t *testing.T) {
	for name, text := range foreign {
		d := newMemDisk(text)
		if _, err := newWriter(d, false).open(); err == nil || !strings.HasPrefix(err.Error(), testPath+": not a snapshot: ") {
			t.Errorf("%s: error %v", name, err)
		}
		if d.content() != text || d.open != 0 {
			t.Errorf("%s: it has %q now, %d files are open", name, d.content(), d.open)
		}
	}
}

func TestRemainsOfASnapshotAreTaken(t *testing.T) {
	for name, text := range remains {
		openWriter(t, newMemDisk(text), false)
		if c, err := load(strings.NewReader(text), false); err != nil || c.foreign() != nil {
			t.Errorf("%s: %v, %v", name, err, c.foreign())
		}
	}
	wantState(t, "marks of an editor don't count", State{Members: []Member{member("a", "10.0.0.1:1")}, MemberTime: 3},
		loaded(t, strings.TrimSuffix(remains["saved by Notepad"], "leave\r\n"), false))
}

// Whatever replaces the file while the agent runs belongs to somebody else, unless it is a
// snapshot.
func TestForeignFileInThePlaceOfTheSnapshotStays(t *testing.T) {
	d := newMemDisk("")
	w, _ := openWriter(t, d, false)
	stranger := &inode{data: []byte(foreign["settings"])}
	d.files[testPath] = stranger
	err := w.save(lines("clock: 7\n"), later(0), true)
	if err == nil || !strings.Contains(err.Error(), "not a snapshot") || d.content() != foreign["settings"] {
		t.Errorf("error %v, it has %q", err, d.content())
	}
	d.remove()
	if err := w.save(lines("clock: 8\n"), later(retryInterval), false); err != nil {
		t.Error("it is gone, but:", err)
	}
	d.files[testPath] = &inode{data: []byte("alive: old 10.0.0.9:1\n")} // a copy brought back
	if err := w.save(lines("clock: 9\n"), later(2*retryInterval), false); err != nil || strings.Contains(d.content(), "old") {
		t.Errorf("error %v, it has %q", err, d.content())
	}
	wantState(t, "nothing was lost", State{MemberTime: 9}, loaded(t, d.content(), false))
}

func TestTwoAgentsOnOneSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the wait for the lock takes no time
		path := filepath.Join(t.TempDir(), "snapshot")
		first, err := Open(Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(Config{Path: path})
		if want := "snapshot: " + path + ": "; !errors.Is(err, disk.ErrInUse) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		wantClosed(t, first)
		second, err := Open(Config{Path: path})
		if err != nil {
			t.Fatal("the first is gone, but:", err)
		}
		wantClosed(t, second)
		if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
			t.Errorf("left behind: %v", entries)
		}
	})
}

// An agent that was refused doesn't keep the lock.
func TestRefusedFileIsNotLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot")
	if err := os.WriteFile(path, []byte(foreign["settings"]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Path: path}); err == nil || errors.Is(err, disk.ErrInUse) {
		t.Errorf("error %v", err)
	}
	l, err := disk.LockFile(path)
	if err != nil {
		t.Error(err)
	}
	l.Release()
}

// A file of another program that mostly reads like a snapshot is rewritten, but a copy stays, and
// none of it gets into the log.
func TestLinesOfOthersAreKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	for run, text := range []string{"clock: 5\npassword: hunter2\nclock: 7", "clock: 8\nother: x\nclock: 9"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		log := agent.NewLog(&out, slog.LevelInfo)
		s, err := Open(Config{Path: path, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		wantClosed(t, s)
		log.Close()
		if got, err := os.ReadFile(path + oldSuffix); err != nil || !strings.Contains(string(got), "hunter2") {
			t.Errorf("run %d: %q is kept, error %v", run, got, err)
		}
		if !strings.Contains(out.String(), path+oldSuffix) || strings.Contains(out.String(), "hunter2") {
			t.Errorf("run %d: the log has\n%s", run, &out)
		}
		if now, _ := os.ReadFile(path); strings.Contains(string(now), "hunter2") {
			t.Errorf("run %d: it wasn't rewritten: %q", run, now)
		}
		os.Remove(path)
	}
}
