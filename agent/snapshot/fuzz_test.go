package snapshot

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"serf/lamport"
)

// FuzzLoad reads arbitrary files: each of them loads, and the resulting state is the same after it
// was written and read again, with times that a node accepts.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		"", "alive: b 10.0.0.2:7946\nalive: a c [::1]:7946\nclock: 1\nevent-clock: 5\nquery-clock: 6\n",
		"alive: b 10.0.0.2:7946\nnot-alive: b\nleave\n", "# failed: b 10.0.0.2:7946\n# failed: \"\\n\" 1.2.3.4:5\n", aliveLine(evil, "10.0.0.1:1") + "leave\nclock: 4",
		"coordinate: {}\n# comment\nalive: \"\\xff\" 1.2.3.4:5\nalive: \"x 1.2.3.4:5\nclock: 18446744073709551615\n",
	} {
		f.Add([]byte(text), false)
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, file []byte, rejoin bool) {
		c, err := load(bytes.NewReader(file), rejoin)
		if err != nil {
			t.Fatal(err)
		}
		if c.size != int64(len(file)) {
			t.Fatalf("%d bytes counted of %d", c.size, len(file))
		}
		for _, at := range []uint64{c.member, c.event, c.query} {
			if clock := new(lamport.Clock); !clock.Restore(lamport.Time(at)) {
				t.Fatalf("a time that no clock takes: %d", at)
			}
		}
		again, err := load(bytes.NewReader(c.appendTo(nil)), rejoin)
		if err != nil || again.unknown > 0 || again.torn {
			t.Fatalf("written, it has %d lines that mean nothing, torn: %t, %v",
				again.unknown, again.torn, err)
		}
		if !maps.Equal(c.alive, again.alive) || !slices.Equal(c.failed, again.failed) || c.clocks != again.clocks {
			t.Fatalf("%v at %v, but written and read again %v at %v",
				c.alive, c.clocks, again.alive, again.clocks)
		}
	})
}
