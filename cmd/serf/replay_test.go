package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// keptRecording is one of those of package replay.
const keptRecording = "../../internal/replay/testdata/restarts/web-1"

// copyOf is a copy of keptRecording, and its file.
func copyOf(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(keptRecording)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.serfrec"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	return dir, files[0]
}

// What can be read of a damaged recording is shown, the damage is named on stderr, and the exit code
// is that of an error.
func TestReplayOfADamagedRecording(t *testing.T) {
	t.Parallel()
	dir, file := copyOf(t)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)*3/4] ^= 1
	rewrite(t, file, string(b))
	damage := regexp.MustCompile(regexp.QuoteMeta(file) + `: at byte \d+, after \d+ inputs: .*checksum`)
	for option, want := range map[string]string{
		"-log=info": "EventMemberJoin: web-2", "-packets": "web-1 <- web-2", "-timeline": "got from 127.0.0.12",
		"-members": "web-2  127.0.0.12:7946  ", "-history=web-2": "none -> alive", "-log=trace": "EventMemberJoin",
	} {
		for _, format := range []string{"text", "json"} {
			r := runLine(t.Context(), nil, "replay", option, "-format="+format, dir)
			if r.code != exitError || !damage.MatchString(r.stderr) || strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("%s as %s: exit code %d, %q", option, format, r.code, r.stderr)
			}
			if format == "text" && !strings.Contains(r.stdout, want) {
				t.Errorf("%s: %q is missing in %s", option, want, r.stdout)
			}
			for line := range strings.Lines(r.stdout) {
				lines := strings.HasPrefix(option, "-log") || option == "-packets"
				if format == "json" && lines && !json.Valid([]byte(line)) {
					t.Errorf("%s: %s", option, line)
				}
			}
		}
	}
	test := filepath.Join(t.TempDir(), "test.txt")
	if r := runLine(t.Context(), nil, "replay", "-test="+test, dir); r.code != exitError || !damage.MatchString(r.stderr) || !strings.Contains(r.stdout, "inputs of web-1") {
		t.Errorf("-test: %+v", r)
	}
	if r := runLine(t.Context(), nil, "replay", dir); r.code != exitError || !strings.Contains(r.stdout, "  "+filepath.Base(file)+": at byte ") {
		t.Errorf("%+v", r)
	}
}

// A test that is there was perhaps worked on: it isn't overwritten.
func TestReplayLeavesATestThatIsThere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "test.txt")
	for _, want := range []struct {
		code       int
		told, said string
	}{{exitOK, "inputs of web-1", ""}, {exitError, "", "-test: " + file + " is there already, and isn't overwritten"}} {
		r := runLine(t.Context(), nil, "replay", "-test="+file, "-to=+1s", keptRecording)
		if r.code != want.code || !strings.Contains(r.stdout, want.told) || !strings.Contains(r.stderr, want.said) {
			t.Errorf("%+v, want %+v", r, want)
		}
	}
	other := filepath.Join(t.TempDir(), "test.txt")
	if r := runLine(t.Context(), nil, "replay", "-test="+other, "-from=+1h", keptRecording); r.code != exitError {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a test that failed leaves a file")
	}
}

// A recording counts once, under whatever name it comes.
func TestReplayTakesARecordingOnce(t *testing.T) {
	t.Parallel()
	dir, _ := copyOf(t)
	for _, other := range []string{keptRecording, keptRecording + "/../web-1", dir} {
		r := runLine(t.Context(), nil, "replay", "-timeline", keptRecording, other)
		if r.code != exitError || r.stdout != "" || !strings.Contains(r.stderr, "have segments of the same run") {
			t.Errorf("%s: %+v", other, r)
		}
	}
}
