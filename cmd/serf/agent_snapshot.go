package main

import (
	"fmt"
	"net/netip"
	"strings"

	"serf/agent"
	"serf/agent/snapshot"
	"serf/internal/std"
)

// openSnapshot opens the snapshot, if there is to be one, and makes the agent continue from it.
func (d *daemon) openSnapshot(ac *agent.Config) (err error) {
	conf := &d.setup.conf
	if conf.Snapshot == "" {
		return nil
	}
	d.snapshot, err = snapshot.Open(snapshot.Config{Path: conf.Snapshot, Rejoin: conf.Rejoin,
		Log: d.log, Observe: d.extras.metrics.Snapshot})
	if err != nil {
		text := strings.TrimPrefix(err.Error(), "snapshot: ")
		return fmt.Errorf("%s: %s", conf.Where("snapshot_path"), text)
	}
	ac.Snapshot = d.snapshot
	return nil
}

// closeSnapshot writes what the snapshot still has; the agent has stopped, or never ran.
func (d *daemon) closeSnapshot() {
	if d.snapshot == nil {
		return
	}
	if err := d.snapshot.Close(); err != nil {
		d.out.fail("Error closing the %v", err)
	}
}

// noteLeft is called by the RPC server, and must not wait.
func (d *daemon) noteLeft() { std.Wake(d.left) }

// noteMoved is called by the agent, and must not wait.
func (d *daemon) noteMoved(netip.AddrPort) { std.Wake(d.moved) }
