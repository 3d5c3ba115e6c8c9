package interop

import (
	"testing"

	"serf/internal/systest"
)

// TestDiscovery has each implementation find the other by mDNS, in a network namespace with nothing
// but a loopback interface, which ends with this test. Whichever starts last finds the other: the
// next query is a minute later.
func TestDiscovery(t *testing.T) {
	if !systest.InNamespace() {
		t.Parallel()
		runInNamespace(t)
		return
	}
	systest.RaiseLoopback(t)
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

// runInNamespace runs the calling test again in a network namespace of its own, with programs that
// are built here and with these flags.
func runInNamespace(t *testing.T, flags ...string) {
	t.Helper()
	ownProgram.find(t)
	originalProgram.find(t)
	systest.RunInNamespace(t, []string{programsEnv + "=" + binDir}, flags...)
}
