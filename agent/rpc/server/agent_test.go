package server

import (
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"serf/agent"
	"serf/agent/rpc"
	"serf/swim/serf"
)

// A monitor that is too slow hears about it itself. A line in the log would be dropped, too, and
// cause another.
func TestSlowMonitorFeedsNothingBack(t *testing.T) {
	log := agent.NewLog(io.Discard, slog.LevelInfo)
	defer log.Close()
	log.Infof("agent", "before")
	f := &lineFeed{log.Monitor(agent.LevelTrace, 2, "slow")}
	const sent = 5
	for i := range sent {
		log.Infof("agent", "line %d", i)
	}
	if n := f.Len(); n != 3 {
		t.Errorf("%d lines wait, want one from before and two", n)
	}
	f.wantNext(t, "before")
	f.wantNext(t, "line 0")
	f.wantNext(t, "line 1")
	if n := f.Len(); n != 0 {
		t.Errorf("%d more lines", n)
	}
	f.wantNext(t, "3 lines of the log were dropped: slow")
	log.Infof("agent", "later")
	f.wantNext(t, "later")
	all := log.Monitor(agent.LevelTrace, 1, "")
	defer all.Close()
	if n := all.Len(); n != sent+2 {
		t.Errorf("the log has %d lines, want %d", n, sent+2)
	}
	f.Close()
	if _, ok := f.Next(); ok {
		t.Error("a line after Close")
	}
}

func (f *lineFeed) wantNext(t *testing.T, part string) {
	t.Helper()
	if line, ok := f.Next(); !ok || !strings.Contains(line, part) {
		t.Errorf("next line is %q, %t; want %q", line, ok, part)
	}
}

func TestStoppedAnswersEnd(t *testing.T) {
	f := &answerFeed{c: make(chan agent.Answer), stopped: make(chan struct{})}
	f.Close()
	f.Close()
	if _, ok := f.Next(); ok {
		t.Error("an answer after Close")
	}
}

// Events of an agent reach clients with all their fields, under the kind that they are filtered by.
func TestEventsOfTheAgent(t *testing.T) {
	m := serf.Member{
		Name:     "a",
		Addr:     netip.MustParseAddrPort("127.0.0.1:7946"),
		Tags:     map[string]string{"k": "v"},
		Status:   serf.StatusLeaving,
		Versions: [6]byte{1, 5, 2, 3, 6, 4},
	}
	for _, tt := range []struct {
		in   agent.Event
		want rpc.Event
	}{
		{
			agent.MemberEvent{Type: agent.MemberFailed, Members: []serf.Member{m}},
			rpc.Event{Type: rpc.MemberFailed, Members: []rpc.Member{{
				Name: "a", Addr: m.Addr, Tags: m.Tags, Status: "leaving",
				Protocol: rpc.Versions{Min: 1, Max: 5, Current: 2}, Delegate: rpc.Versions{Min: 3, Max: 6, Current: 4},
			}}},
		},
		{
			agent.UserEvent{LTime: 3, Name: "n", Payload: []byte("p"), Coalesce: true},
			rpc.Event{Type: rpc.UserEvent, LTime: 3, Name: "n", Payload: []byte("p"), Coalesce: true},
		},
		{
			agent.QueryEvent{ID: 9, LTime: 3, Name: "n", Payload: []byte("p"), From: "b"},
			rpc.Event{Type: rpc.QueryEvent, ID: 1, LTime: 3, Name: "n", Payload: []byte("p")}, // the client's own ID
		},
	} {
		subscribe := func(func(agent.Event) bool) (Feed[agent.Event], error) { return newFeed(0, tt.in), nil }
		_, l := startServer(t, &fakeAgent{subscribe: subscribe}, Options{})
		s, err := connect(t, l, "").Stream(t.Context(), "*")
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.in, diff)
		}
		if kind, _ := agent.KindOf(tt.in); kind != got.Type {
			t.Errorf("%v is filtered as %q and told as %q", tt.in, kind, got.Type)
		}
	}
}
