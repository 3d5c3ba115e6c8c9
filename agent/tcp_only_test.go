package agent

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
	"serf/swim"
	"serf/swim/history"
)

// A member whose packets get lost is accused by nobody, since it answers over TCP. It is named all
// the same.
func TestFlapsNameMembersThatAnswerOverTCPOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newMemNetwork()
		agents := beginJoined(t, net, 3)
		for i := range 2 {
			net.SetLinks(agents[2].Addr().Addr(), agents[i].Addr().Addr(), memnet.Link{Loss: 1})
		}
		time.Sleep(20 * time.Second)
		f := agents[0].Flaps(time.Hour)
		if f.Accusations != 0 || len(f.TCPOnly) != 1 || f.TCPOnly[0].Name != "c" || f.TCPOnly[0].Times < 3 {
			t.Fatalf("%+v", f)
		}
		if ago := time.Since(f.TCPOnly[0].Last.Time); ago < 0 || ago > 10*time.Second {
			t.Errorf("the last time was %v ago", ago)
		}
		if !strings.Contains(f.Summary, "over TCP but not over UDP") {
			t.Errorf("summary %q", f.Summary)
		}
		if f := agents[0].Flaps(time.Millisecond); len(f.TCPOnly) != 0 {
			t.Errorf("the last millisecond: %+v", f.TCPOnly)
		}
	})
}

func TestAnswersOverTCPAreLimited(t *testing.T) {
	t.Parallel()
	var seen tcpOnly
	name := func(id swim.MemberID) string { return string(rune('a' + id)) }
	for i := range tcpOnlyMax {
		seen.add(0, swim.Time(i))
	}
	seen.add(1, tcpOnlyMax)
	seen.add(1, tcpOnlyMax+1)
	want := []history.TCPOnly{
		{Name: "a", Times: tcpOnlyMax - 2, At: tcpOnlyMax - 1}, {Name: "b", Times: 2, At: tcpOnlyMax + 1}}
	if got := seen.since(0, name); !slices.Equal(got, want) || len(seen.answers) != tcpOnlyMax {
		t.Errorf("%+v in %d", got, len(seen.answers))
	}
	if got := seen.since(tcpOnlyMax-1, name); got[0].Name != "b" || got[1].Times != 1 {
		t.Errorf("the last three: %+v", got)
	}
	var many tcpOnly
	for id := range swim.MemberID(history.FlapsMax + 1) {
		many.add(id, 0)
	}
	if got := many.since(0, name); len(got) != history.FlapsMax {
		t.Errorf("%d of %d members are listed", len(got), history.FlapsMax+1)
	}
}
