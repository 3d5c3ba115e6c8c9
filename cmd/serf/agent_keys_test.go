package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"serf/agent/disk"
)

const otherKey = "ZmVkY2JhOTg3NjU0MzIxMA=="

// A keyring that can't be written isn't reported as changed; later it is written without another
// request.
func TestKeysSaysThatAKeyringCantBeWritten(t *testing.T) {
	t.Parallel()
	ring := filepath.Join(t.TempDir(), "ring")
	rewrite(t, ring, `["MDEyMzQ1Njc4OWFiY2RlZg=="]`)
	obstacle := ring + disk.TempSuffix
	if err := os.Mkdir(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	r := runTestAgent(t, "-keyring-file", ring).started()
	for range 2 {
		got := runLine(t.Context(), nil, "keys", "-install="+otherKey, "-rpc-addr="+r.addr("RPC"))
		if got.code != exitError || strings.Contains(got.stdout, "Successfully") ||
			!strings.Contains(got.stdout, "failed:  a  changed, but in memory only, as the keyring can't be saved: "+obstacle+" is in the way") {
			t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
		}
	}
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	if got := runLine(t.Context(), nil, "keys", "-install="+otherKey, "-rpc-addr="+r.addr("RPC")); got.code != exitOK {
		t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	if data, err := os.ReadFile(ring); !strings.Contains(string(data), otherKey) || err != nil {
		t.Errorf("it has %q, error %v", data, err)
	}
	stop(r)
}

func TestKeysSaysWhoHasThemInMemoryOnly(t *testing.T) {
	t.Parallel()
	r := runTestAgent(t, "-encrypt=MDEyMzQ1Njc4OWFiY2RlZg==").started()
	got := runLine(t.Context(), nil, "keys", "-install="+otherKey, "-rpc-addr="+r.addr("RPC"))
	if got.code != exitOK || !strings.Contains(got.stderr, "==> Warning: in memory only on a: without a keyring file it is lost with a restart\n") {
		t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	stop(r)
}
