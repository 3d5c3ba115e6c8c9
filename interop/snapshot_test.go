package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var seenEvent = regexp.MustCompile(`(?m)^event-clock: [1-9]`)

// TestSnapshotOfTheOther has an agent of one implementation continue with a snapshot of the other:
// it rejoins by itself, and delivers nothing twice.
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
			} else { // the original holds it until it ends
				must(t, first.cmd.Process.Signal(syscall.SIGTERM))
				first.wait() // ending without a leave is an error
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

// killOnceWritten kills the agent as soon as its snapshot has an event.
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

// TestOriginalReadsWhoFailed has the original continue with a snapshot that lists failed members in
// lines that it considers comments.
func TestOriginalReadsWhoFailed(t *testing.T) {
	t.Parallel()
	witness := ownProgram.start(t, options{name: "witness"}, dialOwn)
	path := filepath.Join(t.TempDir(), "snapshot")
	lines := fmt.Sprintf("alive: witness %v\nalive: gone 127.0.0.1:1\nclock: 3\nnot-alive: gone\n# failed: gone 127.0.0.1:1\nevent-clock: 1\n"+
		"query-clock: 1\n# failed: \"odd\\nname\" 127.0.0.1:2\n", witness.bind)
	must(t, os.WriteFile(path, []byte(lines), 0o600))
	second := originalProgram.start(t, options{name: "kept"}, dialOwn, "-snapshot="+path)
	wantAgreement(t, second, witness)
	for _, word := range []string{"Unrecognized", "Failed to parse"} {
		if out := second.log.String(); strings.Contains(out, word) {
			t.Errorf("%s in its log:\n%s", word, out)
		}
	}
}
