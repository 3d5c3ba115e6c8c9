package systest

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// SocketPath is a path for a Unix socket in a folder of its own. That of t.TempDir has the test's
// name in it, and paths of sockets are short. The test is skipped where there are no such sockets, as
// under Wine.
func SocketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "serf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ln, err := net.Listen("unix", filepath.Join(dir, "try"))
	if err != nil {
		t.Skip("no Unix sockets here: ", err)
	}
	ln.Close()
	return filepath.Join(dir, "s")
}
