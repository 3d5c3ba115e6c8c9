package snapshot

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"serf/agent"
	"serf/agent/disk"
	"serf/internal/systest"
)

// begin opens a snapshot on a disk; the test must close it.
func begin(t *testing.T, d *memDisk, rejoin bool) *Snapshot {
	t.Helper()
	s, err := open(Config{Path: testPath, Rejoin: rejoin}, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantClosed(t *testing.T, s *Snapshot) {
	t.Helper()
	for range 2 { // it may be called again
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestLinesAreWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk("")
		s := begin(t, d, false)
		var told []uint64
		s.Notify(func(lines uint64) { told = append(told, lines) })
		s.Append([]byte("clock: 1\n"))
		synctest.Wait()
		s.Append([]byte("clock: 2\n"))
		s.Append([]byte("clock: 3\n"))
		synctest.Wait()
		if d.content() != "clock: 1\nclock: 2\nclock: 3\n" {
			t.Errorf("%q: a killed process must leave all behind", d.content())
		}
		if len(told) == 0 || told[0] != 1 || told[len(told)-1] != 3 {
			t.Errorf("told of %v lines, want 1 and in the end 3", told)
		}
		wantClosed(t, s)
	})
}

func TestLeaveDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk("")
		s := begin(t, d, false)
		s.Append([]byte("clock: 1\n"))
		synctest.Wait()
		s.Append([]byte("leave\n"))
		synctest.Wait()
		if f := d.files[testPath]; string(f.data) != "clock: 1\nleave\n" || f.synced != len(f.data) {
			t.Errorf("%q, %d bytes synced", f.data, f.synced)
		}
		wantClosed(t, s)
	})
}

func TestCloseWritesAndSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk("")
		s := begin(t, d, false)
		for i := range 10 {
			s.Append(fmt.Appendf(nil, "clock: %d\n", i+1))
		}
		wantClosed(t, s)
		if f := d.files[testPath]; !strings.HasSuffix(string(f.data), "clock: 10\n") || f.synced != len(f.data) {
			t.Errorf("%q, %d bytes synced", f.data, f.synced)
		}
		s.Append([]byte("clock: 11\n")) // too late, and harmless
	})
}

func TestAppendNeverWaitsForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk("alive: a 10.0.0.1:1\n")
		s := begin(t, d, false)
		gate := make(chan struct{})
		d.mu.Lock()
		d.gate = gate
		d.mu.Unlock()
		s.Append([]byte("clock: 1\n"))
		synctest.Wait() // the writer hangs
		total := 0
		for i := range 40_000 {
			line := fmt.Appendf(nil, "alive: member%d 10.0.0.2:%d\n", i%100, i%60000+1)
			total += len(line)
			s.Append(line)
		}
		s.Append([]byte("not-alive: a\n"))
		if waiting := len(s.queue.lines); total < 2*queueMax || waiting > queueMax || len(s.queue.merged.last) != 101 {
			t.Errorf("%d bytes wait, %d merged of %d bytes",
				waiting, len(s.queue.merged.last), total)
		}
		close(gate)
		wantClosed(t, s)
		state := loaded(t, d.content(), false)
		if len(state.Members) != 100 || state.MemberTime != 1 || state.Members[0] != member("member0", "10.0.0.2:39901") {
			t.Errorf("%d members, the first %v, clock %d",
				len(state.Members), state.Members[0], state.MemberTime)
		}
		if c := s.Counters(); c.Merged == 0 || c.Lines+c.Merged != 40_002 || c.Rewrites != 1 {
			t.Errorf("counters %+v", c)
		}
	})
}

func TestQueueAtLimit(t *testing.T) {
	var q queue
	line := []byte("clock: 1\n")
	fill := bytes.Repeat(line, queueMax/len(line))
	rest := queueMax - len(fill)
	q.push(fill)
	for i, tt := range []struct {
		line   string
		merged bool
	}{{"#" + strings.Repeat("x", rest-1) + "\n", true}, {"#\n", true}} {
		if merged := q.push([]byte(tt.line)); merged != tt.merged {
			t.Errorf("%d: merged %v", i, merged)
		}
	}
	q = queue{}
	q.push(fill)
	if q.push([]byte(strings.Repeat("#", rest-1)+"\n")) || len(q.lines) != queueMax {
		t.Errorf("merged with %d bytes in the queue", len(q.lines))
	}
	if !q.push([]byte("\n")) {
		t.Error("over the limit")
	}
}

func TestCloseGivesUpOnADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk("clock: 1\n")
		s := begin(t, d, false)
		d.mu.Lock()
		d.gate = make(chan struct{})
		d.mu.Unlock()
		start := time.Now()
		if err := s.Close(); err == nil || time.Since(start) != closeWait {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		close(d.gate)
	})
}

func TestFullDiskIsToldOfOnceAndThatItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk("alive: a 10.0.0.1:1\n")
		var out bytes.Buffer // written by the log, read when it is closed
		log := agent.NewLog(&out, slog.LevelInfo)
		s, err := open(Config{Path: testPath, Log: log}, d, nil)
		if err != nil {
			t.Fatal(err)
		}
		d.setRoom(0)
		for i := range 20 {
			s.Append(fmt.Appendf(nil, "clock: %d\n", i+1))
			time.Sleep(time.Second)
		}
		d.setRoom(-1)
		time.Sleep(retryInterval)
		synctest.Wait()
		if state := loaded(t, d.content(), false); state.MemberTime != 20 || len(state.Members) != 1 {
			t.Errorf("state %+v without a further line", state)
		}
		wantClosed(t, s)
		log.Close()
		if n := strings.Count(out.String(), syscall.ENOSPC.Error()); n == 0 || n > 2 || !strings.Contains(out.String(), "is complete again") {
			t.Errorf("log:\n%s", &out)
		}
	})
}

func TestContentIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := agent.NewLog(&out, slog.LevelInfo)
		s, err := open(Config{Path: testPath, Log: log, Rejoin: true}, newMemDisk("x\n#\ny\nclock: 1\nleave\nclock: 1"), nil)
		if err != nil {
			t.Fatal(err)
		}
		wantClosed(t, s)
		log.Close()
		for _, want := range []string{
			`[WARN] serf: Unrecognized snapshot lines in dir/snapshot: 2 skipped, the first is line 1` + "\n",
			"[WARN] serf: The last line of snapshot dir/snapshot was cut off and is left out\n",
			"[INFO] serf: Ignoring previous leave in snapshot\n",
		} {
			if strings.Count(out.String(), want) != 1 {
				t.Errorf("not once: %q in:\n%s", want, &out)
			}
		}
	})
}

// The tests below use the real disk.

func TestRealFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "snapshot")
	for run := range 3 {
		s, err := Open(Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Previous().MemberTime; got != uint64(run) {
			t.Errorf("clock %d, want %d", got, run)
		}
		s.Append(fmt.Appendf(nil, "clock: %d\n", run+1))
		wantClosed(t, s)
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != fileMode {
			t.Errorf("mode %v, error %v: others may read it", info.Mode(), err)
		}
	}
	data, err := os.ReadFile(path)
	if want := "clock: 1\nclock: 2\nclock: 3\n"; string(data) != want || err != nil {
		t.Errorf("content %q, want %q, error %v", data, want, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestRealFileThatIsRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("here nobody can remove a file that is open")
	}
	path := filepath.Join(t.TempDir(), "snapshot")
	if err := os.WriteFile(path, []byte("alive: a 10.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, s)
	data, err := os.ReadFile(path)
	if want := "alive: a 10.0.0.1:1\nclock: 0\nevent-clock: 0\nquery-clock: 0\n"; string(data) != want || err != nil {
		t.Errorf("content %q, want %q, error %v", data, want, err)
	}
}

func TestRealFileBehindLink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("clock: 1\nclock: 2"), 0o600); err != nil {
		t.Fatal(err)
	}
	systest.Symlink(t, path, link)
	s, err := Open(Config{Path: link})
	if err != nil {
		t.Fatal(err)
	}
	wantClosed(t, s) // a torn file is rewritten
	data, err := os.ReadFile(path)
	if want := "clock: 1\nevent-clock: 0\nquery-clock: 0\n"; string(data) != want || err != nil {
		t.Errorf("behind the link is %q, error %v", data, err)
	}
}

func TestStaleTemporaryFileIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "snapshot")
	for _, p := range []string{path, path + disk.TempSuffix} {
		if err := os.WriteFile(p, []byte("clock: 1\ntorn"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	wantClosed(t, s)
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestPathsThatAreNoFiles(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:                                "snapshot: " + dir + " is a directory, want a file",
		filepath.Join(dir, "none", "file"): "snapshot: open " + filepath.Join(dir, "none", "file"),
		os.DevNull:                         "snapshot: " + os.DevNull + " is not a regular file",
	} {
		s, err := Open(Config{Path: path})
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", path)
		} else if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %q, want %q", err, want)
		}
	}
}
