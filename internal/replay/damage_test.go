package replay_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"serf/agent"
	"serf/agent/recording"
	"serf/internal/replay"
	"serf/internal/replay/conversation"
	"serf/internal/systest"
	"serf/swim"
)

var (
	several     = make(map[string][]byte) // files of a recording
	severalOnce sync.Once
)

// segments makes a recording of one run with at least four segments, and returns their paths.
func segments(t *testing.T) (dir string, paths []string) {
	t.Helper()
	severalOnce.Do(func() {
		dir := t.TempDir()
		record(t, dir, func(c *cluster) {
			// Segments of the least size: one for some hundred events of this size.
			c.set = func(conf *agent.Config) { conf.Record.Limit = recording.LimitMin }
			a := c.start("web-1")
			for range 620 {
				a.UserEvent(context.Background(), "fill", make([]byte, 450), false)
				c.wait(300 * time.Millisecond)
			}
		})
		files := os.DirFS(filepath.Join(dir, "web-1"))
		names, _ := fs.Glob(files, "*.serfrec")
		for _, name := range names {
			several[name], _ = fs.ReadFile(files, name)
		}
	})
	dir = t.TempDir()
	for name, content := range several { // order-free: they are sorted below
		path := filepath.Join(dir, name)
		writeFile(t, path, content)
		paths = append(paths, path)
	}
	slices.Sort(paths)
	if len(paths) < 4 {
		t.Fatalf("%d segments", len(paths))
	}
	return dir, paths
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A damaged file is named, with the place, in whatever is shown of a stretch that touches it; what
// can be read is shown all the same.
func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(t *testing.T, paths []string)
		want   string // of the flaw; none if it is empty
		named  int    // the path in it
	}{
		"nothing": {func(*testing.T, []string) {}, "", 0},
		"a file is missing": {func(t *testing.T, p []string) { os.Remove(p[1]) },
			"segment 2 of its run, which comes before it, is missing", 2},
		"two are missing": {func(t *testing.T, p []string) { os.Remove(p[1]); os.Remove(p[2]) },
			"segments 2 to 3 of its run, which come before it, are missing", 3},
		"a file is cut off": {func(t *testing.T, p []string) { os.Truncate(p[1], int64(len(readFile(t, p[1])))/2) },
			"the end is missing", 1},
		"a file is cut off between frames": {func(t *testing.T, p []string) {
			b := readFile(t, p[1])
			writeFile(t, p[1], b[:len(b)-8-2-len(`{"Reason":"next","Lost":0}`)])
		}, "the end is missing", 1},
		"a byte is another": {func(t *testing.T, p []string) {
			b := readFile(t, p[1])
			b[len(b)*3/4] ^= 1
			writeFile(t, p[1], b)
		}, "at byte ", 1},
		"it is empty":   {func(t *testing.T, p []string) { os.Truncate(p[1], 0) }, "is empty", 1},
		"it is another": {func(t *testing.T, p []string) { writeFile(t, p[1], []byte("hello\n")) }, "not in the format", 1},
		"it is there twice": {func(t *testing.T, p []string) { writeFile(t, p[1]+"-copy.serfrec", readFile(t, p[1])) },
			"is segment 2 of its run, as ", -1},
		"one is behind another": {func(t *testing.T, p []string) {
			writeFile(t, p[1], append(readFile(t, p[1]), readFile(t, p[2])...))
		}, "bytes after the end", 1},
		"one is in another's place": {func(t *testing.T, p []string) {
			first, second := readFile(t, p[1]), readFile(t, p[2])
			writeFile(t, p[1], second)
			writeFile(t, p[2], first)
		}, "", 0},
		"one is elsewhere": {func(t *testing.T, p []string) {
			elsewhere := filepath.Join(t.TempDir(), "file")
			writeFile(t, elsewhere, readFile(t, p[1]))
			os.Remove(p[1])
			systest.Symlink(t, elsewhere, p[1])
		}, "", 0},
		"a link leads nowhere": {func(t *testing.T, p []string) {
			os.Remove(p[1])
			systest.Symlink(t, "nowhere", p[1])
		}, "no such file", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, paths := segments(t)
			whole := replay.Verify(walk(t, dir, nil), "")
			c.damage(t, paths)
			want := c.want
			if c.named > 0 {
				want = paths[c.named] + ": "
			}
			for view, inputs := range views(t, dir, strings.HasPrefix(name, "a ")) {
				text := strings.Join(inputs.Lines(), "\n")
				if damaged := len(inputs.Unplayed) == 1; damaged != (c.want != "") || !strings.Contains(text, c.want) || !strings.Contains(text, want) {
					t.Errorf("%s: %q, want %q of %s", view, text, c.want, want)
				}
				if few := inputs.Inputs < whole.Inputs/4; few && view != "test" {
					t.Errorf("%s: %d inputs of %d", view, inputs.Inputs, whole.Inputs)
				}
			}
		})
	}
}

