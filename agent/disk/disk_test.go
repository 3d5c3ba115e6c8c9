package disk

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/internal/systest"
)

// lockVar makes this program, started again, lock a file and keep it; see TestMain.
const lockVar = "SERF_TEST_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(lockVar); path != "" {
		keepLock(path)
	}
	os.Exit(m.Run())
}

// keepLock reports when it has the lock, and ends when its input does.
func keepLock(path string) {
	if _, err := LockFile(path); err != nil {
		os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString("locked")
	os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

func TestReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "tags.json")
	for _, content := range []string{"first", "second"} {
		if err := Replace(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, content)
	}
	if info, err := os.Stat(path); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o600) {
		t.Errorf("mode %v, error %v: others may read it", info.Mode(), err)
	}
	wantAlone(t, dir)
}

func wantFile(t *testing.T, path, content string) {
	t.Helper()
	if got, err := os.ReadFile(path); string(got) != content || err != nil {
		t.Errorf("%s has %q, error %v, want %q", path, got, err, content)
	}
}

// wantAlone requires exactly one entry in a folder.
func wantAlone(t *testing.T, dir string) {
	t.Helper()
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestReplaceFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "taken")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(target, []byte("x")); err == nil {
		t.Error("a folder was replaced by a file")
	}
	wantAlone(t, dir)
}

// stiff is a file system that renames nothing.
type stiff struct{ OS }

var errStiff = errors.New("moves nothing")

func (stiff) Rename(string, string) error { return errStiff }

func TestFailedReplacementIsRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := Replace(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceIn(stiff{}, path, []byte("new")); !errors.Is(err, errStiff) {
		t.Errorf("error %v", err)
	}
	wantFile(t, path, "old")
	wantAlone(t, dir)
}

// Leftovers of a crash are overwritten; anything else of that name stays.
func TestLeftoverIsOverwritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path+TempSuffix, []byte("half of"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("x")); err != nil {
		t.Error(err)
	}
	wantAlone(t, dir)
	if err := os.Mkdir(path+TempSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Replace(path, []byte("y")); err == nil || !strings.Contains(err.Error(), TempSuffix+" is in the way") {
			t.Errorf("error %v", err)
		}
	}
	wantFile(t, path, "x")
}

func TestLinkStaysALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	systest.Symlink(t, "target", filepath.Join(dir, "near"))
	systest.Symlink(t, filepath.Join(dir, "near"), filepath.Join(dir, "far"))
	for _, content := range []string{"new", "replaced"} { // the first time it leads nowhere
		if err := Replace(filepath.Join(dir, "far"), []byte(content)); err != nil {
			t.Fatal(err)
		}
		wantFile(t, target, content)
	}
	if to, err := os.Readlink(filepath.Join(dir, "far")); err != nil || to != filepath.Join(dir, "near") {
		t.Errorf("leads to %q, error %v", to, err)
	}
	systest.Symlink(t, "loop", filepath.Join(dir, "loop"))
	if err := Replace(filepath.Join(dir, "loop"), nil); err == nil {
		t.Error("a link to itself was replaced")
	}
}

func TestLockKeepsOthersOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the wait for the second lock takes no time
		dir := t.TempDir()
		path := filepath.Join(dir, "snapshot")
		l, err := LockFile(path)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := LockFile(path); !errors.Is(err, ErrInUse) || time.Since(began) < lockWait {
			t.Errorf("locked twice: %v after %v", err, time.Since(began))
		}
		l.Release()
		l.Release()
		if entries, _ := os.ReadDir(dir); len(entries) != 0 {
			t.Errorf("left behind: %v", entries)
		}
		if l, err = LockFile(path); err != nil {
			t.Errorf("it was given back, but: %v", err)
		}
		l.Release()
		(*Lock)(nil).Release()
	})
}

func TestLockFollowsLinks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		systest.Symlink(t, "snapshot", filepath.Join(dir, "link"))
		l, err := LockFile(filepath.Join(dir, "snapshot"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release()
		if _, err := LockFile(filepath.Join(dir, "link")); !errors.Is(err, ErrInUse) {
			t.Errorf("one file, two names: %v", err)
		}
	})
}

// The lock of a process that is killed is released, whatever the process leaves behind.
func TestKilledProcessGivesItsLockBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "snapshot")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), lockVar+"="+path)
	in, err := cmd.StdinPipe() // open for as long as it is to live
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 64)
	if n, err := out.Read(said); string(said[:n]) != "locked" || err != nil {
		t.Fatalf("it said %q, %v", said[:n], err)
	}
	if _, err := LockFile(path); !errors.Is(err, ErrInUse) {
		t.Errorf("locked twice: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	l, err := LockFile(path)
	if err != nil {
		t.Errorf("it is gone, but: %v", err)
	}
	l.Release()
}

// A user's file with the name of a lock is neither used as one nor removed.
func TestOthersFileIsNoLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "snapshot")
	if err := os.WriteFile(path+lockSuffix, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LockFile(path); err == nil || !strings.Contains(err.Error(), "is in the way") {
		t.Errorf("error %v", err)
	}
	wantFile(t, path+lockSuffix, "mine")
	if _, err := LockFile(filepath.Join(t.TempDir(), "none", "file")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that isn't there: %v", err)
	}
}

func TestReadAllStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	if data, err := ReadAll(strings.NewReader("12345"), 5); string(data) != "12345" || err != nil {
		t.Errorf("at the limit: %q, %v", data, err)
	}
	endless := strings.NewReader(strings.Repeat("x", 1000))
	if _, err := ReadAll(endless, 5); err == nil || err.Error() != "more than 5 bytes" || endless.Len() < 1000-6 {
		t.Errorf("error %v, %d bytes were read", err, 1000-endless.Len())
	}
}

// Using the lock of another file as a file of one's own would destroy the lock.
func TestLockOfALock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	lock, err := LockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if other, err := LockFile(path + lockSuffix); !errors.Is(err, ErrInUse) {
		t.Errorf("locked: %v, error %v", other, err)
	}
}
