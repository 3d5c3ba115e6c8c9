package interop

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"serf/wire"
)

// TestOriginalDoesNotNoticeDifferences exchanges states often in a cluster of both kinds, and sends
// the original each step of an exchange of differences. It answers with all that it knows, as to
// any push/pull, and logs nothing that isn't about debugging.
func TestOriginalDoesNotNoticeDifferences(t *testing.T) {
	t.Parallel()
	all := cluster(t, options{exchanges: true}, ours, original, ours, original)
	lines := make(map[*originalMember]int)
	for _, m := range all {
		if o, ok := m.(*originalMember); ok {
			lines[o] = strings.Count(o.log.String(), "\n")
		}
	}
	for o := range lines {
		for step := wire.DiffWhole; step <= wire.DiffParts; step++ {
			wantWholeState(t, o, step, all)
		}
	}
	began := time.Now()
	for _, m := range all {
		if o, ok := m.(*own); ok {
			eventually(t, 20*time.Second, "exchanges of "+m.name(), func() error {
				traffic := o.agent.Traffic()
				if n := traffic.PushPulls.N(); n < 4 {
					return fmt.Errorf("%d so far", n)
				}
				return nil
			})
			if c, _, _ := o.agent.Counters(); c.PushPullErrors > 0 {
				t.Errorf("%s: %d exchanges failed", m.name(), c.PushPullErrors)
			}
		}
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("four exchanges took %v, one an interval of %v was expected", took, exchangeInterval)
	}
	for o, before := range lines {
		for _, line := range strings.Split(o.log.String(), "\n")[before:] {
			if line != "" && !strings.Contains(line, "[DEBUG]") {
				t.Errorf("%s logs %s", o.name(), line)
			}
		}
	}
}

// wantWholeState sends a step of an exchange of differences to a member of the original.
func wantWholeState(t *testing.T, o *originalMember, step wire.DiffStep, all []member) {
	t.Helper()
	w := wire.AppendSerfState(nil, 1, 0)
	w.LeftMembers(1, 0)
	w.StatusLTimes(1, 0)
	user := w.Bytes()
	head := wire.PushPullHeader{UserStateLen: len(user), Diff: wire.Diff{
		Step: step, Root: 1 << 63, Salt: 1 << 62, Sums: make([]byte, 64), Parts: []byte{1, 2},
		Above: []byte{3},
	}}
	conn, err := net.Dial("tcp", o.addr().String())
	must(t, err)
	defer conn.Close()
	_, err = conn.Write(append(head.Append(nil), user...))
	must(t, err)
	answer, err := io.ReadAll(bufio.NewReader(conn))
	must(t, err)
	pp, err := wire.ParsePushPull(answer[1:])
	if err != nil || pp.Nodes != len(all) {
		t.Fatalf("step %d is answered with %d members (%v), want %d", step, pp.Nodes, err, len(all))
	}
	got, _, _ := wire.ParsePushPullHeader(answer[1:])
	if got.Diff.Step != wire.DiffNone {
		t.Fatalf("the original answers with step %d", got.Diff.Step)
	}
}
