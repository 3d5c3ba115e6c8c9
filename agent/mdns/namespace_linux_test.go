package mdns

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// namespaceEnv tells the test binary that it runs inside of the namespace.
const namespaceEnv = "SERF_TEST_MDNS_NAMESPACE"

// Two members find each other by real multicast, in a network namespace that has
// nothing but a loopback interface and ends with this test.
func TestFindEachOther(t *testing.T) {
	if os.Getenv(namespaceEnv) == "" {
		runInNamespace(t)
		return
	}
	raiseLoopback(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // only a failure takes that long
	defer cancel()
	joined := make(chan string, 2)
	for node, addr := range map[string]string{"a": "127.0.33.1:1", "b": "127.0.33.2:2"} { // in any order
		s, err := Start(Config{
			Cluster: "test", Node: node, Addr: netip.MustParseAddrPort(addr), Interface: "lo", DisableIPv6: true,
			Join: func(_ context.Context, addrs []string) (int, error) {
				joined <- node + " joined " + strings.Join(addrs, " ")
				return 1, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
	}
	// Who starts last finds the other.
	select {
	case got := <-joined:
		if got != "a joined 127.0.33.2:2" && got != "b joined 127.0.33.1:1" {
			t.Error(got)
		}
	case <-ctx.Done():
		t.Error("nobody found")
	}
}

// runInNamespace runs the calling test again in a network namespace of its own.
func runInNamespace(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("a network namespace can't be set up: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), namespaceEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSPC) {
		t.Skipf("no network namespace is permitted here, so no multicast is tried: %v", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// raiseLoopback makes the namespace's loopback interface usable, and the one that
// multicast goes by.
func raiseLoopback(t *testing.T) {
	for _, args := range [][]string{
		{"link", "set", "lo", "up", "multicast", "on"},
		{"route", "add", "224.0.0.0/4", "dev", "lo"},
	} {
		if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
}
