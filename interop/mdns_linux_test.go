package interop

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// namespaceEnv tells the test binary that it runs inside of the namespace.
const namespaceEnv = "SERF_INTEROP_NAMESPACE"

// TestDiscovery has each make find the other by mDNS, in a network namespace that has nothing but a loopback interface
// and ends with this test. Who starts last finds the other: the next look around is a minute later.
func TestDiscovery(t *testing.T) {
	if os.Getenv(namespaceEnv) == "" {
		t.Parallel()
		runInNamespace(t)
		return
	}
	raiseLoopback(t)
	for cluster, p := range map[string]struct{ first, last program }{ // in any order
		"found-by-ours":     {originalProgram, ownProgram},
		"found-by-original": {ownProgram, originalProgram},
	} {
		t.Run(cluster, func(t *testing.T) {
			args := []string{"-discover=" + cluster, "-mdns-iface=lo", "-mdns-disable-ipv6"}
			first := p.first.start(t, options{name: "first-" + cluster, ip: ownIP(t)}, dialOwn, args...)
			stranger := p.first.start(t, options{name: "stranger-" + cluster, ip: ownIP(t)}, dialOwn,
				"-discover=another", "-mdns-iface=lo", "-mdns-disable-ipv6")
			last := p.last.start(t, options{name: "last-" + cluster, ip: ownIP(t)}, dialOwn, args...)
			wantAgreement(t, first, last)
			if view := stranger.members(); len(view) != 1 {
				t.Errorf("a member of another name found %v", view)
			}
			stranger.kill()
		})
	}
}

// runInNamespace runs the calling test again in a network namespace of its own, with programs that are built here and with
// these flags.
func runInNamespace(t *testing.T, flags ...string) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("a network namespace can't be set up: %v", err)
	}
	ownProgram.find(t)
	originalProgram.find(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=0")
	cmd.Args = append(cmd.Args, flags...)
	cmd.Env = append(os.Environ(), namespaceEnv+"=1", programsEnv+"="+binDir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSPC):
		t.Skipf("no network namespace is permitted here, so no multicast is tried: %v", err)
	case strings.Contains(string(out), "--- SKIP: "+t.Name()):
		t.Skip(string(out))
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	default:
		for _, line := range strings.Split(string(out), "\n") {
			if strings.Contains(line, "_test.go:") { // what it had to say
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}

// raiseLoopback makes the namespace's loopback interface usable, and the one that multicast goes by.
func raiseLoopback(t *testing.T) {
	for _, args := range [][]string{
		{"link", "set", "lo", "up", "multicast", "on"},
		{"route", "add", "224.0.0.0/4", "dev", "lo"},
	} {
		out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput()
		if text := string(out); strings.Contains(text, "not permitted") || strings.Contains(text, "denied") {
			t.Skipf("a namespace is permitted here, but nothing in it: ip %v: %s", args, text) // some systems confine users so
		}
		if err != nil {
			t.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
}
