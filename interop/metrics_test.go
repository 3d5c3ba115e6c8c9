package interop

import (
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestMetricNames has agents of both implementations send their metrics while the same happens to
// them: dashboards find with ours all that they find with the original, under the same names and of
// the same kinds.
func TestMetricNames(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	sent := make(map[string]map[string]string)
	t.Run("run", func(t *testing.T) {
		for _, p := range []program{ownProgram, originalProgram} {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				names := metricsOf(t, p)
				mu.Lock()
				defer mu.Unlock()
				sent[p.name] = names
			})
		}
	})
	got, want := sent[ownProgram.name], sent[originalProgram.name]
	for name, kind := range want {
		if got[name] != kind && !byChance[name] {
			t.Errorf("%s: the original sends kind %q, ours %q", name, kind, got[name])
		}
	}
	if len(want) < 30 {
		t.Errorf("the original sent %d metrics only: %v", len(want), want)
	}
}

// byChance are metrics that appear or not depending on the load of the machine.
var byChance = map[string]bool{
	"runtime.gc_pause_ns": true, "memberlist.degraded.probe": true, "memberlist.degraded.timeout": true, "memberlist.msg.suspect": true,
	"serf.query_duplicate_acks": true, "serf.query_duplicate_responses": true, "serf.coordinate.rejected": true,
}

// metricsOf returns the kinds of the metrics that an agent sends, by name.
func metricsOf(t *testing.T, p program) map[string]string {
	t.Helper()
	statsd, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { statsd.Close() })
	var mu sync.Mutex
	names := make(map[string]string)
	go func() {
		b := make([]byte, 1<<16)
		for {
			n, _, err := statsd.ReadFrom(b)
			if err != nil {
				return
			}
			mu.Lock()
			addMetrics(names, string(b[:n]))
			mu.Unlock()
		}
	}()

	key := []byte(strings.Repeat("k", 32))
	file := filepath.Join(t.TempDir(), "agent.json")
	snapshot := filepath.Join(t.TempDir(), "snapshot")
	must(t, os.WriteFile(file, fmt.Appendf(nil, `{"statsd_addr": %q, "encrypt_key": %q, "snapshot_path": %q, "event_handlers": ["user:deploy=true"]}`,
		statsd.LocalAddr(), base64.StdEncoding.EncodeToString(key), snapshot), 0o600))
	mate := original.start(t, options{name: "mate", keys: [][]byte{key}})
	a := p.start(t, options{name: "agent"}, dialOwn, "-config-file="+file)
	must(t, a.join(false, mate))
	wantAgreement(t, a, mate)
	must(t, a.setTags(map[string]string{"k": "v"}))
	must(t, a.event("deploy", []byte("x"), false))
	_, err = a.query(question{name: echoQuery, ack: true, acks: 2, responses: 2})
	must(t, err)
	wantMetrics := func(wanted ...string) {
		t.Helper()
		eventually(t, patience, "metrics of "+p.name, func() error {
			mu.Lock()
			defer mu.Unlock()
			for _, name := range wanted {
				if names[name] == "" {
					return fmt.Errorf("no %s", name)
				}
			}
			return nil
		})
	}
	wantMetrics("memberlist.probeNode", "memberlist.gossip", "serf.events.deploy", "agent.invoke.true", "serf.coordinate.adjustment-ms")
	must(t, mate.leave())
	wantMetrics("serf.member.left", "memberlist.msg.dead")
	a.kill()
	mu.Lock()
	defer mu.Unlock()
	return names
}

// addMetrics adds the lines of one packet, without the prefix and, in names of gauges, without the
// host.
func addMetrics(names map[string]string, packet string) {
	host, _ := os.Hostname()
	for line := range strings.Lines(packet) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		_, kind, _ := strings.Cut(value, "|")
		name = strings.TrimPrefix(strings.TrimPrefix(name, "serf-agent."), host+".")
		names[name] = kind
	}
}
