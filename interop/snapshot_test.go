package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

var seenEvent = regexp.MustCompile(`(?m)^event-clock: [1-9]`)

// TestSnapshotOfTheOther lets one make of agent go on with the snapshot of another: it rejoins by
// itself, and hears nothing twice.
func TestSnapshotOfTheOther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ writer, reader program }{
		{ownProgram, ownProgram}, {ownProgram, originalProgram}, {originalProgram, ownProgram},
	} {
		t.Run(tt.writer.name+" to "+tt.reader.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "snapshot")
			witness := ownProgram.start(t, options{name: "witness"}, dialOwn)
			first := tt.writer.start(t, options{name: "kept"}, dialOwn, "-snapshot="+path, "-join="+witness.bind.String())
			wantAgreement(t, first, witness)
			must(t, witness.event("old", nil, false))
			wantEvent(t, "user old ", first)
			if tt.writer.name == ownProgram.name {
				first.killOnceWritten(t, path)
			} else { // the original keeps it until it ends
				must(t, first.cmd.Process.Signal(syscall.SIGTERM))
				first.wait() // not to leave is an error
			}

			second := tt.reader.start(t, options{name: "kept", ip: first.bind.Addr()}, dialOwn, "-snapshot="+path)
			wantAgreement(t, second, witness)
			must(t, witness.event("new", nil, false))
			wantEvent(t, "user new ", second)
			if heard(second, "user old ") > 0 {
				t.Errorf("an event of the last run was delivered again")
			}
		})
	}
}

// killOnceWritten kills the agent as soon as its snapshot knows of an event.
func (r *running) killOnceWritten(t *testing.T, path string) {
	t.Helper()
	eventually(t, patience, "the event in the snapshot", func() error {
		data, err := os.ReadFile(path)
		if err == nil && !seenEvent.Match(data) {
			err = fmt.Errorf("%q", data)
		}
		return err
	})
	r.kill()
}
