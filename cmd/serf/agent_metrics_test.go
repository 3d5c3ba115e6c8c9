package main

import (
	"path/filepath"
	"strings"
	"testing"

	"serf/agent"
	"serf/agent/telemetry"
)

func TestSnapshotIsTimed(t *testing.T) {
	s, err := loadSetup([]string{"-node=n", "-bind=127.0.31.1", "-snapshot", filepath.Join(t.TempDir(), "snapshot")})
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{setup: s}
	d.extras.metrics = telemetry.New(telemetry.Options{})
	defer d.extras.metrics.Close()
	if err := d.openSnapshot(new(agent.Config)); err != nil {
		t.Fatal(err)
	}
	d.snapshot.Append([]byte("clock: 1\n"))
	d.closeSnapshot()
	if got := string(d.extras.metrics.Dump()); !strings.Contains(got, "[S] 'serf-agent.serf.snapshot.appendLine': Count: ") {
		t.Errorf("the dump has no time of the snapshot:\n%s", got)
	}
}
