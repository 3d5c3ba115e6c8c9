package systest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// namespaceEnv tells the test binary that it runs inside the namespace.
const namespaceEnv = "SERF_TEST_NAMESPACE"

// InNamespace reports whether the caller is a test that RunInNamespace runs.
func InNamespace() bool { return os.Getenv(namespaceEnv) != "" }

// RunInNamespace runs the calling test again, in a process and a network namespace of its own,
// which ends with it; there InNamespace is true. The caller gets the result and the log of that
// run. It is skipped where the system permits no namespace. env and flags go to the process.
func RunInNamespace(t *testing.T, env []string, flags ...string) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("a network namespace can't be set up: %v", err)
	}
	args := append([]string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=0"}, flags...)
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(slices.Concat(os.Environ(), env), namespaceEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) ||
		errors.Is(err, syscall.ENOSPC):
		t.Skipf("no network namespace is permitted here: %v", err)
	case strings.Contains(string(out), "--- SKIP: "+t.Name()):
		t.Skip(string(out))
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "_test.go:") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// IP runs the command ip in the network namespace of the calling thread.
func IP(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// MustSetUp ends the test if a step of setting up a network failed. Some systems permit users a
// namespace, but nothing in it: there the test is skipped.
func MustSetUp(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, denied := range []string{"not permitted", "denied", "not supported", "no space left"} {
		if strings.Contains(err.Error(), denied) {
			t.Skipf("a network can't be set up: %v", err)
		}
	}
	t.Fatal(err)
}

// RaiseLoopback makes the namespace's loopback interface usable, for multicast too.
func RaiseLoopback(t testing.TB) {
	t.Helper()
	MustSetUp(t, IP(t.Context(), "link", "set", "lo", "up", "multicast", "on"))
	MustSetUp(t, IP(t.Context(), "route", "add", "224.0.0.0/4", "dev", "lo"))
}
