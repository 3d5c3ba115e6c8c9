package interop

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recordScript writes an event handler's input into a file named for the event, atomically.
const recordScript = `#!/bin/sh
name="$SERF_EVENT$SERF_USER_EVENT$SERF_QUERY_NAME"
{ env | grep ^SERF_ | grep -v ^SERF_RPC | sort; echo "-- input"; cat; echo "-- end"; } > "$RECORD/.$name"
mv "$RECORD/.$name" "$RECORD/$name"
echo "handled $name"
`

// TestEventHandlers runs one script under agents of both implementations: its input is the same,
// and its output answers a query.
func TestEventHandlers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	all := make(map[string]map[string]string)
	t.Run("run", func(t *testing.T) {
		for _, p := range []program{ownProgram, originalProgram} {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				records := recordHandlers(t, p)
				mu.Lock()
				defer mu.Unlock()
				all[p.name] = records
			})
		}
	})
	got, want := all[ownProgram.name], all[originalProgram.name]
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Fatalf("events %v, want %v", g, w)
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: ours gives\n%s\nwant\n%s", name, got[name], want[name])
		}
	}
}

// recordHandlers returns the script's input for each event.
func recordHandlers(t *testing.T, p program) map[string]string {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(t.TempDir(), "handler.sh")
	must(t, os.WriteFile(script, []byte(recordScript), 0o700))
	mate := original.start(t, options{name: "mate", tags: map[string]string{"role": "db"}})
	a := p.start(t, options{name: "agent", tags: map[string]string{"role": "web", "odd-key.x": "v"}}, dialOwn,
		"-event-handler=member-update,member-leave,user,query="+"RECORD="+dir+" "+script)
	must(t, a.join(false, mate))
	wantAgreement(t, a, mate)
	// Wait for the join before the update: of the two at once, ours reports the join and the
	// original the update.
	wantEvent(t, "member-join mate", a)

	must(t, mate.event("plain", []byte("text"), false))
	must(t, mate.event("newline", []byte("text\n"), false))
	must(t, mate.event("empty", nil, false))
	must(t, mate.event("lines", []byte("one\ntwo"), false))
	wantRecords(t, dir, "userplain", "usernewline", "userempty", "userlines")
	got, err := mate.query(question{name: "uptime", payload: "since", nodes: []string{"agent"}, responses: 1})
	must(t, err)
	if text := got.Responses["agent"]; text != "handled queryuptime\n" {
		t.Errorf("%s answers %q", p.name, text)
	}
	must(t, mate.setTags(map[string]string{"role": "a,b=c\td\ne"}))
	wantRecords(t, dir, "queryuptime", "member-update")
	must(t, mate.leave())
	return wantRecords(t, dir, "userplain", "usernewline", "userempty", "userlines", "queryuptime", "member-update", "member-leave").
		without(mate.addr().Addr().String())
}

type records map[string]string

// without removes an address, which differs from run to run.
func (r records) without(addr string) map[string]string {
	for name := range r {
		r[name] = strings.ReplaceAll(r[name], addr, "ADDR")
	}
	return r
}

// wantRecords waits until all these records exist and returns them.
func wantRecords(t *testing.T, dir string, names ...string) records {
	t.Helper()
	all := make(records)
	eventually(t, patience, fmt.Sprintf("records of %v", names), func() error {
		var errs []error
		for _, name := range names {
			b, err := os.ReadFile(filepath.Join(dir, name))
			all[name] = string(b)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
	return all
}
