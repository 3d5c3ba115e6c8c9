package snapshot_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"serf/agent"
	"serf/agent/snapshot"
)

// A member that finds the others again after a restart, without seeds.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "snapshot")
	seed := start("seed", nil)
	defer seed.Close()

	for range 2 { // runs
		logger := agent.LogTo(slog.New(slog.DiscardHandler)) // slog.Default(), rather
		file, err := snapshot.Open(snapshot.Config{Path: path, Log: logger})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("known before:", len(file.Previous().Members))
		a := start("web-1", file)
		if len(file.Previous().Members) == 0 { // the first run needs somebody who is there
			if _, err := a.Join(context.Background(), []string{seed.Addr().String()}, false); err != nil {
				log.Fatal(err)
			}
		}
		for members := range a.WatchMembers(context.Background()) {
			if len(members) == 2 {
				break
			}
		}
		a.Close() // before the file: the agent writes to it
		if err := file.Close(); err != nil {
			log.Fatal(err)
		}
		logger.Close()
	}
	// Output:
	// known before: 0
	// known before: 2
}

func start(name string, file *snapshot.Snapshot) *agent.Agent {
	c := agent.Config{
		Name: name, Bind: netip.MustParseAddrPort("127.0.0.1:0"), Timing: agent.Local(),
		Logger: slog.New(slog.DiscardHandler),
	}
	if file != nil { // a nil *Snapshot isn't none
		c.Snapshot = file
	}
	a, err := agent.Start(context.Background(), c)
	if err != nil {
		log.Fatal(err)
	}
	return a
}
