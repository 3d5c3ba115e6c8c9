package disk

import (
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// hold opens a file as programs do that don't let it be replaced.
func hold(t *testing.T, path string) windows.Handle {
	t.Helper()
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A virus scanner or a backup has a file open for a moment.
func TestFileThatIsHeldOpenIsReplacedLater(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := Replace(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	h := hold(t, path)
	began := time.Now()
	if err := Replace(path, []byte("new")); err == nil || time.Since(began) < renameWait {
		t.Errorf("held open for ever, and replaced after %v: %v", time.Since(began), err)
	}
	wantFile(t, path, "old")
	wantAlone(t, filepath.Dir(path))
	time.AfterFunc(renameWait/4, func() { windows.CloseHandle(h) })
	if err := Replace(path, []byte("new")); err != nil {
		t.Error("held open for a moment:", err)
	}
	wantFile(t, path, "new")
}