// views shows what can be shown of a recording, and returns the walks.
func views(t *testing.T, dir string, others bool) map[string]*replay.Walk {
	t.Helper()
	all := map[string]*replay.Walk{}
	walk := func(view string) *replay.Walk {
		w := walk(t, dir, nil)
		all[view] = w
		return w
	}
	verified := replay.Verify(walk("verify"), "")
	if verified.Same != (len(all["verify"].Unplayed) == 0) {
		t.Errorf("same: %v, though %v", verified.Same, verified.Unplayed)
	}
	if !others {
		return all
	}
	for range replay.Log(walk("log"), swim.Trace) {
	}
	for range replay.Packets(walk("packets")) {
	}
	if line := replay.Merge([]*replay.Walk{walk("timeline")}, replay.Stretch{}); len(line.Moments) == 0 {
		t.Error("the timeline is empty")
	}
	text, x, err := conversation.Export(walk("test"))
	if err != nil || x.Same != x.Inputs || len(text) == 0 {
		t.Errorf("test: %+v, %v", x, err)
	}
	return all
}

// Whatever becomes of a file, a replay ends, and says what it made of it: it never plays more than
// what was recorded, and never takes a damaged file for a whole one.
func TestDamageAnywhere(t *testing.T) {
	t.Parallel()
	w := kept(t, "plain")
	path := w.Recording.Segments[0].Path
	whole := readFile(t, path)
	dir := t.TempDir()
	copied := filepath.Join(dir, filepath.Base(path))
	inputs := replay.Verify(w, "").Inputs
	verify := func(content []byte) *replay.Report {
		writeFile(t, copied, content)
		return replay.Verify(walk(t, dir, nil), "")
	}
	for n := 0; n < len(whole); n += 211 {
		if r := verify(whole[:n]); r.Inputs > inputs || r.Differ > 0 || r.Inputs == 0 && r.Same {
			t.Errorf("of %d bytes: %s", n, r.Text())
		}
	}
	head := bytes.IndexByte(whole, '{') // before it, the version; in the header a build may have any name
	frames := head + bytes.IndexByte(whole[head:], '\n') + 1
	for n := frames; n < len(whole); n += 211 {
		other := slices.Clone(whole)
		other[n] ^= 0x10
		// A length that is too large looks as if the file ended there.
		if r := verify(other); r.Same && r.Inputs >= inputs || r.Differ > 0 || !r.Same && !strings.HasPrefix(r.Unplayed[0], filepath.Base(path)+": at byte ") {
			t.Errorf("with another byte %d: %s", n, r.Text())
		}
	}
	for n := 0; n < frames; n += 7 {
		other := slices.Clone(whole)
		other[n] ^= 0x10
		if r := verify(other); r.Differ > 0 || r.Inputs > inputs {
			t.Errorf("with another byte %d: %s", n, r.Text())
		}
	}
}

// The key of a cluster changes, and only some of the keyring files are left.
func TestFilesThatNeedTheSameKeyAreOneFlaw(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	record(t, dir, func(c *cluster) {
		for n := byte(1); n <= 3; n++ {
			for range 3 { // runs
				c.set = func(conf *agent.Config) { conf.Keys = [][]byte{key(n)} }
				c.start("web-1").Close()
			}
		}
	})
	keys := recording.Keys{}
	keys.Add(key(2))
	got := replay.Verify(walk(t, filepath.Join(dir, "web-1"), keys), "")
	if len(got.Unplayed) != 2 || !strings.HasSuffix(got.Unplayed[0], "; so do 2 more files") || got.Runs != 3 || got.Inputs == 0 || got.Same {
		t.Errorf("%+v", got)
	}
}
